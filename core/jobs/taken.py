"""Which devices of this machine are at work for a folder of runs, whoever started what."""

import json
import platform
from pathlib import Path

from core.errors import RunError
from core.jobs.job import read_job
from core.jobs.record import LaunchRecord, read_record
from core.jobs.slots import fitting, machine_slots, slot_of
from core.locks import is_held
from core.training.run_folder import RunFolder
from core.training.status import RunStatus, living_process


def taken_slots(root: Path) -> set[str]:
    """Slots of jobs that live on this machine: those from the queue, and those begun by hand."""
    folders = [folder for folder in root.iterdir() if folder.is_dir()]
    return {slot for folder in folders if (slot := _slot(folder)) is not None}


def _slot(folder: Path) -> str | None:
    try:
        record, status = read_record(folder), RunFolder(path=folder).status()
        started = record is not None and _lives(record)
        # A process gives its folder up before it ends, and its device only when it has ended.
        if not started and not _lives(status) and not is_held(folder):
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
    return None if status is None or not _lives(status) else _by_hand(folder, status)


def _lives(told: LaunchRecord | RunStatus | None) -> bool:
    if told is None or told.host not in ("", platform.node()):
        return False
    return living_process(told.pid, told.process_start) is not None


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
