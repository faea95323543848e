"""What a run was made with: versions, device, git state, command."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pandas",
    "opencv-python-headless",
    "safetensors",
    "pydantic",
)


def versions() -> dict[str, str]:
    """Versions of Bearings, Python and the packages that results depend on."""
    installed = {"bearings": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def git_state() -> dict[str, Any]:
    """Commit of the code and whether it was changed since; empty outside a repository."""
    here = Path(__file__).parent
    commit = _git(here, "rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"commit": commit, "changed": bool(_git(here, "status", "--porcelain", "-uno"))}


def environment(device: str, precision: str, threads: int, *, processes: int = 1) -> dict[str, Any]:
    """What the run was made with, for `environment.json`."""
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "device": device,
        "precision": precision,
        "threads": threads,
        "processes": processes,
        "git": git_state(),
        "command": command_line(),
    }


def command_line() -> str:
    """The command of this process, as it can be typed again."""
    if Path(sys.argv[0]).name == "__main__.py":
        return " ".join(["python -m core", *sys.argv[1:]])
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
