"""How a run stands, judged by what it wrote and by whether its process lives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from core.jobs.follow import log_tail
from core.jobs.record import read_record
from core.training.run_folder import RunFolder
from core.training.status import RunStatus, living_process

State = Literal[
    "starting", "running", "stopping", "finished", "cancelled", "failed", "lost", "damaged"
]
ACTIVE: frozenset[State] = frozenset({"starting", "running", "stopping"})
RESUMABLE: frozenset[State] = frozenset({"cancelled", "failed", "lost"})


@dataclass(frozen=True)
class RunState:
    """How a run stands.

    Attributes:
        state: `starting`: launched, nothing written yet; `stopping`: running, and asked to stop;
            `lost`: says that it runs, but its process is gone (killed, or the machine restarted).
        message: What there is to say, such as why it failed; may be empty.
        process: The living process of an active run, else None.
        status: What the run last said of itself; None before it said anything.
    """

    state: State
    message: str
    process: psutil.Process | None
    status: RunStatus | None


def run_state(path: Path) -> RunState:
    """Judge how the run in a folder stands.

    Raises:
        RunError: What the run wrote about itself is damaged.
    """
    run = RunFolder(path=path)
    status, record = run.status(), read_record(path)
    launched = None if record is None else living_process(record.pid, record.process_start)
    if launched is not None and (status is None or status.pid != launched.pid):
        # A resumed run still shows how it ended before.
        return RunState("starting", "", launched, status)
    if status is None:
        return RunState("failed", _last_words(path), None, None)
    if status.state != "running":
        return RunState(status.state, status.message, None, status)
    process = living_process(status.pid, status.process_start)
    if process is None:
        message = "its process is gone: killed, or the machine restarted; resume it to go on"
        return RunState("lost", message, None, status)
    state: State = "stopping" if run.stop_requested else "running"
    return RunState(state, status.message, process, status)


def _last_words(path: Path) -> str:
    """Last line of the log of a run that ended before it could say anything."""
    lines = [line for line in log_tail(path, 20).splitlines() if line.strip()]
    return lines[-1] if lines else "ended before it wrote anything"
