"""How a job stands, judged by what lies in its folder and by whether its process lives."""

import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from core.jobs.follow import log_tail
from core.jobs.job import Job, read_job
from core.jobs.record import own_process, read_exit, read_record
from core.locks import is_held
from core.training.run_folder import RunFolder
from core.training.status import RunStatus

State = Literal[
    "queued",
    "starting",
    "running",
    "cancelling",
    "cancelled",
    "finished",
    "failed",
    "lost",
    "damaged",
]
ACTIVE: frozenset[State] = frozenset({"starting", "running", "cancelling"})
UNFINISHED: frozenset[State] = ACTIVE | {"queued"}
RESUMABLE: frozenset[State] = frozenset({"cancelled", "failed", "lost"})
# Of a process on another machine only the heartbeat is seen, which is due every 2 seconds.
SILENT_S = 60.0
# The last line of a program that ended by an error it had no folder to write into.
_ERROR = re.compile(r"^(error: |usage: |\S+(Error|Exception|Interrupt|Exit)\b)")


@dataclass(frozen=True)
class RunState:
    """How a job stands.

    Attributes:
        state: `starting`: started, nothing said yet; `cancelling`: at work, and asked to stop;
            `lost`: it neither ended nor lives (killed, or the machine restarted).
        message: What there is to say, such as why it failed; may be empty.
        process: The living process of an active job where it is known, else None.
        status: What the job last said of itself; None before it said anything.
        job: What the queue knows of it; None for one that never was in a queue.
    """

    state: State
    message: str
    process: psutil.Process | None
    status: RunStatus | None
    job: Job | None = None


def run_state(path: Path, *, holding: bool = False) -> RunState:
    """Judge how the job in a folder stands.

    Args:
        path: Its folder.
        holding: Whether the caller holds the folder, and so nobody else does.

    Raises:
        RunError: What lies there is damaged.
    """
    found = _judged(path, holding)
    if found.state in ("lost", "failed"):
        # It may have ended between the reading of its files and the look at its process.
        return _judged(path, holding)
    return found


def _judged(path: Path, holding: bool) -> RunState:
    run = RunFolder(path=path)
    job, status, record = read_job(path), run.status(), read_record(path)
    stale = job is not None and status is not None and status.heartbeat == job.heard
    told = None if stale else status
    waits = job is not None and job.state == "queued"
    if told is not None and told.state != "running":
        # Somebody may have gone on with it by hand while it waited.
        again = waits and told.state != "finished"
        return RunState("queued" if again else told.state, told.message, None, status, job)
    words = (each for each in (told, record) if each is not None)
    process = next(filter(None, map(own_process, words)), None)
    if told is not None and (process is not None or _beats(told)):
        state: State = "cancelling" if run.stop_requested else "running"
        return RunState(state, told.message, process, status, job)
    if told is None and waits:
        return RunState("queued", "", None, status, job)
    if told is None and job is not None and job.state == "cancelled":
        return RunState("cancelled", "cancelled while it waited", None, status, job)
    if told is None and (process is not None or _held(path, holding)):
        state = "cancelling" if run.stop_requested else "starting"
        return RunState(state, "", process, status, job)
    ended = _gone(path) if told is not None else _unheard(path)
    return RunState(*ended, None, status, job)


def _held(path: Path, holding: bool) -> bool:
    return not holding and is_held(path)


def _beats(status: RunStatus) -> bool:
    """Whether a job on another machine was heard of lately."""
    return status.host not in ("", platform.node()) and time.time() - status.heartbeat < SILENT_S


def _gone(path: Path) -> tuple[State, str]:
    """What is known of a job that said it runs, and does not."""
    ended = read_exit(path)
    how = "its process is gone: killed, or the machine restarted"
    if ended is not None:
        how = f"its process was {ended.words}" if ended.killed else f"its process {ended.words}"
    return "lost", f"{how}; resume it to go on"


def _unheard(path: Path) -> tuple[State, str]:
    """What is known of a job that was started and ended before it said anything of itself."""
    ended = read_exit(path)
    lines = [line for line in log_tail(path, 20).splitlines() if line.strip()]
    last = lines[-1] if lines else "ended before it wrote anything"
    if ended is not None and ended.killed:
        return "lost", f"its process was {ended.words} before it began; resume it to begin again"
    if ended is not None or read_job(path) is None or _ERROR.match(last):
        return "failed", last
    return "lost", (
        "it was started, but its process never said anything: killed, or the machine restarted; "
        "resume it to begin again"
    )
