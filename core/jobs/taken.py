"""Which devices of this machine are at work for a folder of runs, whoever started what."""

import json
from itertools import pairwise
from pathlib import Path

import psutil

from core.errors import RunError
from core.jobs.job import read_job
from core.jobs.record import own_process, read_record
from core.jobs.slots import fitting, machine_slots, slot_of
from core.locks import is_held
from core.training.run_folder import RunFolder
from core.training.status import RunStatus


def taken_slots(root: Path) -> set[str]:
    """Slots of jobs that live on this machine: those from the queue, and those begun by hand."""
    folders = [folder for folder in root.iterdir() if folder.is_dir()]
    return {slot for folder in folders if (slot := _slot(folder)) is not None}


def _slot(folder: Path) -> str | None:
    try:
        record, status = read_record(folder), RunFolder(path=folder).status()
        started = record is not None and own_process(record) is not None
        # A process gives its folder up before it ends, and its device only when it has ended.
        if not started and not _is_leaving(status) and not is_held(folder):
            return None
        job = read_job(folder)
    except RunError:
        # Damaged: nobody can say what it computes on, and its own list entry says so.
        return None
    # A runner that was killed in the middle of a start left no record of its process.
    by_queue = job is not None and (started or (record is None and job.state == "started"))
    # One that was put back while its process was leaving has no slot any more.
    if job is not None and by_queue and (job.slot is not None or not job.is_local):
        return job.slot
    return None if status is None or own_process(status) is None else _by_hand(folder, status)


def _is_leaving(status: RunStatus | None) -> bool:
    """Whether the process that wrote a status lives, and only for the job of that folder."""
    process = None if status is None else own_process(status)
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
