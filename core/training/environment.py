"""The environment of a training process: its versions, git state and command, and its rank.

The rank is read from the variables that torchrun and accelerate set. Light: no torch here.
"""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core import __version__
from core.errors import RunError
from core.project import RAY_WORKERS

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
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
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


def environment(
    device: str,
    precision: str,
    threads: int,
    *,
    processes: int = 1,
    local_features: str | None = None,
) -> dict[str, Any]:
    """What the run was made with, for `environment.json`.

    `local_features` is the kind of keypoints that the option `auto` became; None without keypoints.
    """
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "device": device,
        "precision": precision,
        "threads": threads,
        "processes": processes,
        "local_features": local_features,
        "git": git_state(),
        "command": command_line(),
    }


def command_line() -> str:
    """The command of this process, as it can be typed again."""
    if Path(sys.argv[0]).name == "__main__.py":
        return " ".join(["python -m core", *sys.argv[1:]])
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


class PeerFailed(RunError):  # noqa: N818 - the failure is another process's
    """Another process of this run failed, so this one cannot continue."""


def launched_rank() -> int:
    """Return the number of this process in its run; 0 if it is the only one."""
    return int(os.environ.get("RANK", "0"))


def launched_local_rank() -> int:
    """Return the number of this process among those of its run on this machine."""
    return int(os.environ.get("LOCAL_RANK", launched_rank()))


def launched_count() -> int:
    """Return how many processes were started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def reports_error(error: Exception) -> bool:
    """Return whether this process prints an error, so that it is printed once.

    The main process prints the errors of all. The first process on another machine prints its own
    too, such as a path that is missing on that machine only.
    """
    if launched_rank() == 0:
        return True
    return launched_local_rank() == 0 and not isinstance(error, PeerFailed)


def train_command(arguments: str) -> str:
    """Return the command that starts `train` with as many processes as this run has.

    The lone `--` keeps torchrun from taking `--run` for an abbreviation of its own options.
    """
    if workers := os.environ.get(RAY_WORKERS):
        return f"python -m core train {arguments} --ray-workers {workers}"
    if launched_count() == 1:
        return f"python -m core train {arguments}"
    here = os.environ.get("LOCAL_WORLD_SIZE", str(launched_count()))
    return f"torchrun --nproc-per-node {here} -m -- core train {arguments}"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
