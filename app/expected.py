"""What is to be expected of a job: how far it is, and how long it takes where that was measured."""

from itertools import chain

from app import cached
from app.progress import Progress, parts_progress, run_progress
from app.queue_state import Entry
from app.time_left import Pace, likeness, pace, seconds_left
from core.crossval.folder import fold_run, is_trained
from core.jobs.follow import read_events
from core.training.schema import TrainConfig
from core.training.status import RunStatus


def progress_of(entry: Entry, config: TrainConfig | None, status: RunStatus) -> Progress:
    """How far a job at work is.

    Args:
        entry: The job.
        config: Its options, or those of its folds; None for a search.
        status: What it says of itself.
    """
    if config is None or entry.kind == "tune":
        return parts_progress(status, status.eta_s)
    if entry.kind == "crossval":
        return parts_progress(status, _folds_left_s(entry, config))
    events = read_events(entry.path)
    return run_progress(config, events, status, pace(events).or_else(_known(entry, config)))


def duration_s(entry: Entry, config: TrainConfig | None) -> float | None:
    """Seconds that a job which waits will take; None where none like it was measured."""
    if config is None:
        return None
    if entry.kind == "crossval":
        return _folds_left_s(entry, config)
    events = read_events(entry.path)
    measured = pace(events).or_else(_known(entry, config))
    return seconds_left(config, events, None, measured)


def _folds_left_s(entry: Entry, config: TrainConfig) -> float | None:
    """Seconds that the folds which are not trained yet will take; judging them is quick."""
    runs = [fold_run(entry.path, number) for number in range(config.split.folds)]
    epochs = [run.events() for run in runs]
    measured = pace(list(chain(*epochs))).or_else(_known(entry, config))
    total = 0.0
    for run, events in zip(runs, epochs, strict=True):
        if is_trained(run):
            continue
        left = seconds_left(config, events, run.status(), measured)
        if left is None:
            return None
        total += left
    return total


def _known(entry: Entry, config: TrainConfig) -> Pace:
    """The pace of runs like it in the same folder."""
    return cached.measured_paces(entry.path.parent).get(likeness(config), Pace())
