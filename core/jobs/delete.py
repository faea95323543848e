"""Deletion of a run, cross-validation, study or checkpoint: what goes with it, in one step.

The folder is first renamed to a hidden name, which no list shows, and removed after that: a kill in
between leaves no half of a run, and the next deletion removes what it left.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from core.errors import RunError
from core.jobs.job import Kind
from core.jobs.notes import NOTES
from core.jobs.state import UNFINISHED, read_events, run_state
from core.locks import LockHeld, is_held
from core.runs import (
    best_of,
    folders,
    has_card,
    is_run,
    is_shipped,
    last_of,
    report_folders,
    run_of,
)
from core.system import SYSTEM

_TRASH = ".deleted-"
# What tells a cross-validation and a study that no queue started.
_OTHER_KINDS: dict[str, Kind] = {"crossval-config.json": "crossval", "study.json": "tune"}
_TITLES: dict[Kind | Literal["checkpoint"], str] = {
    "checkpoint": "model",
    "train": "training run",
    "crossval": "cross-validation",
    "tune": "search for options",
}


@dataclass(frozen=True)
class Contents:
    """What is deleted with a run, or with a checkpoint that stands alone.

    Attributes:
        path: Its folder.
        kind: Training run, cross-validation, study or checkpoint.
        parts: What lies in it, in words: epochs, checkpoints, reports, notes.
        files: Number of files.
        size_bytes: Their size.
    """

    path: Path
    kind: Kind | Literal["checkpoint"]
    parts: tuple[str, ...]
    files: int
    size_bytes: int

    @property
    def kind_title(self) -> str:
        """The kind in words."""
        return _TITLES[self.kind]


def contents_of(path: Path) -> Contents:
    """Return what deleting a run, a cross-validation, a study or a checkpoint would remove.

    Raises:
        RunError: The folder holds none of them, is a link, or is the shipped checkpoint.
    """
    kind = _kind(path)
    files = [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    size = sum(file.stat().st_size for file in files)
    return Contents(path, kind, tuple(_parts(path)), len(files), size)


def delete_runs(paths: Sequence[Path]) -> None:
    """Remove folders of runs, cross-validations, studies or checkpoints, with all that is in them.

    Raises:
        RunError: One of them runs or waits, holds no run and no checkpoint, is a link, or is the
            shipped checkpoint; then none is removed.
        OSError: A folder cannot be renamed or removed.
    """
    homes = [path.absolute() for path in paths]
    for path in homes:
        if _kind(path) == "checkpoint":
            continue
        for job in (path, *_jobs_inside(path)):
            _check_ended(job)
    for path in homes:
        _remove(path)


def _remove(path: Path) -> None:
    trash = _free_name(path)
    SYSTEM.replace(path, trash)
    if any(is_held(job) for job in (trash, *_jobs_inside(trash))):
        # It was started after its state was read. The lock moves with the folder.
        SYSTEM.replace(trash, path)
        raise LockHeld(f"{path} was started meanwhile: cancel it first, then delete it")
    for left in path.parent.glob(f"{_TRASH}*"):
        shutil.rmtree(left)


def _kind(path: Path) -> Kind | Literal["checkpoint"]:
    if path.is_symlink():
        raise RunError(f"{path} is a link: delete the folder that it points to")
    for file, kind in _OTHER_KINDS.items():
        if (path / file).is_file():
            return kind
    if has_card(path):
        return _checked_checkpoint(path)
    if not is_run(path):
        raise RunError(f"{path} holds no run: give the path of a run folder")
    try:
        job = run_state(path).job
    except RunError:
        # Its files are damaged, which is a reason to delete it.
        return "train"
    return "train" if job is None else job.kind


def _checked_checkpoint(path: Path) -> Literal["checkpoint"]:
    run = run_of(path)
    if run is not None:
        raise RunError(f"{path} is a part of the run {run.name}: delete the run")
    if is_shipped(path):
        raise RunError(f"{path} ships with Bearings: it cannot be deleted")
    return "checkpoint"


def _check_ended(path: Path) -> None:
    try:
        state = run_state(path).state
    except RunError:
        state = "running" if is_held(path) else "damaged"
    if state in UNFINISHED or is_held(path):
        doing = "waits in the queue" if state == "queued" else "is running"
        raise RunError(f"{path} {doing}: cancel it first, then delete it")


def _jobs_inside(path: Path) -> list[Path]:
    """The folds of a cross-validation, or the trials of a study."""
    return [folder for folder in (*folders(path), *folders(path / "trials")) if is_run(folder)]


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{_TRASH}{path.name}-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


def _parts(path: Path) -> Iterator[str]:
    if inside := _jobs_inside(path):
        yield f"{_counted(len(inside), 'run')} inside: {_named([run.name for run in inside])}"
    if epochs := len(read_events(path)):
        yield f"the figures of {_counted(epochs, 'epoch')}"
    if has_card(path):
        yield "its network, its gallery of training photos and its calibration"
    kept = {"best": best_of(path), "last": last_of(path)}
    if checkpoints := [name for name, folder in kept.items() if has_card(folder)]:
        yield f"{_counted(len(checkpoints), 'checkpoint')}: {_named(checkpoints)}"
    if reports := report_folders(path):
        names = _named([report.name for report in reports])
        yield f"{_counted(len(reports), 'report')} with predictions: {names}"
    if (path / NOTES).is_file():
        yield "its note and tags"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _named(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
