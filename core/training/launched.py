"""Which process of several this is, by the environment of torchrun or accelerate; no torch."""

import os

from core.errors import RunError
from core.project import RAY_WORKERS


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
