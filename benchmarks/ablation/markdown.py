"""The ablation as Markdown: every variant, what its piece changes, and its ratio to baselines."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.ablation.intervals import gap
from benchmarks.ablation.plan import BASELINES, Variant
from benchmarks.ablation.tables import MAAE, MEDIAN, REGION, Judged
from core.geo import Floats

HEAD = (
    "| variant | seeds | region | median raw | median | MAAE raw | MAAE | change of its piece: "
    "region, median, MAAE | processor s |\n|---|---|---|---|---|---|---|---|---|"
)
RATIO_HEAD = (
    "| {baseline} against | region errors | median | MAAE | region, points | median, m "
    "| MAAE, ° |\n"
    "|---|---|---|---|---|---|---|"
)


def table(
    variants: Sequence[Variant], judged: Mapping[str, Judged], spent: Mapping[str, float]
) -> Iterator[str]:
    """One row a variant, mean and standard deviation over seeds; final answers are refined."""
    yield HEAD
    for variant in variants:
        one = judged.get(variant.name)
        if one is None:
            continue
        raw, final = one.figures("raw"), one.figures("refined")
        cells = (
            spread(100 * final[:, REGION]),
            spread(raw[:, MEDIAN]),
            spread(final[:, MEDIAN]),
            spread(raw[:, MAAE]),
            spread(final[:, MAAE]),
            _change(one, judged.get(variant.against or "")),
            f"{spent.get(variant.name, float('nan')):.0f}",
        )
        yield f"| {variant.name} | {len(one.tables)} | {' | '.join(cells)} |"


def ratios(
    baseline: str, variants: Sequence[Variant], judged: Mapping[str, Judged]
) -> Iterator[str]:
    """How every variant's final answers stand to the better of a baseline's raw and refined ones.

    Differences carry intervals that hold together (cluster bootstrap over spots), against its
    refined answers.
    """
    if baseline not in judged:
        return
    yield RATIO_HEAD.format(baseline=baseline)
    its = judged[baseline]
    least = np.minimum(_errors(its, "raw"), _errors(its, "refined"))
    for variant in variants:
        one = judged.get(variant.name)
        if one is None or variant.kind in BASELINES:
            continue
        share = _errors(one, "refined") / least
        found = gap(its, one)
        scale = np.array([100.0, 1.0, 1.0])
        cells = [f"{value:.2f}" for value in share]
        for value, (low, high), factor in zip(found.difference, found.interval, scale, strict=True):
            cells.append(f"{factor * value:+.1f} ({factor * low:+.1f} to {factor * high:+.1f})")
        yield f"| {variant.name} | {' | '.join(cells)} |"


def spread(values: Floats) -> str:
    """Mean and, of several seeds, standard deviation."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"


def _errors(one: Judged, kind: str) -> Floats:
    """Share of wrong regions, median and MAAE `(3,)`, means over the seeds."""
    mean = one.figures(kind).mean(axis=0)  # type: ignore[arg-type]
    return np.array([1.0 - mean[REGION], mean[MEDIAN], mean[MAAE]])


def _change(one: Judged, anchor: Judged | None) -> str:
    """What the piece does: differences of the seeds that both have, as mean and spread."""
    seeds = [] if anchor is None else sorted(set(one.tables) & set(anchor.tables))
    if anchor is None or not seeds:
        return ""
    sides = [
        Judged(side.name, {seed: side.tables[seed] for seed in seeds}, None).figures("refined")
        for side in (anchor, one)
    ]
    moved = sides[1] - sides[0]
    return ", ".join(
        spread(factor * moved[:, column])
        for factor, column in ((100, REGION), (1, MEDIAN), (1, MAAE))
    )
