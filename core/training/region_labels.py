"""Region labels smoothed by distance: at a border, the region next door is hardly wrong.

The idea is PIGEON's (Haas et al. 2024), whose labels fall off with the distance to each cell. Cells
have known borders; a campus's regions have photos, so the distance is to those.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.geo import Floats

# One photo with a wrong region among others must not make a border where there is none.
_WITNESSES = 3


def smoothed_regions(
    position_m: Floats,
    region: NDArray[np.int64],
    regions: int,
    train: NDArray[np.int64],
    sigma_m: float,
) -> NDArray[np.float32]:
    """Shares `(n, regions)` of every photo's label, adding up to 1.

    A region counts by `exp(-d^2 / 2 sigma^2)`, with `d` the distance to its third nearest training
    photo; a photo's own counts 1, so none loses the lead. Photos outside `train` keep their label
    whole.

    Args:
        position_m: `(n, 2)`.
        region: `(n,)` indices.
        regions: How many there are.
        train: Rows of the training photos whose position is believed.
        sigma_m: How far a label reaches.
    """
    share = np.eye(regions)[region]
    for other in range(regions):
        there = train[region[train] == other]
        if not len(there):
            continue
        witnesses = min(_WITNESSES, len(there))
        away_m, _ = cKDTree(position_m[there]).query(position_m[train], k=[witnesses])
        near = np.exp(-(away_m[:, 0] ** 2) / (2.0 * sigma_m**2))
        share[train, other] = np.where(region[train] == other, 1.0, near)
    return np.asarray(share / share.sum(axis=1, keepdims=True), np.float32)
