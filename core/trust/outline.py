"""The outline of a region: where a photo's density is above a height, as polygons in metres."""

import numpy as np
from contourpy import FillType, contour_generator

from core.geo import Floats
from core.trust.density import Density

Polygon = tuple[Floats, ...]
"""Rings `(k, 2)` `[north_m, east_m]`, closed: the outer one, then its holes."""
CELLS = 160
"""Cells of the grid along the longer side of what is outlined."""
_FINEST_M = 0.5
_MARGIN_WIDTHS = 1.5
# Bells lighter than this reach above no height that matters; they only make the grid coarse.
_LEAST_WEIGHT = 1e-3


def outline(density: Density, row: int, height: float) -> tuple[Polygon, ...]:
    """Outline where the density of one photo exceeds `height` (per square metre).

    The grid covers every bell that reaches that high. Islands smaller than a cell may be missed.
    """
    one = density.rows(slice(row, row + 1))
    points, _ = one.probes()
    above = points[0][one.at(points)[0] >= height]
    if len(above) == 0:
        return ()
    kept = (one.weight[0] >= _LEAST_WEIGHT) & (one.at(one.centre_m)[0] >= height)
    widest = float(one.width_m[kept].max(initial=one.width_m.min()))
    reach = np.concatenate([above, one.centre_m[0][kept]])
    low, high = reach.min(axis=0) - widest, reach.max(axis=0) + widest
    low, high = low - _MARGIN_WIDTHS * widest, high + _MARGIN_WIDTHS * widest
    step = max(_FINEST_M, float((high - low).max()) / CELLS)
    north = np.arange(low[0], high[0] + step, step)
    east = np.arange(low[1], high[1] + step, step)
    grid = np.stack(np.meshgrid(north, east, indexing="ij"), axis=-1)
    level = one.at(grid.reshape(1, -1, 2)).reshape(len(north), len(east))
    # Outlines close at the edge of the grid.
    level[[0, -1]] = level[:, [0, -1]] = 0.0
    filled = contour_generator(east, north, level, fill_type=FillType.OuterOffset).filled(
        height, 2.0 * float(level.max()) + height
    )
    return tuple(
        tuple(ring[:, ::-1].astype(np.float64) for ring in np.split(island, offsets[1:-1]))
        for island, offsets in zip(*filled, strict=True)
    )


def inside(density: Density, points_m: Floats, heights: Floats) -> np.ndarray:
    """Whether each photo's point `(n, 2)` lies in its region, `(n,)`."""
    return np.asarray(density.at(points_m[:, None])[:, 0] >= heights)
