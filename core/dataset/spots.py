"""Spots: photos that stand so close together that one gives the others away."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.geo import Floats

SPOT_RADIUS_M = 3.0


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
