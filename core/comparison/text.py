"""Comparisons in plain sentences, and as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from core.amounts import counted
from core.comparison.compare import MEASURES, Compared, Comparison, Difference
from core.evaluation.intervals import FEWEST_CLUSTERS


def overall(found: Comparison) -> str:
    """One sentence: better, worse, not distinguishable, or better in some and worse in others."""
    better = [measure.title.lower() for measure in found.measures("better")]
    worse = [measure.title.lower() for measure in found.measures("worse")]
    one, other = found.candidate, found.reference
    if better and worse:
        return (
            f"{one} is better than {other} in {_listed(better)}, and worse in {_listed(worse)}: "
            "neither is better overall."
        )
    rest = "" if len(better or worse) == len(found.differences) else (
        "; the other measures do not tell them apart"
    )  # fmt: skip
    if better:
        return f"{one} is better than {other}: in {_listed(better)}{rest}."
    if worse:
        return f"{one} is worse than {other}: in {_listed(worse)}{rest}."
    return f"{one} and {other} are not distinguishable: {_why(found)}."


def measured(found: Difference) -> str:
    """One measure in a sentence: both figures, the difference with its interval, the verdict."""
    show = found.measure.shown
    return (
        f"{found.measure.title}: {show(found.candidate)} against {show(found.reference)}, "
        f"difference {found.measure.gap(found.difference)} {interval(found)}: {found.verdict}."
    )


def interval(found: Difference) -> str:
    """The interval of a difference: `(-4.2 to -2.0)`."""
    if found.low is None or found.high is None:
        return "(no interval)"
    show = found.measure.number
    return f"({show(found.low)} to {show(found.high)})"


def basis(pairs: Sequence[Comparison]) -> str:
    """What the intervals of comparisons with one reference rest on."""
    first = pairs[0]
    sizes = {f"{pair.photos:,} photos in {_groups(pair)}": pair.candidate for pair in pairs}
    photos = next(iter(sizes)) if len(sizes) == 1 else "; ".join(
        f"{name}: {size}" for size, name in sizes.items()
    )  # fmt: skip
    together = 1.0 - len(pairs) * (1.0 - first.confidence)
    models = "" if len(pairs) == 1 else f" and for all {len(pairs)} models"
    return (
        f"{photos}; {first.kind} predictions. Differences are a model's figure minus that of "
        f"{first.reference}. Intervals: {first.draws:,} draws of whole {first.by}s; with "
        f"{100 * together:.3g} % confidence they hold for all measures{models} at the same time. "
        "Intervals of a measure by region hold for all regions at the same time."
    )


def cautions(found: Comparison) -> list[str]:
    """What a reader must know before believing the figures."""
    said = [
        f"{len(left.photo_ids):,} photos left out, {left.reason}: "
        + ", ".join(left.photo_ids[:3])
        + (" ..." if len(left.photo_ids) > 3 else "")
        for left in found.left_out
    ]
    compared = {each.measure.name for each in found.differences}
    absent = [measure.title.lower() for measure in MEASURES if measure.name not in compared]
    if absent:
        said.append(
            f"Not compared, because the photos or one of the models lack it: {_listed(absent)}."
        )
    if found.by == "spot" and found.radius_m is None:
        said.append(
            "No photo has a position, so each photo counts as its own spot: if photos were taken "
            "together, the intervals are too narrow."
        )
    if found.clusters < FEWEST_CLUSTERS:
        said.append(
            f"Only {_groups(found)}: intervals from fewer than {FEWEST_CLUSTERS} are unreliable, "
            "so no model is called better."
        )
    return said


def as_json(found: Compared) -> dict[str, Any]:
    """Return the comparison as plain JSON, sentences included."""
    return {
        "schema_version": 1,
        "reference": found.reference,
        "pairs": [_pair(each) for each in found.pairs],
        "unranked": found.unranked,
    }


def _pair(found: Comparison) -> dict[str, Any]:
    names = (
        "reference", "candidate", "about", "photos", "clusters", "by", "radius_m", "kind",
        "confidence", "draws", "seed",
    )  # fmt: skip
    return {name: getattr(found, name) for name in names} | {
        "sentence": overall(found),
        "cautions": cautions(found),
        "differences": {each.measure.name: _difference(each) for each in found.differences},
        "per_region": {
            each.region: {"photos": each.photos, "clusters": each.clusters}
            | {one.measure.name: _difference(one) for one in each.differences}
            for each in found.regions
        },
        "left_out": {left.reason: left.photo_ids for left in found.left_out},
    }


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "reference": _known(found.reference),
        "candidate": _known(found.candidate),
        "difference": _known(found.difference),
        "low": found.low,
        "high": found.high,
        "higher_is_better": found.measure.higher_is_better,
        "verdict": found.verdict,
        "sentence": measured(found),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _why(found: Comparison) -> str:
    if found.clusters < FEWEST_CLUSTERS:
        return f"{_groups(found)} are too few to tell"
    return f"on {found.photos:,} photos in {_groups(found)}, every interval includes zero"


def _groups(found: Comparison) -> str:
    within = f" (within {found.radius_m:g} m)" if found.radius_m is not None else ""
    return f"{counted(found.clusters, found.by)}{within}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
