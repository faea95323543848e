"""Break the handling of each correctness trap once, in a copy, and see its tests fail.

    python -m benchmarks.break_traps [--only WORDS]

Reads tests/traps.toml. Exits 1 where a broken handling goes unnoticed.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("app", "benchmarks", "core", "docs", "pages", "tests", "pyproject.toml")
_FAILED = 1  # pytest: tests ran and some failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Break what was asked for, print a line a trap, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="only traps with these words in their name")
    only = parser.parse_args(arguments).only
    text = (ROOT / "tests" / "traps.toml").read_text(encoding="utf-8")
    traps = [trap for trap in tomllib.loads(text)["trap"] if only in trap["name"]]
    with tempfile.TemporaryDirectory(prefix="bearings-traps-") as folder:
        copy = _copied(Path(folder))
        unnoticed = [trap["name"] for trap in traps if not _noticed(copy, trap)]
    sys.stdout.write(f"{len(traps) - len(unnoticed)} of {len(traps)} broken handlings noticed\n")
    return int(bool(unnoticed))


def _copied(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def _noticed(copy: Path, trap: dict[str, Any]) -> bool:
    """Whether the trap's tests pass as the code is, and one fails once the handling is broken."""
    began, path = time.monotonic(), copy / trap["file"]
    sound = path.read_text(encoding="utf-8")
    whole = _tested(copy, trap["tests"])
    path.write_text(sound.replace(trap["old"], trap["new"]), encoding="utf-8")
    try:
        broken = _tested(copy, trap["tests"])
    finally:
        path.write_text(sound, encoding="utf-8")
    noticed = whole == 0 and broken == _FAILED
    word = "noticed" if noticed else f"NOT NOTICED (sound {whole}, broken {broken})"
    sys.stdout.write(f"{word:<12} {time.monotonic() - began:5.1f} s  {trap['name']}\n")
    sys.stdout.flush()
    return noticed


def _tested(copy: Path, tests: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *tests], cwd=copy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
