"""Which process of several this is, as torchrun and accelerate say in the environment; no torch."""

import os

from core.errors import RunError
from core.project import RAY_WORKERS


class PeerFailed(RunError):  # noqa: N818 - the failure is another process's
    """Another process of this run failed, so this one cannot go on."""


def launched_rank() -> int:
    """The number of this process among all of its run; 0 where it is the only one."""
    return int(os.environ.get("RANK", "0"))


def launched_local_rank() -> int:
    """The number of this process among those of its run on this machine."""
    return int(os.environ.get("LOCAL_RANK", launched_rank()))


def launched_count() -> int:
    """How many processes were started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def tells(error: Exception) -> bool:
    """Whether this process is the one to tell its user of an error, so that it is told once.

    The main process tells what any of them suffered. The first process on another machine tells its
    own mistakes too, as a path that is missing there alone.
    """
    if launched_rank() == 0:
        return True
    return launched_local_rank() == 0 and not isinstance(error, PeerFailed)


def train_command(arguments: str) -> str:
    """The command that starts `train` as this process was started.

    The lone `--` keeps torchrun from taking `--run` for an abbreviation of its own options.
    """
    if workers := os.environ.get(RAY_WORKERS):
        return f"python -m core train {arguments} --ray-workers {workers}"
    if launched_count() == 1:
        return f"python -m core train {arguments}"
    here = os.environ.get("LOCAL_WORLD_SIZE", str(launched_count()))
    return f"torchrun --nproc-per-node {here} -m -- core train {arguments}"
