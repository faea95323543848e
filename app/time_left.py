"""How long a run will still take, from the seconds that its epochs, or those of its like, took."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from app.learning import Events
from core.training.schema import TrainConfig
from core.training.status import RunStatus

# Recent epochs only: another program may have come to, or left, the same device.
_RECENT = 5
Likeness = tuple[object, ...]


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
    """What decides how long an epoch takes: runs that share it take about equally long."""
    names = ("dataset", "batch_size", "device", "precision", "threads", "workers")
    stages = (config.stage1.views, config.stage2.unfreeze)
    model = (config.model.backbone, config.model.input_size)
    return (*(getattr(config, name) for name in names), *stages, *model)


def paces(runs: Iterable[tuple[TrainConfig, Events]]) -> dict[Likeness, Pace]:
    """The measured pace of every kind of run; the first of a kind counts, gaps are filled."""
    found: dict[Likeness, Pace] = {}
    for config, events in runs:
        kind = likeness(config)
        found[kind] = found.get(kind, Pace()).or_else(pace(events))
    return found


def _median(events: Events, stage: str) -> float | None:
    seconds = [float(event["seconds"]) for event in events if event["stage"] == stage]
    return statistics.median(seconds[-_RECENT:]) if seconds else None


def _part_done(events: Events, status: RunStatus | None) -> float:
    """Share of the epoch at work; 0 once it stands among the events."""
    told = int(events[-1]["epoch"]) if events else 0
    if status is None or not status.steps or status.epoch <= told:
        return 0.0
    return min(status.step / status.steps, 1.0)
