"""Spots: photos that stand so close together that one gives the others away."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.errors import SplitError
from core.geo import Floats

SPOT_RADIUS_M = 3.0
# Tried in this order until no spot is too large to be dealt to one part.
RADII_M = (SPOT_RADIUS_M, 2.0, 1.0, 0.5)
LARGEST_SHARE = 0.1
# In a dataset of a few dozen photos one honest spot may well be more than a tenth.
SMALL_SPOT = 12


def spot_groups(position_m: Floats, radius_m: float = SPOT_RADIUS_M) -> np.ndarray:
    """Number the connected components of photos within `radius_m` of one another.

    Args:
        position_m: Local metres `(n, 2)`.
        radius_m: Photos this close, directly or through others between, share a group.

    Returns:
        Group numbers `(n,)`, int64, in order of first appearance.
    """
    points = np.asarray(position_m, np.float64)
    pairs = cKDTree(points).query_pairs(radius_m, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(points),) * 2)
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def spots_below(position_m: Floats) -> tuple[np.ndarray, float]:
    """Group photos into spots of which none holds more than a tenth of them.

    Where photos lie dense, chains of neighbours join whole walks into one spot, which then cannot
    be split; the radius is lowered step by step until it does not.

    Returns:
        Group numbers `(n,)` and the radius in metres that made them.

    Raises:
        SplitError: Even half a metre joins too many.
    """
    largest = 0
    for radius_m in RADII_M:
        groups = spot_groups(position_m, radius_m)
        largest = int(np.bincount(groups).max())
        if largest <= max(LARGEST_SHARE * len(groups), SMALL_SPOT):
            return groups, radius_m
    raise SplitError(
        f"{largest} of {len(position_m)} photos chain into one spot even within {RADII_M[-1]:g} m, "
        "so spots cannot be kept together: use the random split"
    )
