"""Where label rows stand in the plane, and which of them stand off the campus.

The campus is what hangs together: rows within a reach of one another make one piece of ground, and
a piece that holds few rows is an island. Whatever lies on an island is far from every row that
could speak for it. The plane is equirectangular about the median, because a label that is wrong by
any factor must be placed too; over a campus it differs from the projection by millimetres.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.geo import CoordinateFrame, Floats

METRES_PER_DEGREE = 111_195.0
ISLAND_SHARE = 0.05
# The reach, in parts of the campus's spread and in typical gaps between neighbouring spots. Points
# that lie at random hang together from 2.5 typical gaps on.
REACH_SPREADS = 0.25
REACH_GAPS = 6.0


@dataclass(frozen=True, eq=False)
class Ground:
    """The plane under n label rows.

    Attributes:
        position: `(n, 2)` north and east of the median, in `unit`; NaN where there is no number.
        middle: The median position in label units.
        per_unit: Length of one label unit north and east, in `unit`.
        unit: `m`, or `label units` where the frame is unknown.
        spread: Median distance of the campus's rows from the middle.
        reach: Rows this close hang together.
        on_island: `(n,)` whether a row stands off the campus.
        gap: `(n,)` distance to the nearest row on the campus; 0 on it, NaN without a number.
    """

    position: Floats
    middle: Floats
    per_unit: Floats
    unit: str
    spread: float
    reach: float
    on_island: np.ndarray
    gap: Floats

    def place(self, labels: Floats) -> Floats:
        """Put label positions `(m, 2)` into the plane `(m, 2)`."""
        return np.asarray((labels - self.middle) * self.per_unit, np.float64)

    def length(self, distance: float) -> str:
        """Write a length for people."""
        if self.unit == "m" and distance >= 10_000.0:
            return f"{distance / 1000.0:,.0f} km"
        return f"{distance:,.0f} {self.unit}"


def find_ground(latitude: Floats, longitude: Floats, frame: CoordinateFrame | None) -> Ground:
    """Lay rows `(n,)` out in the plane and tell the campus from the islands about it."""
    labels = np.column_stack([latitude, longitude])
    known = np.asarray(np.isfinite(labels).all(axis=1), bool)
    if not known.any():
        blank = np.full(labels.shape, np.nan)
        one = np.ones(2)
        return Ground(blank, np.zeros(2), one, "label units", 0.0, 0.0, known, blank[:, 0])
    middle = np.median(labels[known], axis=0)
    per_unit = _per_unit(frame, float(middle[0]))
    position = (labels - middle) * per_unit
    spread = float(np.median(np.hypot(*position[known].T)))
    points = position[known]
    reach = _reach(points, spread)
    off = np.zeros(len(labels), bool)
    off[known] = _islands(points, reach)
    gap = np.full(len(labels), np.nan)
    gap[known] = 0.0
    if off.any():
        gap[off] = cKDTree(position[known & ~off]).query(position[off])[0]
    unit = "m" if frame else "label units"
    return Ground(position, middle, per_unit, unit, spread, reach, off, gap)


def _per_unit(frame: CoordinateFrame | None, latitude: float) -> Floats:
    if frame is None or not frame.has_degrees:
        return np.ones(2)
    scale = frame.scale if frame.kind == "scaled_degrees" else 1.0
    north_deg = np.clip(latitude * scale + frame.origin_latitude, -89.0, 89.0)
    return METRES_PER_DEGREE * abs(scale) * np.array([1.0, np.cos(np.deg2rad(north_deg))])


def _reach(points: Floats, spread: float) -> float:
    """How far rows may stand apart and still hang together."""
    spots = np.unique(points, axis=0)
    if len(spots) < 3:
        return max(spread, 1.0)
    gaps = cKDTree(spots).query(spots, k=2)[0][:, 1]
    return max(REACH_SPREADS * spread, REACH_GAPS * float(np.median(gaps)), 1e-9)


def _islands(points: Floats, reach: float) -> np.ndarray:
    """Flag `(m,)` points in pieces of ground that hold few of them; the largest is never one."""
    # Cells first: a campus has many photos a spot, and pairs grow with the square.
    cells, cell = np.unique(np.round(points / (reach / 8.0)), axis=0, return_inverse=True)
    pairs = cKDTree(cells).query_pairs(8.0, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(cells),) * 2)
    piece = connected_components(links, directed=False)[1][np.ravel(cell)]
    size = np.bincount(piece)
    small = size < max(ISLAND_SHARE * len(points), 2.0)
    small[np.argmax(size)] = False
    return np.asarray(small[piece])
