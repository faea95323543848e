"""The jobs of a folder of runs in the order of the queue: running, waiting, recently ended.

Only the state files of each folder are read, because the page polls them every two seconds while a
job runs.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app import cache
from app.access import paths
from core.crossval.folder import is_crossval, read_config
from core.crossval.schema import CrossvalConfig
from core.errors import RunError
from core.jobs.job import LOCAL
from core.jobs.queue import in_order
from core.jobs.state import ACTIVE, RESTING, RunState, run_state
from core.runs import CONFIG, JOB, folders, is_run
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

_LATELY_S = 24 * 3600.0
_MOST_ENDED = 8


@dataclass(frozen=True)
class Entry:
    """A job of the queue.

    Attributes:
        path: Its folder.
        now: Its state.
        place: Its place among the waiting jobs, from 1; 0 for other jobs.
    """

    path: Path
    now: RunState
    place: int = 0

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.path.name

    @property
    def kind(self) -> str:
        """Which command it is: train, crossval or tune."""
        if self.now.job is not None:
            return self.now.job.kind
        # Started on the command line: its files show the kind.
        if is_crossval(self.path):
            return "crossval"
        return "tune" if (self.path / "study.json").is_file() else "train"

    @property
    def where(self) -> str:
        """The device or cluster it runs on, such as cuda:0, or the one it waits for."""
        job = self.now.job
        if job is None:
            return ""
        if job.on != LOCAL:
            return job.on
        return job.slot or ("" if job.device == "auto" else job.device)


@dataclass(frozen=True)
class Queue:
    """Running jobs, waiting jobs in their order, and recently ended jobs, newest first."""

    active: tuple[Entry, ...] = ()
    waiting: tuple[Entry, ...] = ()
    ended: tuple[Entry, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether anything will change by itself."""
        return bool(self.active or self.waiting)

    @property
    def standing(self) -> tuple[tuple[str, str], ...]:
        """Name and state of every job: equal until a job begins, ends or is moved."""
        return tuple(
            (entry.name, entry.now.state) for entry in (*self.active, *self.waiting, *self.ended)
        )

    @property
    def summary(self) -> str:
        """`1 running, 2 waiting`; empty if there is no such job."""
        counts = {"running": len(self.active), "waiting": len(self.waiting)}
        return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def look(root: Path) -> Queue:
    """Return the jobs in a folder of runs, which need not exist yet."""
    found = [path for path in folders(root) if _is_job(path) and paths.is_opened(path)]
    states = {path: _state(path) for path in found}
    jobs = {path: now.job for path, now in states.items() if now.state == "queued" and now.job}
    waiting = [Entry(path, states[path], place) for place, path in enumerate(in_order(jobs), 1)]
    active = [Entry(path, now) for path, now in states.items() if now.state in ACTIVE]
    rest = set(found) - {entry.path for entry in (*active, *waiting)}
    ended = sorted(((_ended(path, states[path]), path) for path in rest), reverse=True)
    lately = [path for when, path in ended if time.time() - when < _LATELY_S][:_MOST_ENDED]
    return Queue(
        tuple(sorted(active, key=lambda entry: (_begun(entry), entry.name))),
        tuple(waiting),
        tuple(Entry(path, states[path]) for path in lately),
    )


def options_of(entry: Entry) -> TrainConfig | None:
    """The options of a training run, or of every fold of a cross-validation; None for a search.

    Raises:
        RunError: They are damaged.
    """
    path, job = entry.path, entry.now.job
    if entry.kind == "crossval" and is_crossval(path):
        return read_config(path)
    if entry.kind == "train" and (path / CONFIG).is_file():
        return RunFolder(path=path).config()
    if entry.kind == "tune" or job is None or not job.options:
        return None
    schema = CrossvalConfig if entry.kind == "crossval" else TrainConfig
    try:
        return schema.model_validate(job.options)
    except ValidationError as error:
        raise RunError(f"{path / JOB} is damaged ({error}): delete it") from error


def _is_job(path: Path) -> bool:
    """Also jobs that were started on the command line and are not training runs."""
    return is_run(path) or (path / "status.json").is_file()


def _state(path: Path) -> RunState:
    files = [path / name for name in (JOB, "status.json", "stop")]
    return cache.once_ended(_read_state, path, files, lambda now: now.state in RESTING)


def _read_state(path: Path) -> RunState:
    try:
        return run_state(path)
    except RunError as error:
        return RunState("damaged", str(error))


def _begun(entry: Entry) -> float:
    return start.at if (start := entry.now.job and entry.now.job.start) else 0.0


def _ended(path: Path, now: RunState) -> float:
    """About when it ended; without a status, when its folder was last changed."""
    if now.status is not None and now.state != "cancelled":
        return now.status.heartbeat
    job = path / JOB
    changed = job if job.is_file() else path
    return max(changed.stat().st_mtime, now.status.heartbeat if now.status is not None else 0.0)
