"""The limits of a report's figures in sentences, for the command line and the pages."""

from core.amounts import counted, percent
from core.evaluation.report import (
    LEAK_RADIUS_M,
    Report,
    Scores,
)
from core.evaluation.schema import Kind
from core.headline import (
    SHARES,
    Figure,
    FigureIntervals,
)
from core.splits.parts import PART_NAMES


def shown(figure: Figure, value: float | None) -> str:
    """A headline figure with its unit."""
    if value is None:
        return "unknown"
    if figure in SHARES:
        return percent(value, 1)
    return f"{value:.1f}{'°' if figure == 'maae_deg' else ' m'}"


def interval(intervals: FigureIntervals | None, figure: Figure) -> str:
    """The confidence interval of a headline figure, `8.1 to 10.9`; empty if there is none."""
    ends = None if intervals is None else intervals.of(figure)
    if ends is None:
        return ""
    factor = 100.0 if figure in SHARES else 1.0
    return f"{factor * ends[0]:.1f} to {factor * ends[1]:.1f}"


def interval_of(scores: Scores, kind: Kind, figure: Figure) -> str:
    """The same of the model's raw or refined figure."""
    return interval(None if scores.intervals is None else scores.intervals.of(kind), figure)


def with_interval(scores: Scores, kind: Kind, figure: Figure) -> str:
    """A headline figure of the model, with its interval in brackets if there is one."""
    value, ends = shown(figure, scores.figures(kind).of(figure)), interval_of(scores, kind, figure)
    return f"{value} ({ends})" if ends else value


def intervals_basis(scores: Scores) -> str:
    """What the intervals rest on and whether they are reliable; empty if there are none."""
    found = scores.intervals
    if found is None:
        return ""
    groups = counted(found.clusters, found.by)
    if not found.draws:
        return f"no intervals: all photos are of {groups}"
    doubt = "" if found.reliable else "; from so few they are unreliable"
    return (
        f"in brackets {percent(found.confidence)} intervals, each for its own figure, from "
        f"{found.draws:,} draws of whole {found.by}s ({groups}){doubt}"
    )


def labels_sentence(scores: Scores) -> str:
    """How many of the photos have each label; empty if all have every label."""
    if scores.labelled is None:
        return ""
    counts = (f"{count} with a {label}" for label, count in scores.labelled.items())
    return f"of {scores.n:,} photos: {', '.join(counts)}; each figure is over those"


def leak_sentence(scores: Scores) -> str:
    """How many photos are near a training photo, and the median error of all others."""
    leak, away = scores.leak, None if scores.leak is None else scores.leak.beyond_5m
    if leak is None:
        return "how near these photos are to training photos is unknown"
    share = percent(leak.within_5m)
    near = f"{share} of these photos are within {LEAK_RADIUS_M:g} m of a training photo"
    if away is None:
        return near
    if away.refined is None:
        return f"{near}; the others are too few for a figure ({away.n})"
    return f"{near}; the median error of the others is {shown('median_m', away.refined.median_m)}"


def flagged_sentence(scores: Scores) -> str:
    """How many photos have suspect labels, why, and the median error with and without them."""
    found = scores.flagged
    if found is None:
        return ""
    if not found.n:
        return f"no label of these photos is suspect according to {found.source}"
    kinds = ", ".join(f"{kind} {count}" for kind, count in found.kinds.items())
    suspect = f"labels of {found.n:,} photos are suspect according to {found.source} ({kinds})"
    without, every = found.without.refined, found.all.refined
    if without is None or every is None:
        return f"{suspect}; without them there are too few photos for a figure"
    return (
        f"{suspect}; median error with them {shown('median_m', every.median_m)}, without "
        f"{shown('median_m', without.median_m)}"
    )


def photos_of(report: Report) -> str:
    """Which photos a report is about, in a few words: `test part of the spot split abcdef01`."""
    split = report.split
    if split.part == "all":
        return f"all photos of a data set, {split.hash[:8]}"
    fold = "" if split.fold is None else f", fold {split.fold} of {split.folds}"
    part = PART_NAMES.get(split.part, split.part)
    return f"{part} part of the {split.name} split {split.hash[:8]}{fold}"
