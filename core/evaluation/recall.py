"""Recall of retrieval: is a training photo of the same place among the k most similar ones?"""

import numpy as np
import pandas as pd

from core.evaluation.report import RetrievalRecall
from core.geo import Floats, distance_m

RANKS = (1, 2, 3, 5, 10, 20, 50)
RADII_M = (10.0, 25.0)
"""A training photo within these shows much the same, and the same place."""
COLUMN = "neighbours_m"
_DECIMALS = 2


def recall_curve(neighbours_m: Floats, radius_m: float) -> Floats:
    """Return recall at 1 to k `(k,)`: NaN without a photo, none without a neighbour.

    Args:
        neighbours_m: `(n, k)` metres from each photo to its training photos, the most similar
            first; rows with NaN do not count.
        radius_m: A training photo this near is one of the same place.
    """
    known = neighbours_m[np.isfinite(neighbours_m).all(axis=1)]
    if not len(known):
        return np.full(neighbours_m.shape[1], np.nan)
    found = np.logical_or.accumulate(known <= radius_m, axis=1)
    return np.asarray(found.mean(axis=0), np.float64)


def retrieval_recall(neighbours_m: Floats, nearest_m: Floats) -> RetrievalRecall | None:
    """Return recall at the `RANKS` that there are neighbours for; None without any.

    Args:
        neighbours_m: As `recall_curve` takes it.
        nearest_m: `(n,)` metres to the nearest training photo, which bound the recall.
    """
    known = np.isfinite(neighbours_m).all(axis=1) & np.isfinite(nearest_m)
    ranks = tuple(rank for rank in RANKS if rank <= neighbours_m.shape[1])
    if not known.any() or not ranks:
        return None
    shares = {radius: recall_curve(neighbours_m[known], radius) for radius in RADII_M}
    near, far = (tuple(float(shares[radius][rank - 1]) for rank in ranks) for radius in RADII_M)
    return RetrievalRecall(
        n=int(known.sum()),
        ranks=ranks,
        within_10m=near,
        within_25m=far,
        possible_10m=float((nearest_m[known] <= RADII_M[0]).mean()),
        possible_25m=float((nearest_m[known] <= RADII_M[1]).mean()),
    )


def neighbour_distances(truth_m: Floats, gallery_m: Floats, rows: np.ndarray) -> Floats:
    """Metres `(n, k)` from each photo's labelled position to its training photos.

    Args:
        truth_m: `(n, 2)` `[north_m, east_m]`; NaN without a position.
        gallery_m: `(g, 2)` positions of the training photos.
        rows: `(n, k)` rows of the gallery.
    """
    if not rows.size:
        return np.empty(rows.shape, np.float64)
    return distance_m(truth_m[:, None], gallery_m[rows])


def write_distances(neighbours_m: Floats) -> list[str]:
    """Each row as the text of a cell of `predictions.csv`; empty if a distance is unknown."""
    return [
        ";".join(f"{one:.{_DECIMALS}f}" for one in row) if np.isfinite(row).all() else ""
        for row in neighbours_m
    ]


def read_distances(table: pd.DataFrame) -> Floats | None:
    """Distances `(n, k)` that `predictions.csv` holds; NaN where a row has none.

    Returns:
        None if the table holds none: an older version wrote it, or there are no neighbours.
    """
    if COLUMN not in table:
        return None
    texts = table[COLUMN].fillna("").astype(str)
    cells = [text.split(";") if text else [] for text in texts]
    count = max(map(len, cells), default=0)
    if not count:
        return None
    found = np.full((len(cells), count), np.nan)
    for row, cell in enumerate(cells):
        if len(cell) == count:
            found[row] = [float(one) for one in cell]
    return found
