"""Groups of photos by position: spots (photos a few metres apart) and blocks (cells of ground).

A test photo with a training photo of the same spot is recognised from its neighbour, so a split
keeps spots together. Photos of a held-out spot or walk still have training photos on all sides;
blocks do not: whole cells are held out, with a buffer around them that no part contains. Without a
buffer, neighbours remain across the edges (of 25 m cells of the reference course, 37 % of the test
photos are within 5 m of a training photo). See Roberts et al. 2017, "Cross-validation strategies
for data with temporal, spatial, hierarchical, or phylogenetic structure".
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.errors import SplitError
from core.geo import Floats

SPOT_RADIUS_M = 3.0
# Tried in this order until no spot is too large for one part.
RADII_M = (SPOT_RADIUS_M, 2.0, 1.0, 0.5)
LARGEST_SHARE = 0.1
# In a dataset of a few dozen photos one real spot may hold more than a tenth.
SMALL_SPOT = 12


def spot_groups(position_m: Floats, radius_m: float = SPOT_RADIUS_M) -> np.ndarray:
    """Number the connected components of photos within `radius_m` of one another.

    Args:
        position_m: Local metres `(n, 2)`; a photo without a position (NaN) shares no group.
        radius_m: Photos this close, directly or through others between, share a group.

    Returns:
        Group numbers `(n,)`, int64, in order of first appearance.
    """
    points = np.asarray(position_m, np.float64)
    placed = np.flatnonzero(np.isfinite(points).all(axis=1))
    pairs = placed[cKDTree(points[placed]).query_pairs(radius_m, output_type="ndarray")]
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(points),) * 2)
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def spots_below(position_m: Floats) -> tuple[np.ndarray, float]:
    """Group photos into spots of which none holds more than a tenth of them.

    If photos are dense, chains of neighbours join whole walks into one spot, which cannot be split.
    The radius is lowered step by step until they do not.

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
        f"{largest:,} of {len(position_m):,} photos chain into one spot even within "
        f"{RADII_M[-1]:g} m, so spots cannot be kept together: use the random split"
    )


def joined_groups(groups: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Join the groups `(n,)` of photos that have a name in common; `""` is no name."""
    named = names != ""
    if not named.any():
        return groups
    _, numbers = np.unique(groups, return_inverse=True)
    codes = np.unique(names[named], return_inverse=True)[1] + numbers.max() + 1
    size = int(codes.max()) + 1
    links = coo_array((np.ones(len(codes), bool), (numbers[named], codes)), (size, size))
    return np.asarray(connected_components(links, directed=False)[1][numbers], np.int64)


# The parts of a block split, by number.
TRAIN, VAL, TEST, BUFFER = 0, 1, 2, 4


def cells_of(position_m: Floats, cell_m: float, rng: np.random.Generator) -> np.ndarray:
    """Number the square cells that contain the photos.

    Args:
        position_m: Local metres `(n, 2)`.
        cell_m: Side of a cell in metres.
        rng: Shifts the grid, so that another seed has other edges.

    Returns:
        Cell numbers `(n,)`, int64.
    """
    squares = np.floor((np.asarray(position_m) + rng.uniform(0.0, cell_m, 2)) / cell_m)
    return np.asarray(np.unique(squares, axis=0, return_inverse=True)[1].ravel(), np.int64)


def keep_apart(
    assigned: np.ndarray,
    cells: np.ndarray,
    regions: np.ndarray,
    position_m: Floats,
    buffer_m: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Move photos near a test photo out of train and val, and those near a val photo out of train.

    If a region has no training photo left, held-out cells are given back, as few as possible.

    Args:
        assigned: Parts of the photos `(n,)`: 0 train, 1 val, 2 test, whole cells together.
        cells: Cell of each photo `(n,)`.
        regions: Region index of each photo `(n,)`.
        position_m: Local metres `(n, 2)`; a photo without a position (NaN) is near to none.
        buffer_m: Photos of train and test (or val) are farther apart than this.

    Returns:
        Parts `(n,)`, 4 for the buffer; and which photos were given back `(n,)`, bool.
    """
    original, assigned = assigned, assigned.copy()
    while True:
        parts = _with_buffer(assigned, position_m, buffer_m)
        uncovered = np.setdiff1d(regions, regions[parts == TRAIN])
        if len(uncovered) == 0:
            return parts, assigned != original
        for region in uncovered:
            returned = _cells_to_return(assigned, cells, regions == region, position_m, buffer_m)
            assigned[np.isin(cells, returned)] = TRAIN


def _with_buffer(assigned: np.ndarray, position_m: Floats, buffer_m: float) -> np.ndarray:
    parts = assigned.copy()
    for held in (TEST, VAL):
        others = np.flatnonzero(parts < held)
        near = _near(position_m[others], position_m[parts == held], buffer_m)
        parts[others[near]] = BUFFER
    return parts


def _near(position_m: Floats, held_m: Floats, buffer_m: float) -> np.ndarray:
    """`(n,)` whether each position is within the buffer of a held-out photo, edge included."""
    placed, held_m = np.isfinite(position_m).all(axis=1), held_m[np.isfinite(held_m).all(axis=1)]
    near = np.zeros(len(position_m), bool)
    if len(held_m):
        # The tree's own bound is exclusive, and a photo exactly at the edge is too near.
        nearest_m, _ = cKDTree(held_m).query(position_m[placed])
        near[placed] = nearest_m <= buffer_m
    return near


def _cells_to_return(
    assigned: np.ndarray, cells: np.ndarray, own: np.ndarray, position_m: Floats, buffer_m: float
) -> np.ndarray:
    """Return the held-out cell with most photos of the region, else the cells near its photos."""
    held = assigned != TRAIN
    if (own & held).any():
        names, sizes = np.unique(cells[own & held], return_counts=True)
        return names[[sizes.argmax()]]
    crowding = np.flatnonzero(held)
    return np.unique(cells[crowding[_near(position_m[crowding], position_m[own], buffer_m)]])
