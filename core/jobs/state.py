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
from core.training.run_folder import RunFolder
from core.training.status import RunStatus

# A log of weeks must not be read whole for its last lines.
_TAIL_BYTES = 64 * 1024
State = Literal["queued", "running", "cancelling", "cancelled", "finished", "failed", "lost"]
# How a folder is listed: as its job stands, or `damaged` if its files cannot be read.
Listed = State | Literal["damaged"]
ACTIVE: frozenset[Listed] = frozenset({"running", "cancelling"})
UNFINISHED: frozenset[Listed] = ACTIVE | {"queued"}
# What changes with its files only; a lost job may be heard of again.
RESTING: frozenset[Listed] = frozenset({"finished", "cancelled", "failed"})
RESUMABLE: frozenset[Listed] = frozenset({"cancelled", "failed", "lost"})
# Of a process on another machine only the heartbeat is seen, which is due every 2 seconds.
SILENT_S = 60.0
# The last line of a program that ended by an error it had no folder to write into.
_ERROR = re.compile(r"^(error: |usage: |\S+(Error|Exception|Interrupt|Exit)\b)")


@dataclass(frozen=True)
class RunState:
    """How a job stands.

    Attributes:
        state: `cancelling`: at work, and asked to stop; `lost`: it neither ended nor lives (killed,
            or the machine restarted).
        message: What there is to say, such as why it failed; may be empty.
        process: The living process of an active job where it is known, else None.
        status: What the job last said of itself; None before it said anything.
        job: What the queue knows of it; None for one that never was in a queue.
        starting: Whether an active job has not said anything since it was started.
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
    """Judge how the job in a folder stands.

    Args:
        path: Its folder.
        holding: Whether the caller holds the folder, and so nobody else does.

    Raises:
        RunError: What lies there is damaged.
    """
    found = _state(path, holding)
    if found.state in ("lost", "failed"):
        # It may have ended between the reading of its files and the look at its process.
        return _state(path, holding)
    return found


def _state(path: Path, holding: bool) -> RunState:
    run = RunFolder(path=path)
    job, status = read_job(path), run.status()
    # A status that lay there before the last change of state is of an earlier start.
    stale = job is not None and status is not None and status.heartbeat == job.heard
    own = None if stale else status

    def standing(state: State, message: str = "") -> RunState:
        return RunState(state, "" if state == "queued" else message, None, status, job)

    waits = job is not None and job.state == "queued"
    if own is None and job is not None and job.state != "started":
        return standing(job.state, "cancelled while it waited")
    if own is not None and own.state != "running":
        # Somebody may have gone on with it by hand while it waited.
        return standing("queued" if waits and own.state != "finished" else own.state, own.message)
    process = own_process(own) or own_process(None if job is None else job.start)
    alive = process is not None or (not holding and is_held(path) if own is None else _beats(own))
    if alive:
        state: State = "cancelling" if run.stop_requested else "running"
        message = "" if own is None else own.message
        return RunState(state, message, process, status, job, starting=own is None)
    if waits:
        return standing("queued")
    return standing(*(_unheard(path, job) if own is None else _gone(job)))


def _beats(status: RunStatus) -> bool:
    """Whether a job on another machine was heard of lately."""
    return status.host not in ("", platform.node()) and time.time() - status.heartbeat < SILENT_S


def _gone(job: Job | None) -> tuple[State, str]:
    """What is known of a job that said it runs, and does not."""
    start = None if job is None else job.start
    how = "its process is gone: killed, or the machine restarted"
    if start is not None and start.code is not None:
        how = f"its process {'was ' if start.killed else ''}{start.end}"
    return "lost", f"{how}; resume it to go on"


def _unheard(path: Path, job: Job | None) -> tuple[State, str]:
    """What is known of a job that was started and ended before it said anything of itself."""
    start = None if job is None else job.start
    lines = [line for line in log_tail(path, 20).splitlines() if line.strip()]
    last = lines[-1] if lines else "ended before it wrote anything"
    if start is not None and start.killed:
        return "lost", f"its process was {start.end} before it began; resume it to begin again"
    if job is None or (start is not None and start.code is not None) or _ERROR.match(last):
        return "failed", last
    return "lost", (
        "it was started, but its process never said anything: killed, or the machine restarted; "
        "resume it to begin again"
    )


def read_events(run: Path) -> list[dict[str, Any]]:
    """All epochs of a run so far, oldest first; a line that is being written is left for later."""
    return RunFolder(path=run).events()


def log_tail(run: Path, lines: int = 40) -> str:
    """Last lines of a run's log, or nothing where there is none yet."""
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
