"""The events of runs as tables that the learning curves draw."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

Events = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Measure:
    """One curve: where its value stands in an event, and what to call it.

    Attributes:
        title: What is measured.
        unit: Unit of the value; empty for a pure number.
        series: Label of each line and the place of its value in an event.
    """

    title: str
    unit: str
    series: Mapping[str, tuple[str, str]]


MEASURES = (
    Measure("Loss", "", {"training": ("train", "total"), "validation": ("validation", "loss")}),
    Measure("Region accuracy", "share", {"validation": ("validation", "region_accuracy")}),
    Measure("Median position error", "m", {"validation": ("validation", "median_m")}),
    Measure("Mean heading error", "°", {"validation": ("validation", "maae_deg")}),
)


def curve_table(events: Events, measure: Measure) -> pd.DataFrame:
    """Rows `series, epoch, value` of one run."""
    rows = [
        (name, event["epoch"], event[part][value])
        for name, (part, value) in measure.series.items()
        for event in events
    ]
    return pd.DataFrame(rows, columns=["series", "epoch", "value"])


def measured(runs: Iterable[Events]) -> tuple[Measure, ...]:
    """The measures that some epoch has a value of: headings only if photos have some."""
    events = [event for run in runs for event in run]
    return tuple(
        measure
        for measure in MEASURES
        if not events
        or any(event[p].get(v) is not None for event in events for p, v in measure.series.values())
    )


def overlaid_table(runs: Mapping[str, Events], measure: Measure) -> pd.DataFrame:
    """Rows `series, epoch, value` of several runs: the validation line of each, by its name."""
    part, value = measure.series["validation"]
    rows = [
        (name, event["epoch"], event[part][value])
        for name, events in runs.items()
        for event in events
    ]
    return pd.DataFrame(rows, columns=["series", "epoch", "value"])


def fine_tuning_begins(events: Events) -> int | None:
    """First epoch of the second stage, where a first stage came before it."""
    stages = [str(event["stage"]) for event in events]
    if len(set(stages)) < 2:
        return None
    return int(events[stages.index("fine-tune")]["epoch"])


def best_event(events: Events) -> Mapping[str, Any] | None:
    """The epoch that the best checkpoint is from; None before the first epoch ended."""
    kept = [event for event in events if event["best"]]
    return kept[-1] if kept else None
