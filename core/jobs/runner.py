"""The runner of a queue: starts what waits, one job at a time on each device, in order.

One process, which holds `ROOT/.queue` for its life, so there is never a second. It keeps nothing in
mind that does not lie in the folders: killed at any moment, the next runner goes on.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from core.errors import RunError
from core.files import sweep
from core.jobs.job import Job, moved_on
from core.jobs.queue import QueuedJob, queue_of
from core.jobs.record import EXIT, LAUNCH, ExitRecord, LaunchRecord
from core.jobs.slots import fitting, machine_slots, slot_environment
from core.jobs.start import QUEUE, RUNNER_LOG, start_command
from core.jobs.state import run_state
from core.jobs.taken import taken_slots
from core.locks import Lock, LockHeld, hold
from core.system import SYSTEM, Process
from core.training.run_folder import RunFolder

_POLL_S = 0.5


def run_queue(root: Path) -> None:
    """Start what waits in a folder of runs until nothing does and all that was started has ended.

    Returns at once where another runner is at work.
    """
    root = root.resolve()
    while True:
        try:
            with hold(root / QUEUE):
                _Runner(root).work()
        except LockHeld:
            return
        # Whoever queued a job while this runner ended saw it at work, and started no other.
        if not queue_of(root):
            return


class _Runner:
    """A runner at work.

    Attributes:
        root: The folder of runs.
        started: Processes that it started and that have not ended, by their folders.
        slots: Where those of this machine compute.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: dict[Path, tuple[Process, LaunchRecord]] = {}
        self.slots: dict[Path, str] = {}

    def work(self) -> None:
        """Start jobs and collect them until there is nothing left to do."""
        sweep(self.root)
        while True:
            self._collect()
            waiting = queue_of(self.root)
            if not waiting and not self.started:
                return
            self._start_what_fits(waiting)
            time.sleep(_POLL_S)

    def _collect(self) -> None:
        """Write down how processes ended."""
        for folder, (process, record) in list(self.started.items()):
            code = process.poll()
            if code is None:
                continue
            del self.started[folder]
            self.slots.pop(folder, None)
            ended = ExitRecord(
                pid=record.pid, process_start=record.process_start, code=code, ended=time.time()
            )
            if folder.is_dir():
                ended.write(folder)

    def _start_what_fits(self, waiting: list[QueuedJob]) -> None:
        if not waiting:
            return
        slots = machine_slots()
        taken = taken_slots(self.root) | set(self.slots.values())
        # One that was put back while its process was leaving waits until that has ended.
        for each in (each for each in waiting if each.path not in self.started):
            fits = fitting(each.job.device, slots) if each.job.is_local else ()
            slot = next((slot for slot in fits if slot not in taken), None)
            if each.job.is_local and slot is None:
                continue
            if self._start(each.path, slot) and slot is not None:
                taken.add(slot)
                self.slots[each.path] = slot

    def _start(self, folder: Path, slot: str | None) -> bool:
        """Start a job if it still waits and nobody else is at it; whether its slot is taken now."""
        try:
            lock = Lock.take(folder)
        except LockHeld:
            # Somebody changes it, or runs it by hand: the next round sees which.
            return False
        try:
            job = _waiting(folder)
            return job is not None and self._start_waiting(folder, job, slot, lock)
        finally:
            lock.close()

    def _start_waiting(self, folder: Path, job: Job, slot: str | None, lock: Lock) -> bool:
        try:
            if run_state(folder, holding=True).state == "queued":
                self._start_held(folder, job, slot, lock)
                return True
            # Somebody resumed it by hand while it waited, and it finished.
        except RunError as error:
            # Listed as damaged from now on; the others go on.
            _say(self.root, f"{folder.name} cannot be started: {error}")
        job.model_copy(update={"state": "started"}).write(folder)
        return False

    def _start_held(self, folder: Path, job: Job, slot: str | None, lock: Lock) -> None:
        run = RunFolder(path=folder)
        started = moved_on(job, folder, "started", slot=slot, started=time.time())
        for stale in (LAUNCH, EXIT):
            (folder / stale).unlink(missing_ok=True)
        run.clear_stop()
        sweep(folder)
        started.write(folder)
        run.log(f"the queue starts it on {slot or job.on}")
        words, options = job.command(folder) if job.is_local else (("follow", str(folder)), {})
        with SYSTEM.open_log(run.log_path) as log:
            process = start_command(words, options, lock, log, slot_environment(slot), job.cwd)
        record = LaunchRecord.of(process.pid)
        record.write(folder)
        self.started[folder] = (process, record)


def _waiting(folder: Path) -> Job | None:
    """The job of a folder if it waits still; None also where its file was damaged meanwhile."""
    waiting = {each.path: each.job for each in queue_of(folder.parent)}
    return waiting.get(folder)


def _say(root: Path, text: str) -> None:
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    with (root / QUEUE / RUNNER_LOG).open("a", encoding="utf-8") as log:
        log.write(f"{now} {text}\n")
