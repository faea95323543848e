"""The queue of a folder of runs: add, reorder, cancel, requeue and stop jobs; nothing runs here.

Every change replaces one job's `job.json` while its folder is held, so that it happens before or
after the runner's start of the same job, never in the middle.
"""

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError
from core.jobs.job import LOCAL, Job, moved_on, read_job
from core.jobs.state import ACTIVE, RESUMABLE, UNFINISHED, RunState, run_state
from core.locks import LockHeld, hold
from core.project import RESUME
from core.system import SYSTEM
from core.training.run_folder import RunFolder, check_free
from core.training.schema import TrainConfig

# Lock inside a folder of runs, held by its runner.
QUEUE = ".queue"
# A job that was lost again may be what takes its machine down.
_MOST_RESTARTS = 1
_PATIENCE_S = 10.0
_POLL_S = 0.05
_STOP_POLL_S = 0.1


@dataclass(frozen=True)
class QueuedJob:
    """A job that waits.

    Attributes:
        path: Its folder.
        place: Its place in the queue: 1 is next.
        job: What it is.
    """

    path: Path
    place: int
    job: Job

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.path.name


def enqueue(config: TrainConfig, on: str = LOCAL, origin: Path | None = None) -> Path:
    """Put a new training run into the queue of the folder it lies in; returns its own folder.

    Args:
        config: Every option; `config.run` names the folder.
        on: `local`, or the address of a cluster.
        origin: The run whose options it began with, which its lineage names.

    Raises:
        RunError: The folder holds a run or other things, or is queued already.
    """
    run, dataset = config.run.resolve(), config.dataset.resolve()
    config = config.model_copy(update={"run": run, "dataset": dataset})
    return enqueue_job(run, Job.training(config, on, origin))


def enqueue_job(folder: Path, job: Job) -> Path:
    """Put a job into the queue of the folder that its own folder lies in; returns its folder.

    Raises:
        RunError: The folder is not empty, or the job is queued or active already.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: choose another name for the run")
    _refuse_unfinished(folder)
    if job.kind == "train":
        check_free(folder)
    with hold(folder):
        _refuse_unfinished(folder, holding=True)
        _put(folder, job)
    return folder


def queue_of(root: Path) -> list[QueuedJob]:
    """Return the jobs that wait in a folder of runs, the next one first."""
    waiting = {}
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            job = read_job(folder)
        except RunError:
            # `list_runs` lists it as damaged, with the reason.
            continue
        if job is not None and job.state == "queued":
            waiting[folder] = job
    order = in_order(waiting)
    return [QueuedJob(folder, place, waiting[folder]) for place, folder in enumerate(order, 1)]


def in_order(waiting: Mapping[Path, Job]) -> list[Path]:
    """Folders of waiting jobs, the next one first."""

    def turn(folder: Path) -> tuple[float, float, str]:
        return waiting[folder].order, waiting[folder].created, folder.name

    return sorted(waiting, key=turn)


def move(folder: Path, places: int) -> None:
    """Move a waiting job in its queue: -1 is one place nearer to its start.

    Raises:
        RunError: It does not wait.
    """
    folder = folder.resolve()
    queue = queue_of(folder.parent)
    here = next((index for index, each in enumerate(queue) if each.path == folder), None)
    if here is None:
        raise RunError(f"{folder} does not wait in a queue, so it cannot be moved")
    moved = queue.pop(here)
    queue.insert(min(max(here + places, 0), len(queue)), moved)
    place = queue.index(moved)
    before = queue[place - 1].job.order if place else None
    after = queue[place + 1].job.order if place + 1 < len(queue) else None
    order = _between(before, after)
    if order is not None:
        _reorder(folder, order)
        return
    # No number lies between equal neighbours: count anew.
    for index, each in enumerate(queue):
        _reorder(each.path, float(index))


def cancel(folder: Path) -> None:
    """Remove a waiting job from its queue, or send a stop request to a running one.

    Returns at once: a running job notices the request between two steps. A job that has ended stays
    as it is.

    Raises:
        RunError: The folder is damaged, or another process holds it too long.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while (now := run_state(folder)).state == "queued":
        try:
            with hold(folder):
                job = read_job(folder)
                if job is not None and job.state == "queued":
                    moved_on(job, folder, "cancelled").write(folder)
        except LockHeld:
            # Most likely it is being started now, and gets the stop request next.
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_S)
    if now.state in ACTIVE:
        RunFolder(path=folder).request_stop()


def requeue(folder: Path, job: Job | None = None) -> Path:
    """Queue a cancelled, failed or lost job again, as the last one; returns its folder.

    It resumes from its last checkpoint, or begins again with the same options.

    Args:
        folder: Its folder.
        job: Replaces the stored job, such as the same on another machine; None: unchanged.

    Raises:
        RunError: There is no job, or it waits, is at work or is finished.
    """
    folder = folder.resolve()
    _require_resumable(folder)
    with hold(folder):
        _require_resumable(folder, holding=True)
        _put(folder, job or read_job(folder) or _by_hand(folder))
    return folder


