"""The runner of a queue: starts waiting jobs in order, one at a time on each slot.

Runner and jobs are processes of the command line, each in a session of its own: they outlive their
starter, and no signal for its group reaches them. The runner of a queue holds `ROOT/.queue`, so
there is never a second. All its state is in the folders, so the next runner continues after one
that was killed, and starts once more the jobs that were killed with it.
"""

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psutil

from core.errors import RunError
from core.files import sweep
from core.jobs.devices import fitting, free_slots, machine_slots, slot_environment, slots_taken
from core.jobs.job import Job, Start, moved_on, read_job
from core.jobs.queue import QUEUE, QueuedJob, interrupted, queue_of, resume_interrupted
from core.jobs.state import run_state
from core.locks import Lock, LockHeld, hold, is_held
from core.project import PROJECT, python_path
from core.system import SYSTEM, Process
from core.training.run_folder import RunFolder

RUNNER_LOG = "runner.log"
_POLL_S = 0.5
# A process that only checks whether a folder is held holds it for microseconds.
_GLANCE_S = 0.2


def run_queue(root: Path) -> None:
    """Start the waiting jobs of a folder of runs until none waits and all have ended.

    Returns at once if another runner is at work.
    """
    root = root.resolve()
    while True:
        try:
            with hold(root / QUEUE):
                _work_off(root)
        except LockHeld:
            return
        # A job queued while this runner ended found it at work and started no other.
        if not queue_of(root):
            return


def _work_off(root: Path) -> None:
    sweep(root)
    for folder in resume_interrupted(root):
        _log(root, f"{folder.name} was lost with its queue and is queued again")
    runner = Runner(root)
    while runner.step():
        time.sleep(_POLL_S)


