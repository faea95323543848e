"""Which process a job was started as, and how that process ended.

A process number alone is no proof, as numbers are given again: the start time tells two apart.
"""

import platform
import time
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict

from core.files import read_stored, write_json
from core.system import SYSTEM
from core.training.status import RunStatus, living_process

LAUNCH = "launch.json"
EXIT = "exit.json"


class LaunchRecord(BaseModel):
    """Content of `launch.json`; times are seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    process_start: float
    host: str = ""
    launched: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Describe a process that was just started."""
        return cls(
            pid=pid,
            process_start=psutil.Process(pid).create_time(),
            host=platform.node(),
            launched=time.time(),
        )

    def write(self, run: Path) -> None:
        """Replace the record of a run."""
        write_json(run / LAUNCH, self.model_dump(mode="json"))


class ExitRecord(BaseModel):
    """Content of `exit.json`: how a started process ended, as its starter saw it.

    `code` is as Python gives it: on Linux and macOS negative for the signal that ended the process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    process_start: float
    code: int
    ended: float

    @property
    def words(self) -> str:
        """How it ended, in words."""
        return SYSTEM.killed(self.code) or f"ended with exit code {self.code}"

    @property
    def killed(self) -> bool:
        """Whether something outside the process ended it."""
        return SYSTEM.killed(self.code) is not None

    def write(self, run: Path) -> None:
        """Replace the record of a run."""
        write_json(run / EXIT, self.model_dump(mode="json"))


def read_record(run: Path) -> LaunchRecord | None:
    """Read how a run was launched; None for one that was started by hand.

    Raises:
        RunError: The record is damaged.
    """
    return read_stored(run / LAUNCH, LaunchRecord)


def read_exit(run: Path) -> ExitRecord | None:
    """How the process of the last start ended; None where nobody saw it, or it still runs.

    Raises:
        RunError: A record is damaged.
    """
    launch, ended = read_record(run), read_stored(run / EXIT, ExitRecord)
    if launch is None or ended is None:
        return None
    same = (launch.pid, launch.process_start) == (ended.pid, ended.process_start)
    return ended if same else None


def own_process(told: LaunchRecord | RunStatus) -> psutil.Process | None:
    """The process that a record or a status names, where it lives on this machine; else None."""
    here = told.host in ("", platform.node())
    return living_process(told.pid, told.process_start) if here else None
