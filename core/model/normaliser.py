"""Positions as the network learns them: metres, less a centre, over a spread. Never clipped."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats

# For a normal distribution the standard deviation is 1.4826 median absolute deviations.
_DEVIATIONS = 1.4826
# A part whose photos stand on one line or one spot must not be divided by nothing.
_SMALLEST_SPREAD_M = 1.0


@dataclass(frozen=True)
class Normaliser:
    """An affine map between metres and what the position heads learn, per axis (north, east).

    Attributes:
        centre: `(north_m, east_m)` that maps to 0.
        spread: `(north_m, east_m)` that map to 1 beyond the centre; positive.
    """

    centre: tuple[float, float]
    spread: tuple[float, float]

    def __post_init__(self) -> None:
        """Reject what cannot be undone."""
        values = np.asarray([self.centre, self.spread], np.float64)
        if values.shape != (2, 2) or not np.isfinite(values).all() or (values[1] <= 0).any():
            raise ValueError(
                f"normaliser needs a finite centre (2,) and a positive spread (2,), got "
                f"{self.centre} and {self.spread}"
            )

    @classmethod
    def fit(cls, position_m: ArrayLike, target: Literal["metres", "unit_box"] = "metres") -> Self:
        """Fit to the training part's positions `(n, 2)` in metres; photos without one are NaN.

        Where no photo has a position, nothing is changed.

        `metres`: median and 1.4826 times the median absolute deviation of each axis, which gross
        label errors do not move. `unit_box`: smallest value and range, as the [0, 1]-scaled targets
        of the course are made; one gross error stretches it.
        """
        positions = np.asarray(position_m, np.float64)
        if positions.ndim != 2 or positions.shape[1] != 2 or len(positions) == 0:
            raise ValueError(f"positions must have shape (n, 2) with n > 0, got {positions.shape}")
        positions = positions[np.isfinite(positions).all(axis=1)]
        if not len(positions):
            return cls((0.0, 0.0), (1.0, 1.0))
        if target == "unit_box":
            centre, spread = positions.min(axis=0), np.ptp(positions, axis=0)
        else:
            centre = np.median(positions, axis=0)
            spread = _DEVIATIONS * np.median(np.abs(positions - centre), axis=0)
        # More than half of the rows on one line give a spread of 0 on one axis: use the other's.
        wide = np.where(spread < _SMALLEST_SPREAD_M, spread.max(), spread)
        spread = np.maximum(wide, _SMALLEST_SPREAD_M)
        return cls((float(centre[0]), float(centre[1])), (float(spread[0]), float(spread[1])))

    def normalise(self, position_m: ArrayLike) -> NDArray[np.float32]:
        """Metres `(n, 2)` to float32 targets `(n, 2)`."""
        metres = np.asarray(position_m, np.float64)
        return np.asarray((metres - self.centre) / self.spread, np.float32)

    def to_metres(self, normalised: ArrayLike) -> Floats:
        """What the position heads gave `(n, 2)` to metres `(n, 2)`, float64, unclipped."""
        return np.asarray(normalised, np.float64) * self.spread + self.centre