def interrupted(root: Path) -> list[Path]:
    """Return the jobs that a queue may start again by itself, as they were lost with it.

    Those are lost jobs of this machine whose end no queue saw, unless a stop request was sent, the
    queue has restarted them once already, or the operator set `BEARINGS_RESUME=no`.
    """
    if os.environ.get(RESUME, "").strip().lower() == "no" or not root.is_dir():
        return []
    return [folder for folder in sorted(root.iterdir()) if _was_interrupted(folder)]


def resume_interrupted(root: Path) -> list[Path]:
    """Queue the jobs of `interrupted` again, at the places that they had; return them.

    A job whose folder another process holds is left to that process.
    """
    resumed = []
    for folder in interrupted(root):
        try:
            with hold(folder):
                job = read_job(folder)
                if job is None or not _was_interrupted(folder, holding=True):
                    continue
                again = moved_on(job, folder, "queued", restarts=job.restarts + 1)
                again.write(folder)
        except LockHeld:
            continue
        RunFolder(path=folder).log("lost with its queue, which starts it again")
        resumed.append(folder)
    return resumed


def _was_interrupted(folder: Path, *, holding: bool = False) -> bool:
    try:
        job = read_job(folder)
        if job is None or job.state != "started" or not job.is_local or job.start is None:
            return False
        # A machine that shares the folder may have lost sight of it for a while.
        elsewhere = job.start.host not in ("", platform.node())
        seen = job.start.code is not None
        if (
            elsewhere
            or seen
            or job.restarts >= _MOST_RESTARTS
            or RunFolder(path=folder).stop_requested
        ):
            return False
        return run_state(folder, holding=holding).state == "lost"
    except RunError:
        # `list_runs` lists it as damaged, with the reason.
        return False


def _put(folder: Path, job: Job) -> None:
    waiting = queue_of(folder.parent)
    order = max((each.job.order for each in waiting), default=0.0) + 1.0
    # The earlier start stays: its process may still be ending, and has its device until then.
    before = read_job(folder)
    start = before and before.start
    changes = {"order": order, "created": time.time(), "start": start, "restarts": 0}
    moved_on(job, folder, "queued", **changes).write(folder)


def _refuse_unfinished(folder: Path, *, holding: bool = False) -> None:
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    now = run_state(folder, holding=holding)
    if now.state in UNFINISHED:
        number = f" as process {now.process.pid}" if now.process is not None else ""
        raise RunError(
            f"run {folder} is {now.state}{number}: cancel it first, or choose another name"
        )


def _require_resumable(folder: Path, *, holding: bool = False) -> None:
    if read_job(folder) is None:
        RunFolder(path=folder).config()
    now = run_state(folder, holding=holding)
    if now.state == "finished":
        raise RunError(f"run {folder} is finished: there is nothing to resume")
    if now.state not in RESUMABLE:
        raise RunError(f"run {folder} is {now.state}: there is nothing to resume")


def _by_hand(folder: Path) -> Job:
    """The job of a training run that was begun on the command line."""
    config = RunFolder(path=folder).config()
    return Job.training(config.model_copy(update={"run": folder}))


def _reorder(folder: Path, order: float) -> None:
    with hold(folder):
        job = read_job(folder)
        if job is not None and job.state == "queued":
            job.model_copy(update={"order": order}).write(folder)


def _between(before: float | None, after: float | None) -> float | None:
    """A number between two, None being an open end; None if there is none."""
    if before is None:
        return 0.0 if after is None else after - 1.0
    if after is None:
        return before + 1.0
    middle = (before + after) / 2.0
    return middle if before < middle < after else None


def stop(run: Path, *, grace_s: float = 30.0, term_s: float = 10.0) -> RunState:
    """Stop a run and wait until it has stopped.

    Writes a stop request; after `grace_s` sends the system's stop signal (SIGTERM, on Windows
    Ctrl-Break), after `term_s` more kills, each time the whole process group. Only the process that
    the run recorded is ever signalled, identified by its id and start time.

    Args:
        run: Run folder.
        grace_s: Seconds for the run to notice, save and end.
        term_s: Seconds between the stop signal and the kill.

    Returns:
        The state of the run then.

    Raises:
        RunError: A file of the run is damaged.
    """
    cancel(run)
    for wait_s, end in ((grace_s, SYSTEM.request_stop), (term_s, SYSTEM.kill)):
        if _ended_within(run, wait_s):
            return run_state(run)
        now = run_state(run)
        if now.process is not None:
            end(now.process)
    _ended_within(run, term_s)
    return run_state(run)


def _ended_within(run: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while run_state(run).state in ACTIVE:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_STOP_POLL_S)
    return True
