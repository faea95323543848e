"""The status that a run writes, and whether its process is still alive."""

import os
import platform
import time
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict

# Interval of heartbeats in seconds.
HEARTBEAT_S = 2.0
State = Literal["running", "finished", "cancelled", "failed"]


class RunStatus(BaseModel):
    """Content of `status.json`.

    Times are seconds since 1970. `host` tells whose process `pid` is, where several machines share
    a folder. `step` counts within the epoch, `epoch` over both stages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: State
    pid: int
    process_start: float
    host: str = ""
    heartbeat: float
    stage: str = "preparing"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    message: str = ""


def own_status(state: State = "running") -> RunStatus:
    """The status of this very process."""
    started = psutil.Process().create_time()
    return RunStatus(
        state=state,
        pid=os.getpid(),
        process_start=started,
        host=platform.node(),
        heartbeat=time.time(),
    )


def living_process(pid: int, process_start: float) -> psutil.Process | None:
    """Return the living process with this number and this start time, or None.

    A process id alone is no proof: ids are given again. The start time tells two apart.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if abs(process.create_time() - process_start) < 1.0 else None
    except psutil.NoSuchProcess:
        return None
