"""docs/benchmarks.md: each benchmark owns the section under its `##` heading and no other."""

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from core.files import write_text
from core.project import PROJECT

DOCUMENT = PROJECT / "docs" / "benchmarks.md"
BUSY = (
    " Other work took the cores meanwhile: times are long, and rows of several threads or "
    "processes say nothing about scaling."
)
LAST = "## Not run here"
_BEGIN = "# Benchmarks\n"


def write_section(document: Path, section: str) -> None:
    """Put a section into a document, which is begun if there is none."""
    old = document.read_text(encoding="utf-8") if document.exists() else _BEGIN
    write_text(document, replace_section(old, section))


def replace_section(document: str, section: str) -> str:
    """Return a Markdown document with the section of the same `##` heading replaced, or added.

    A new section comes before that of `LAST`.
    """
    title = section.splitlines()[0]
    parts = re.split(r"(?m)^(?=## )", document)
    kept = [part.rstrip("\n") for part in parts if part.strip()]
    for index, part in enumerate(kept):
        if part.splitlines()[0] == title:
            kept[index] = section.rstrip("\n")
            break
    else:
        has_last = kept[-1].splitlines()[0] == LAST
        kept.insert(len(kept) - has_last, section.rstrip("\n"))
    return "\n\n".join(kept) + "\n"


def measured_on(command: str, packages: Iterable[str]) -> str:
    """The command, machine, load and versions, and a warning if other work took the cores."""
    named = ", ".join(f"{name} {version(name)}" for name in packages)
    cores, load = os.cpu_count() or 1, os.getloadavg()[1]
    return (
        f"`{command.strip()}`: {cores} cores, load {load:.1f}, "
        f"Python {platform.python_version()}, {named}.{BUSY if load > cores else ''}"
    )
