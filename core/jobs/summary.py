"""Lists of runs, from their files alone: no tensor is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.files import checked, read_object, refusing
from core.jobs.job import LOCAL, Job
from core.jobs.queue import queue_of
from core.jobs.state import Listed, read_events, run_state
from core.runs import CONFIG, JOB, SPLIT, folders, is_run
from core.training.run_folder import EVENTS, RunFolder
from core.training.schema import TrainConfig


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs.

    Attributes:
        name: Name of its folder.
        path: Its folder.
        state: See `core.jobs.state.RunState`; `damaged` if its files cannot be read.
        message: Details, such as why it failed.
        config: Its options; None before they are written, and if they are damaged.
        split_hash: Hash of its split: only runs that share it may be compared; empty before.
        stage: Stage at work, or the last one.
        epoch: Epochs done.
        epochs: Epochs planned.
        best: Validation figures of the best epoch; None before the first.
        started: When it was begun, in seconds since 1970.
        duration_s: Time spent in epochs, all resumes together; None before the first.
        eta_s: Time left as the run estimates it; None if it does not.
        kind: The command: train, crossval or tune.
        place: Its place in the queue, 1 being next; None if it does not wait.
        slot: Device that the queue started it on: cpu, cuda:0, ...; None if it did not.
        on: `local`, or the address of the cluster that runs it.
    """

    name: str
    path: Path
    state: Listed
    message: str = ""
    config: TrainConfig | None = None
    split_hash: str = ""
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    best: Mapping[str, float | None] | None = None
    started: float | None = None
    duration_s: float | None = None
    eta_s: float | None = None
    kind: str = "train"
    place: int | None = None
    slot: str | None = None
    on: str = LOCAL

    @property
    def dataset(self) -> Path | None:
        """Folder that it learns from."""
        return self.config.dataset if self.config else None

    @property
    def backbone(self) -> str:
        """Its backbone, or nothing where its options are unknown."""
        return self.config.model.backbone if self.config else ""


def list_runs(root: Path) -> list[RunSummary]:
    """Return the training runs in a folder, newest first; a damaged one is listed as such.

    Args:
        root: Folder that holds one folder per run; need not exist yet.
    """
    return [job for job in list_jobs(root) if job.kind == "train"]


def list_jobs(root: Path, read: Callable[[Path], RunSummary] | None = None) -> list[RunSummary]:
    """Return the jobs of every kind in a folder, newest first; only training runs have figures.

    Args:
        root: Folder that holds one folder per job; need not exist yet.
        read: Reads the summary of one; default: `summarise`.
    """
    read = read or summarise
    paths = [path for path in folders(root) if is_run(path)]
    places = {each.path: each.place for each in queue_of(root)}
    found = [replace(read(path), place=places.get(path)) for path in paths]
    return sorted(found, key=lambda run: (-(run.started or 0.0), run.name))


def summarise(path: Path) -> RunSummary:
    """Return the summary of the job in a folder; `damaged` with the reason if unreadable."""
    try:
        return _summary(path)
    except RunError as error:
        return RunSummary(path.name, path, "damaged", str(error), started=_changed(path))


def _summary(path: Path) -> RunSummary:
    now = run_state(path)
    known = RunSummary(
        name=path.name,
        path=path,
        state=now.state,
        message=now.message,
        stage=now.status.stage if now.status else "",
        started=_started(path, now.job),
        eta_s=now.status.eta_s if now.status and now.state == "running" else None,
    )
    if now.job is not None:
        job = now.job
        known = replace(known, kind=job.kind, slot=job.slot, on=job.on)
    if known.kind != "train":
        status = now.status
        return replace(known, epoch=status.epoch, epochs=status.epochs) if status else known
    return _with_figures(known, now.job)


def _with_figures(known: RunSummary, job: Job | None) -> RunSummary:
    """Add what a training run alone has."""
    path = known.path
    config, events = _options(path, job), read_events(path)
    with refusing(path / EVENTS, "delete the line that is damaged"):
        kept = [event for event in events if event["best"]]
        return replace(
            known,
            config=config,
            split_hash=_split_hash(path),
            epoch=int(events[-1]["epoch"]) if events else 0,
            epochs=_planned(config, events),
            best=kept[-1]["validation"] if kept else None,
            duration_s=sum(float(event["seconds"]) for event in events) if events else None,
        )


def _options(path: Path, job: Job | None) -> TrainConfig | None:
    """The options of a run; before it has written them, those in the queue."""
    if (path / CONFIG).is_file():
        return RunFolder(path=path).config()
    if job is None or not job.options:
        return None
    return checked(job.options, TrainConfig, path / JOB)


def _planned(config: TrainConfig | None, events: list[dict[str, Any]]) -> int:
    if events:
        return int(events[-1]["epochs"])
    return config.planned_epochs if config else 0


def _split_hash(run: Path) -> str:
    content = read_object(run / SPLIT, "restore it, or begin another run") or {}
    return str(content.get("hash", ""))


def _started(path: Path, job: Job | None) -> float | None:
    """When the options were written, which happens once; before that, when it was queued."""
    config = path / CONFIG
    if config.is_file():
        return config.stat().st_mtime
    return None if job is None else job.created


def _changed(path: Path) -> float:
    return path.stat().st_mtime