class Runner:
    """Starts the jobs of a folder; the caller holds its `.queue`.

    Attributes:
        root: The folder of runs.
        started: Processes that it started and that have not ended, by their folders.
    """

    def __init__(
        self,
        root: Path,
        slots: Callable[[], Sequence[str]] = machine_slots,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Make a runner that has started nothing yet.

        Args:
            root: The folder of runs.
            slots: Returns the slots of the jobs; called before every start.
            environment: Of every job, beside that of its slot.
        """
        self.root = root
        self.started: dict[Path, tuple[Process, tuple[str, ...]]] = {}
        self._slots = slots
        self._environment = dict(environment or {})

    def step(self) -> bool:
        """Collect ended jobs and start those that have a slot; whether any job is left."""
        self.collect()
        waiting = queue_of(self.root)
        if waiting:
            self._start_what_fits(waiting)
        return bool(waiting or self.started)

    def collect(self) -> None:
        """Record how processes ended."""
        for folder, (process, _) in list(self.started.items()):
            code = process.poll()
            if code is not None:
                del self.started[folder]
                _write_end(folder, process.pid, code)

    def _start_what_fits(self, waiting: list[QueuedJob]) -> None:
        slots = tuple(self._slots())
        own = {folder: given for folder, (_, given) in self.started.items()}
        taken = [slot for given in (slots_taken(self.root) | own).values() for slot in given]
        free = free_slots(slots, taken)
        # A job that was queued again while its process was ending waits for that end.
        for each in (each for each in waiting if each.path not in self.started):
            wanted, given = _choose(each.job, slots, free)
            if len(given) < wanted:
                # Its free slots are kept for it, or a job of many slots would wait for ever.
                free = free_slots(free, given)
            elif self._start(each.path, given):
                free = free_slots(free, given)

    def _start(self, folder: Path, slots: tuple[str, ...]) -> bool:
        """Start a job if it still waits and its folder is free; whether its slots are taken."""
        try:
            lock = Lock.take(folder)
        except LockHeld:
            # Another process changes or runs it: the next step sees which.
            return False
        try:
            job = _waiting(folder)
            return job is not None and self._start_waiting(folder, job, slots, lock)
        finally:
            lock.close()

    def _start_waiting(self, folder: Path, job: Job, slots: tuple[str, ...], lock: Lock) -> bool:
        try:
            if run_state(folder, holding=True).state == "queued":
                self._start_held(folder, job, slots, lock)
                return True
            # A user resumed it on the command line while it waited, and it finished.
        except RunError as error:
            # Listed as damaged from now on; the others continue.
            _log(self.root, f"{folder.name} cannot be started: {error}")
        job.model_copy(update={"state": "started"}).write(folder)
        return False

    def _start_held(self, folder: Path, job: Job, slots: tuple[str, ...], lock: Lock) -> None:
        run = RunFolder(path=folder)
        start = Start(slots=slots)
        started = moved_on(job, folder, "started", start=start)
        run.clear_stop()
        sweep(folder)
        started.write(folder)
        run.log(f"started by the queue on {','.join(slots) or job.on}")
        words, options = job.command(folder) if job.is_local else (("follow", str(folder)), {})
        environment = self._environment | slot_environment(slots)
        with SYSTEM.open_log(run.log_path) as log:
            process = start_command(words, options, lock, log, environment, job.cwd)
        self.started[folder] = (process, slots)
        # Still under the lock, which the process shares.
        started.model_copy(update={"start": start.as_process(process.pid)}).write(folder)


def _choose(job: Job, slots: Sequence[str], free: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """How many slots a job needs to start, and which of the free ones it takes."""
    if not job.is_local or job.slots == 0:
        return 0, ()
    fits = fitting(job.device, slots)
    wanted = min(job.slots, len(fits))
    return wanted, fitting(job.device, free)[:wanted] if set(fits) & set(free) else ()


def _waiting(folder: Path) -> Job | None:
    """The job of a folder if it still waits; None also if its file was damaged meanwhile."""
    waiting = {each.path: each.job for each in queue_of(folder.parent)}
    return waiting.get(folder)


def _write_end(folder: Path, pid: int, code: int) -> None:
    """Write how a process ended, unless the job has been started again since."""
    if not folder.is_dir():
        return
    try:
        lock = Lock.take(folder, _GLANCE_S)
    except LockHeld:
        return
    try:
        job = read_job(folder)
        if job is not None and job.start is not None and job.start.pid == pid:
            start = job.start.model_copy(update={"code": code, "ended": time.time()})
            job.model_copy(update={"start": start}).write(folder)
    except RunError:
        # Damaged meanwhile, and listed as such.
        return
    finally:
        lock.close()


def _log(root: Path, text: str) -> None:
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    with (root / QUEUE / RUNNER_LOG).open("a", encoding="utf-8") as log:
        log.write(f"{now} {text}\n")


def ensure_runner(root: Path) -> None:
    """Start a runner for a folder of runs if none is at work, and jobs wait or were lost with it.

    Safe to call at any time: of two runners that start together, one ends at once.
    """
    root = root.resolve()
    place = root / QUEUE
    if is_held(place) or not (queue_of(root) or interrupted(root)):
        return
    place.mkdir(exist_ok=True)
    with SYSTEM.open_log(place / RUNNER_LOG) as log:
        runner = _command(["queue", "run", str(root)], {}, log, subprocess.DEVNULL)
    # Collects the exit code, so that no zombie stays behind in a server that lives for weeks.
    threading.Thread(target=runner.wait, daemon=True).start()


def start_command(
    words: Sequence[str],
    options: Mapping[str, Any],
    lock: Lock,
    log: IO[bytes],
    environment: Mapping[str, str],
    cwd: Path = PROJECT,
) -> Process:
    """Start a command of the command line as the new owner of a held folder.

    Args:
        words: What follows `python -m core`.
        options: Passed as `--config -` if there are any.
        lock: The lock that it takes over; the caller closes its own.
        log: Gets its output.
        environment: Added to that of this process.
        cwd: Its working directory; the project's folder if this one is gone.
    """
    environment = {**environment, **lock.environment()}
    place = cwd if cwd.is_dir() else PROJECT
    if not options:
        process = _command(words, environment, log, subprocess.DEVNULL, lock.handles, place)
    else:
        # An unnamed file, not a pipe: it is complete before the process starts, even if this
        # process dies.
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(options).encode())
            file.seek(0)
            process = _command(
                [*words, "--config", "-"], environment, log, file, lock.handles, place
            )
    # The app must stay quick on a machine whose cores a job uses up.
    SYSTEM.lower_priority(psutil.Process(process.pid))
    return process


def _command(
    words: Sequence[str],
    environment: Mapping[str, str],
    log: IO[bytes],
    stdin: int | IO[bytes],
    handles: tuple[int, ...] = (),
    cwd: Path = PROJECT,
) -> Process:
    python, python_needs = SYSTEM.python()
    inherited = os.environ | {
        **python_path(),
        **python_needs,
        "PYTHONUNBUFFERED": "1",
        # Logs are read as UTF-8, whatever the language of the machine.
        "PYTHONIOENCODING": "utf-8",
        # Waiting threads must not spin on the cores that the app answers with.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return SYSTEM.start(
        [python, "-m", "core", *words],
        stdin=stdin,
        output=log,
        environment={**inherited, **environment},
        cwd=cwd,
        handles=handles,
    )
