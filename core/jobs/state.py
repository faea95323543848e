"""The state of a job, computed from the files in its folder and from whether its process lives."""

import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from core.jobs.job import Job, own_process, read_job
from core.locks import is_held
from core.training.run_folder import RunFolder, RunStatus

# A log of weeks must not be read whole for its last lines.
_TAIL_BYTES = 64 * 1024
State = Literal["queued", "running", "cancelling", "cancelled", "finished", "failed", "lost"]
# State of a folder in lists: that of its job, or `damaged` if its files cannot be read.
Listed = State | Literal["damaged"]
ACTIVE: frozenset[Listed] = frozenset({"running", "cancelling"})
UNFINISHED: frozenset[Listed] = ACTIVE | {"queued"}
# States that change only with the files; a lost job may report again.
RESTING: frozenset[Listed] = frozenset({"finished", "cancelled", "failed"})
RESUMABLE: frozenset[Listed] = frozenset({"cancelled", "failed", "lost"})
# On another machine only the heartbeat is visible, which is due every 2 seconds.
SILENT_S = 60.0
# The last line of a program that failed before it had a folder to write into.
_ERROR = re.compile(r"^(error: |usage: |\S+(Error|Exception|Interrupt|Exit)\b)")


@dataclass(frozen=True)
class RunState:
    """The state of a job.

    Attributes:
        state: `cancelling`: running, with a stop request; `lost`: its process is gone and recorded
            no end (killed, or the machine restarted).
        message: Details, such as why it failed; may be empty.
        process: The living process of an active job; None if unknown.
        status: The last status that the job wrote; None before the first.
        job: The job in the queue; None if it never was in one.
        starting: Whether an active job has written no status since it was started.
    """

    state: Listed
    message: str = ""
    process: psutil.Process | None = None
    status: RunStatus | None = None
    job: Job | None = None
    starting: bool = False

    @property
    def shown(self) -> str:
        """The state as people read it; `starting` is the beginning of `running`."""
        return "starting" if self.starting and self.state == "running" else self.state


def run_state(path: Path, *, holding: bool = False) -> RunState:
    """Return the state of the job in a folder.

    Args:
        path: Its folder.
        holding: Whether the caller holds the folder.

    Raises:
        RunError: A file in it is damaged.
    """
    found = _state(path, holding)
    if found.state in ("lost", "failed"):
        # It may have ended after its files were read and before its process was looked up.
        return _state(path, holding)
    return found


def _state(path: Path, holding: bool) -> RunState:
    run = RunFolder(path=path)
    job, status = read_job(path), run.status()
    # A status from before the last change of state is of an earlier start.
    stale = job is not None and status is not None and status.heartbeat == job.heard
    own = None if stale else status

    def standing(state: State, message: str = "") -> RunState:
        return RunState(state, "" if state == "queued" else message, None, status, job)

    waits = job is not None and job.state == "queued"
    if own is None and job is not None and job.state != "started":
        return standing(job.state, "cancelled while it waited")
    if own is not None and own.state != "running":
        # A user may have resumed it on the command line while it waited.
        return standing("queued" if waits and own.state != "finished" else own.state, own.message)
    process = own_process(own) or own_process(None if job is None else job.start)
    alive = process is not None or (
        not holding and is_held(path) if own is None else _has_recent_heartbeat(own)
    )
    if alive:
        state: State = "cancelling" if run.stop_requested else "running"
        message = "" if own is None else own.message
        return RunState(state, message, process, status, job, starting=own is None)
    if waits:
        return standing("queued")
    return standing(*(_ended_silently(path, job) if own is None else _lost(job)))


def _has_recent_heartbeat(status: RunStatus) -> bool:
    """Whether the heartbeat of a job on another machine is recent."""
    return status.host not in ("", platform.node()) and time.time() - status.heartbeat < SILENT_S


def _lost(job: Job | None) -> tuple[State, str]:
    """State of a job whose status says `running` and whose process is gone."""
    start = None if job is None else job.start
    how = "its process is gone: killed, or the machine restarted"
    if start is not None and start.code is not None:
        how = f"its process {'was ' if start.killed else ''}{start.end}"
    if job is not None and job.restarts:
        how += ", again after its queue had restarted it, so the queue leaves it alone now"
    return "lost", f"{how}; resume it to continue"


def _ended_silently(path: Path, job: Job | None) -> tuple[State, str]:
    """State of a job that ended before it wrote a status."""
    start = None if job is None else job.start
    lines = [line for line in log_tail(path, 20).splitlines() if line.strip()]
    last = lines[-1] if lines else "ended before it wrote anything"
    if start is not None and start.killed:
        return "lost", f"its process was {start.end} before it began; resume it to begin again"
    if job is None or (start is not None and start.code is not None) or _ERROR.match(last):
        return "failed", last
    return "lost", (
        "it was started, but its process wrote no status: killed, or the machine restarted; "
        "resume it to begin again"
    )


def read_events(run: Path) -> list[dict[str, Any]]:
    """All epochs of a run so far, oldest first; a line that is being written is left out."""
    return RunFolder(path=run).events()


def log_tail(run: Path, lines: int = 40) -> str:
    """Last lines of a run's log; empty if there is none yet."""
    path = RunFolder(path=run).log_path
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    # A bar that redraws itself leaves its older states before the last return.
    shown = [line.rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]
    return "\n".join(shown[-lines:])
