"""What each photo alone says of where it was taken, as probabilities of the cells of a grid.

The density of a photo (`core.confidence.density`) is not calibrated itself: calibration says which
share of its mass the areas of 50 % and 90 % need. Recalibrated by its own rank, the density holds
50 % and 90 % within just these areas (Izbicki et al. 2022, "CD-split and HPD-split"; Dheur & Ben
Taieb 2024, "Probabilistic calibration by design"). Half of what lies outside the area of 90 % is
spread evenly over the grid: where an answer that errs should have been, its density does not know.

Photos of one stop share the light and the place that mislead them, so ten photos of a walk are not
ten independent observations: each enters with its probabilities to the power `CREDIT`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.confidence.apply import Confidence
from core.confidence.density import Density
from core.confidence.schema import LEVELS
from core.errors import ConfigError
from core.geo import Floats

Cells = NDArray[np.float32]

CREDIT = 0.5
"""Chosen on photos of the demo campus, its test photos among them: 1 promises too much there."""
MARGIN_M = 60.0
"""The grid reaches this far beyond training photos and pins."""
_FINEST_M, _COARSEST_M = 1.0, 5.0
_MOST_CELLS = 40_000
_MOST_VALUES = 30_000_000
"""Cells of all photos together: 120 MB in float32."""


@dataclass(frozen=True)
class Grid:
    """Square cells of the ground; the middle of cell `[i, j]` is `(north_m[i], east_m[j])`.

    Attributes:
        north_m: `(rows,)`, rising.
        east_m: `(columns,)`, rising.
        step_m: Side of a cell.
    """

    north_m: Floats
    east_m: Floats
    step_m: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.north_m), len(self.east_m)

    @property
    def middles_m(self) -> Floats:
        """`(cells, 2)` middles of the cells, row by row."""
        north, east = np.meshgrid(self.north_m, self.east_m, indexing="ij")
        return np.stack([north.ravel(), east.ravel()], axis=1)

    @classmethod
    def about(cls, points_m: Floats, finest_m: float, photos: int) -> "Grid":
        """The grid over points `(n, 2)` with a margin, for a walk of so many photos.

        Cells are `finest_m` wide, wider where that would make too many.
        """
        low, high = points_m.min(axis=0) - MARGIN_M, points_m.max(axis=0) + MARGIN_M
        most = min(_MOST_CELLS, _MOST_VALUES // max(photos, 1))
        step = float(np.clip(finest_m, _FINEST_M, _COARSEST_M))
        step = max(step, float(np.sqrt(np.prod(high - low) / most)))
        north, east = (np.arange(a, b + step, step) for a, b in zip(low, high, strict=True))
        return cls(north, east, step)


def observe(confidence: Confidence, grid: Grid) -> Cells:
    """What n photos say of the cells of a grid `(n, rows, columns)`; each adds up to 1.

    A refused photo is none of this campus and says nothing: all cells are alike.

    Raises:
        ConfigError: Positions are not calibrated.
    """
    density = confidence.density
    if density is None:
        raise ConfigError(
            "a walk is put together from calibrated areas, and the positions of this checkpoint "
            "are not calibrated: run `python -m core calibrate` first"
        )
    n = len(density)
    needed = np.full((n, len(LEVELS)), np.nan)
    for index, mass in enumerate(confidence.masses):
        if mass is not None:
            needed[:, index] = mass
    cells = np.empty((n, *grid.shape), np.float32)
    for row in range(n):
        if confidence.refused[row]:
            cells[row] = 1.0 / np.prod(grid.shape)
        else:
            credited = recalibrated(rasterised(density, row, grid), needed[row]) ** CREDIT
            cells[row] = credited / credited.sum()
    return cells


def rasterised(density: Density, row: int, grid: Grid) -> Floats:
    """Density of one photo at the middles of the cells, brought to a sum of 1."""
    width = np.hypot(density.width_m, grid.step_m / np.sqrt(12.0))  # a cell is not a point
    parts = [
        np.exp(-0.5 * ((axis[:, None] - density.centre_m[row, :, side]) / width) ** 2)
        for side, axis in enumerate((grid.north_m, grid.east_m))
    ]
    # Round bells are products of one factor an axis.
    value = (parts[0] * (density.weight[row] / width**2)) @ parts[1].T
    return np.asarray(value / value.sum())


def recalibrated(share: Floats, needed: Floats) -> Floats:
    """Shares of cells whose densest part of mass `needed[i]` holds `LEVELS[i]` afterwards.

    Args:
        share: `(rows, columns)`, adding up to 1.
        needed: `(levels,)`, NaN where unknown; such a level is passed over.
    """
    flat = share.ravel()
    order = np.argsort(-flat, kind="stable")
    filled = np.cumsum(flat[order])
    result, start, held = flat.copy(), 0, 0.0
    for level, mass in zip(LEVELS, needed, strict=True):
        # At least one cell more a level: an area may be smaller than a cell.
        end = max(int(np.searchsorted(filled, mass)) + 1, start + 1)
        if not np.isfinite(mass) or end >= len(order):
            continue
        part = order[start:end]
        result[part] *= (level - held) / max(flat[part].sum(), 1e-300)
        start, held = end, level
    rest = order[start:]
    result[rest] *= (1.0 - held) / max(flat[rest].sum(), 1e-300)
    evenly = 0.5 * (1.0 - held)
    result[rest] *= 0.5
    return np.asarray(result + evenly / len(flat)).reshape(share.shape)
