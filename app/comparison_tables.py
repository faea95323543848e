"""Comparisons as tables: every measure for the forest, and the regions won and lost."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.evaluation.comparison import Comparison, Difference
from core.evaluation.measures import MEASURES, PER_REGION
from core.evaluation.sentences import interval

TITLES = {measure.title: measure.name for measure in MEASURES if measure.name in PER_REGION}
_MARKS = {"better": "▲ better", "worse": "▼ worse", "not distinguishable": "not distinguishable"}


def forest_table(pairs: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row per candidate and measure, as `app.figures.forest` draws them."""
    rows = [
        {
            "model": pair.candidate,
            "title": found.measure.title,
            "unit": found.measure.unit,
            "higher_is_better": found.measure.higher_is_better,
            "difference": found.difference,
            "low": np.nan if found.low is None else found.low,
            "high": np.nan if found.high is None else found.high,
            "verdict": found.verdict,
        }
        for pair in pairs
        for found in pair.differences
    ]
    return pd.DataFrame(rows)


def figures_table(pair: Comparison) -> pd.DataFrame:
    """Return one row per measure in words: both figures, difference, interval, verdict."""
    rows = [
        {
            "Measure": found.measure.title,
            pair.reference: found.measure.shown(found.reference),
            pair.candidate: found.measure.shown(found.candidate),
            "Difference": found.measure.gap(found.difference),
            "Interval": interval(found),
            "Verdict": _MARKS[found.verdict],
        }
        for found in pair.differences
    ]
    return pd.DataFrame(rows)


def region_table(pairs: Sequence[Comparison], measure: str, names: dict[str, str]) -> pd.DataFrame:
    """Return one row per region: photos, clusters, and every candidate's difference.

    Args:
        pairs: Comparisons with one reference.
        measure: Entry of `PER_REGION`.
        names: Display names by region id, where known.
    """
    place, table = PER_REGION.index(measure), pd.DataFrame()
    for pair in pairs:
        rows = {
            names.get(each.region, each.region): {
                "Photos": each.photos,
                f"{pair.by.capitalize()}s": each.clusters,
                pair.candidate: _cell(each.differences[place]),
            }
            for each in pair.regions
        }
        table = pd.DataFrame.from_dict(rows, orient="index").combine_first(table)
    counts = [name for name in ("Photos", "Spots", "Visits") if name in table]
    order = [names.get(each.region, each.region) for each in pairs[0].regions]
    shown = table[[*counts, *(pair.candidate for pair in pairs)]].reindex(order)
    return shown.rename_axis("Region").reset_index()


def wins(pair: Comparison, measure: str) -> str:
    """Count the regions in a sentence."""
    place = PER_REGION.index(measure)
    found = [each.differences[place] for each in pair.regions]
    counts = Counter(one.verdict for one in found)
    few = sum(one.low is None for one in found)
    even = counts["not distinguishable"] - few
    rest = f", too few {pair.by}s to tell in {few}" if few else ""
    return (
        f"**{pair.candidate}**, of {len(found)} regions: better in {counts['better']}, worse in "
        f"{counts['worse']}, not distinguishable in {even}{rest}."
    )


def _cell(found: Difference) -> str:
    gap = found.measure.gap(found.difference)
    if found.low is None:
        return f"{gap} (too few to tell)"
    mark = {"better": "▲ ", "worse": "▼ "}.get(found.verdict, "")
    return f"{mark}{gap} {interval(found)}"
