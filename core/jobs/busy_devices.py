"""Which devices of this machine are at work for a folder of runs, whoever started what."""

import json
from itertools import pairwise
from pathlib import Path

import psutil

from core.errors import RunError
from core.jobs.devices import fitting, machine_slots, slot_of
from core.jobs.job import own_process, read_job
from core.jobs.queue import QUEUE
from core.locks import is_held
from core.training.run_folder import RunFolder
from core.training.status import RunStatus

# Where the jobs of a job lie, if it conducts any: the folds of a cross-validation, the trials of a
# study.
_NESTED = (".", "trials")


def taken_slots(root: Path) -> set[str]:
    """Slots of jobs that live on this machine: those from the queue, and those begun by hand."""
    return {slot for slots in slots_taken(root).values() for slot in slots}


def slots_taken(root: Path) -> dict[Path, tuple[str, ...]]:
    """The same by the folder of the job, those of jobs within a job included."""
    taken: dict[Path, tuple[str, ...]] = {}
    for folder in root.iterdir() if root.is_dir() else ():
        if not folder.is_dir():
            continue
        own = _slots(folder)
        inner = {} if own else _nested(folder)
        taken |= {folder: own} if own else inner
    return taken


def _nested(folder: Path) -> dict[Path, tuple[str, ...]]:
    """Slots of the jobs that a job conducts, or conducted until it was killed."""
    try:
        status = RunFolder(path=folder).status()
    except RunError:
        return {}
    if status is None or status.state != "running":
        return {}
    taken: dict[Path, tuple[str, ...]] = {}
    for name in _NESTED:
        if (folder / name / QUEUE).is_dir():
            taken |= slots_taken(folder / name)
    return taken


def _slots(folder: Path) -> tuple[str, ...]:
    try:
        job, status = read_job(folder), RunFolder(path=folder).status()
        start = None if job is None else job.start
        started = own_process(start) is not None
        # A process gives its folder up before it ends, and its device only when it has ended.
        if not started and not _is_leaving(status) and not is_held(folder):
            return ()
    except RunError:
        # Damaged: nobody can say what it computes on, and its own list entry says so.
        return ()
    # A runner that was killed in the middle of a start did not write which process it started.
    halfway = job is not None and job.state == "started" and start is not None and start.pid is None
    if start is not None and (started or halfway):
        return start.slots
    if status is None or own_process(status) is None or _conducts(folder):
        return ()
    return (_by_hand(folder, status),)


def _conducts(folder: Path) -> bool:
    """Whether a job begun by hand leaves all computing to jobs of its own."""
    return any(is_held(folder / name / QUEUE) for name in _NESTED)


def _is_leaving(status: RunStatus | None) -> bool:
    """Whether the process that wrote a status lives, and only for the job of that folder."""
    process = own_process(status)
    return process is not None and is_command(process)


def is_command(process: psutil.Process) -> bool:
    """Whether a process is a command of this command line, which ends soon after its job.

    A notebook that trained goes on for days, and has its device only while it holds a folder.
    """
    try:
        words = process.cmdline()
    except psutil.Error:
        # It has just ended.
        return False
    return ("-m", "core") in pairwise(words)


def _by_hand(folder: Path, status: RunStatus) -> str:
    """The slot of a job that was begun on the command line."""
    device = _device(folder)
    if device == "auto":
        # It has not chosen yet: it will choose as the next job would.
        return fitting(device, machine_slots())[0]
    return slot_of(status.pid, device)


def _device(folder: Path) -> str:
    try:
        written = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        return str(written["device"])
    except (OSError, ValueError, KeyError):
        return "auto"
