"""Photos labelled far from all others: kept, but named, for one of them ruins every mean."""

import numpy as np
import pandas as pd

from core.dataset.campus import Campus
from core.geo import LocalFrame, distance_m

FAR_SPREADS = 10.0
# Keeps the rule sane where most photos share one point and the spread is next to nothing.
SMALLEST_SPREAD_M = 10.0


def far_outliers(table: pd.DataFrame, campus: Campus) -> np.ndarray:
    """Flag `(n,)` photos over ten times the median distance from the median position."""
    labels = table[["latitude", "longitude"]].to_numpy(np.float64)
    from_middle_m = distance_m(LocalFrame.about(campus.frame, labels).to_metres(labels), [0.0, 0.0])
    spread_m = max(float(np.median(from_middle_m)), SMALLEST_SPREAD_M)
    return np.asarray(from_middle_m > FAR_SPREADS * spread_m)


def outlier_note(table: pd.DataFrame, campus: Campus) -> list[str]:
    """Name the far outliers, or nothing."""
    far = far_outliers(table, campus)
    if not far.any():
        return []
    shown = [
        f"{row.filename} ({row.latitude:g}, {row.longitude:g})"
        for row in table[far].head(3).itertuples()
    ]
    more = ", ..." if int(far.sum()) > len(shown) else ""
    return [
        f"{int(far.sum())} photos are labelled more than {FAR_SPREADS:g} times the usual distance "
        f"from the middle of the campus; they are kept: {', '.join(shown)}{more}"
    ]
