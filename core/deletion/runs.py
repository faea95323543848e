"""Deletion of a run, cross-validation, study or checkpoint: what goes with it, in one step.

All that was made of it lies in its folder, but the arrangements of its photos that the Explore page
keeps in the workspace.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from core.amounts import counted
from core.deletion.contents import Contents, measured, named
from core.deletion.layouts import delete_layouts
from core.deletion.trash import put_aside, sweep_trash
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

# What tells a cross-validation and a study that no queue started.
_OTHER_KINDS: dict[str, Kind] = {"crossval-config.json": "crossval", "study.json": "tune"}
_TITLES: dict[Kind | Literal["checkpoint"], str] = {
    "checkpoint": "model",
    "train": "training run",
    "crossval": "cross-validation",
    "tune": "search for options",
}


def is_run_or_model(path: Path) -> bool:
    """Whether a folder holds a run, a cross-validation, a study or a checkpoint."""
    return is_run(path) or has_card(path) or any((path / name).is_file() for name in _OTHER_KINDS)


def contents_of(path: Path) -> Contents:
    """Return what deleting a run, a cross-validation, a study or a checkpoint would remove.

    Raises:
        RunError: The folder holds none of them, is a link, or is the shipped checkpoint.
    """
    return Contents(path, _TITLES[_kind(path)], tuple(_parts(path)), *measured([path]))


def delete_runs(paths: Sequence[Path], layouts: Path) -> None:
    """Remove folders of runs, cross-validations, studies or checkpoints, with all that is in them.

    Args:
        paths: The folders.
        layouts: Where the workspace keeps arrangements of photos; theirs go, too.

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
        delete_layouts([path], layouts)
        _remove(path)


def _remove(path: Path) -> None:
    trash = put_aside(path)
    if any(is_held(job) for job in (trash, *_jobs_inside(trash))):
        # It was started after its state was read. The lock moves with the folder.
        SYSTEM.replace(trash, path)
        raise LockHeld(f"{path} was started meanwhile: cancel it first, then delete it")
    sweep_trash([path.parent])


def _kind(path: Path) -> Kind | Literal["checkpoint"]:
    if path.is_symlink():
        raise RunError(f"{path} is a link: delete the folder that it points to")
    for file, kind in _OTHER_KINDS.items():
        if (path / file).is_file():
            return kind
    if has_card(path):
        return _checked_checkpoint(path)
    if not is_run(path):
        raise RunError(f"{path} holds no run, model or data set: give the path of its folder")
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


def _parts(path: Path) -> Iterator[str]:
    if inside := _jobs_inside(path):
        yield f"{counted(len(inside), 'run')} inside: {named([run.name for run in inside])}"
    if epochs := len(read_events(path)):
        yield f"the figures of {counted(epochs, 'epoch')}"
    if has_card(path):
        yield "its network, its gallery of training photos and its calibration"
    kept = {"best": best_of(path), "last": last_of(path)}
    if checkpoints := [name for name, folder in kept.items() if has_card(folder)]:
        yield f"{counted(len(checkpoints), 'checkpoint')}: {named(checkpoints)}"
    if reports := report_folders(path):
        names = named([report.name for report in reports])
        yield f"{counted(len(reports), 'report')} with predictions: {names}"
    if (path / NOTES).is_file():
        yield "its note and tags"
