"""Which process a run was launched as: a number alone is no proof, as numbers are given again."""

import time
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import RunError
from core.files import write_json

LAUNCH = "launch.json"


class LaunchRecord(BaseModel):
    """Content of `launch.json`; times are seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    process_start: float
    launched: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Describe a process that was just started."""
        return cls(pid=pid, process_start=psutil.Process(pid).create_time(), launched=time.time())

    def write(self, run: Path) -> None:
        """Replace the record of a run."""
        write_json(run / LAUNCH, self.model_dump(mode="json"))


def read_record(run: Path) -> LaunchRecord | None:
    """Read how a run was launched; None for one that was started by hand.

    Raises:
        RunError: The record is damaged.
    """
    path = run / LAUNCH
    try:
        return LaunchRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise RunError(f"{path} is damaged ({error}): delete it") from error
