"""How far a job is and how long it will take, estimated from measured seconds per epoch."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import streamlit as st

from app import cache
from app.train.history import Events
from app.train.queue_state import Entry
from app.wording import roughly
from core.crossval.folder import fold_run, is_trained
from core.jobs.state import read_events
from core.training.run_folder import RunStatus
from core.training.schema import TrainConfig

# Recent epochs only: another program may have come to, or left, the same device.
_RECENT = 5
Likeness = tuple[object, ...]
_STAGES = {
    "preparing": "preparing the data",
    "heads": "stage 1, heads",
    "fine-tune": "stage 2, fine-tuning",
    "gallery": "gathering the gallery",
}


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch, validation included; None for a stage that was never measured."""

    heads_s: float | None = None
    tuning_s: float | None = None

    def or_else(self, other: "Pace") -> "Pace":
        """This pace, with the other's figures where this one has none."""
        return Pace(
            other.heads_s if self.heads_s is None else self.heads_s,
            other.tuning_s if self.tuning_s is None else self.tuning_s,
        )


def pace(events: Events) -> Pace:
    """The pace of a run: the median of its last epochs, for each stage of its own."""
    return Pace(_median(events, "heads"), _median(events, "fine-tune"))


def seconds_left(
    config: TrainConfig, events: Events, status: RunStatus | None, measured: Pace
) -> float | None:
    """Seconds that a run will take from here to the end of its last planned epoch.

    An early end by `patience` comes sooner; nobody can know it before.

    Args:
        config: Its options.
        events: Its epochs so far; none for one that waits.
        status: What it says of itself; None for one that waits.
        measured: Seconds of an epoch, measured on this run or on one like it.

    Returns:
        None where a stage that is still to come was never measured.
    """
    heads, tuning = epochs_left(config, events, status)
    total = 0.0
    for epochs, seconds in ((heads, measured.heads_s), (tuning, measured.tuning_s)):
        if epochs > 0:
            if seconds is None:
                return None
            total += epochs * seconds
    return total


def epochs_left(
    config: TrainConfig, events: Events, status: RunStatus | None
) -> tuple[float, float]:
    """Epochs still to come in stage 1 and in stage 2, the one at work by the part that is left."""
    stages = [str(event["stage"]) for event in events]
    now = status.stage if status is not None else ""
    heads = float(config.stage1_epochs - stages.count("heads"))
    tuning = float(config.stage2_epochs - stages.count("fine-tune"))
    if now == "gallery":
        return 0.0, 0.0
    if now == "fine-tune" or "fine-tune" in stages:
        # Stage 1 may have ended before its last planned epoch.
        heads = 0.0
    done = _part_done(events, status)
    if now == "heads":
        heads -= done
    elif now == "fine-tune":
        tuning -= done
    return max(heads, 0.0), max(tuning, 0.0)


def likeness(config: TrainConfig) -> Likeness:
    """The options that decide how long an epoch takes; runs with equal ones are of one kind."""
    names = ("dataset", "batch_size", "device", "precision", "threads", "workers")
    stages = (config.stage1.views, config.stage2.unfreeze, config.zero_training)
    model = (config.model.backbone, config.model.input_size)
    return (*(getattr(config, name) for name in names), *stages, *model)


def paces(runs: Iterable[tuple[TrainConfig, Events]]) -> dict[Likeness, Pace]:
    """The measured pace of every kind of run; later runs of a kind fill the gaps of the first."""
    found: dict[Likeness, Pace] = {}
    for config, events in runs:
        kind = likeness(config)
        found[kind] = found.get(kind, Pace()).or_else(pace(events))
    return found


def _median(events: Events, stage: str) -> float | None:
    seconds = [float(event["seconds"]) for event in events if event["stage"] == stage]
    return statistics.median(seconds[-_RECENT:]) if seconds else None


def _part_done(events: Events, status: RunStatus | None) -> float:
    """Share of the current epoch in [0, 1]; 0 once its event is written."""
    told = int(events[-1]["epoch"]) if events else 0
    if status is None or not status.steps or status.epoch <= told:
        return 0.0
    return min(status.step / status.steps, 1.0)


@dataclass(frozen=True)
class Progress:
    """A share of the whole in [0, 1], and what is being done in words."""

    share: float
    words: str


def run_progress(
    config: TrainConfig, events: Events, status: RunStatus, measured: Pace
) -> Progress:
    """How far a training run is.

    Args:
        config: Its options.
        events: Its epochs so far.
        status: What it says of itself.
        measured: Seconds of an epoch, measured on it or on a run like it.
    """
    heads, tuning = epochs_left(config, events, status)
    left, of_what = seconds_left(config, events, status, measured), ""
    if left is None or status.stage not in ("heads", "fine-tune", "gallery"):
        # Before the first epoch of a stage has ended, its steps alone are measured.
        left, of_what = status.eta_s, " in this stage" if heads and tuning else ""
    # Without training there are no epochs, and only the gallery to gather.
    done = 1.0 - (heads + tuning) / config.planned_epochs if config.planned_epochs else 0.0
    return Progress(min(max(done, 0.0), 1.0), _words(status) + _in_words(left, of_what))


def parts_progress(status: RunStatus, left_s: float | None) -> Progress:
    """How far a job of several trainings is, from how many of them are done."""
    share = status.step / status.steps if status.steps else 0.0
    words = _sentence(status.stage)
    if status.steps and not any(letter.isdecimal() for letter in words):
        words += f": {status.step:,} of {status.steps:,} done"
    return Progress(min(share, 1.0), words + _in_words(left_s))


def _words(status: RunStatus) -> str:
    parts = []
    if status.epochs and status.epoch:
        parts.append(f"epoch {status.epoch:,} of {status.epochs:,}")
    if status.steps:
        parts.append(f"step {status.step:,} of {status.steps:,}")
    stage = _sentence(_STAGES.get(status.stage, status.stage))
    return f"{stage}: {', '.join(parts)}" if parts else stage


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _in_words(left_s: float | None, of_what: str = "") -> str:
    return f", {roughly(left_s)} left{of_what}" if left_s else ""


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
    """Seconds that a waiting job will take; None if no run of its kind was measured.

    Without training there are no epochs to measure.
    """
    if config is None or config.planned_epochs == 0:
        return None
    if entry.kind == "crossval":
        return _folds_left_s(entry, config)
    events = read_events(entry.path)
    measured = pace(events).or_else(_known(entry, config))
    return seconds_left(config, events, None, measured)


def _folds_left_s(entry: Entry, config: TrainConfig) -> float | None:
    """Seconds that the untrained folds will take; their evaluation is short and not counted."""
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
    """The measured pace of runs of the same kind in the same folder."""
    return measured_paces(entry.path.parent).get(likeness(config), Pace())


@st.cache_data(show_spinner=False, ttl=60.0, max_entries=4)
def measured_paces(runs: Path) -> dict[Likeness, Pace]:
    """Measured pace of every kind of run in a folder; computed again after a minute."""
    measured = [run for run in cache.runs(runs) if run.config is not None and run.epoch]
    return paces((run.config, read_events(run.path)) for run in measured if run.config)
