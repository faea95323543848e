"""Where a photo may have been taken: a density on the ground, and the outline of its regions.

A mixture of Gaussians about the positions of the most similar training photos, the predicted
position, and the whole campus. How much of it lies where it is denser than at the truth (Izbicki et
al. 2022, "CD-split and HPD-split") is what the conformal step bounds, so a region may well be two
islands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from contourpy import FillType, contour_generator
from numpy.typing import NDArray

from core.confidence.evidence import PredictionFields
from core.confidence.schema import DensityFit, PositionFit
from core.geo import Floats, distance_m

PROBES = 12
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Density:
    """A mixture of round bells for each of n photos.

    Attributes:
        centre_m: `(n, m, 2)`.
        weight: `(n, m)`, rows adding up to 1.
        width_m: `(m,)` standard deviations.
    """

    centre_m: Floats
    weight: Floats
    width_m: Floats

    def __post_init__(self) -> None:
        """Check every shape."""
        n, m = self.weight.shape
        if self.centre_m.shape != (n, m, 2) or self.width_m.shape != (m,):
            raise ValueError(
                f"centres {self.centre_m.shape}, weights {self.weight.shape} and widths "
                f"{self.width_m.shape} of a density do not fit"
            )

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.weight)

    def rows(self, part: slice | NDArray[np.int64]) -> Self:
        """The densities of some of the photos."""
        return type(self)(self.centre_m[part], self.weight[part], self.width_m)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The densities of the photos of several calls, which have the same widths."""
        return cls(
            np.concatenate([part.centre_m for part in parts]),
            np.concatenate([part.weight for part in parts]),
            parts[0].width_m,
        )

    def at(self, points_m: Floats) -> Floats:
        """Density per square metre `(n, p)` at points `(n, p, 2)` of each photo's own."""
        result = np.empty(points_m.shape[:2])
        scale = self.weight / (2.0 * np.pi * self.width_m**2)
        for start in range(0, len(self), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            total = np.zeros(points_m[part].shape[:2])
            # One bell at a time: all at once would hold (n, p, m) numbers.
            for bell, width in enumerate(self.width_m):
                away = points_m[part] - self.centre_m[part, bell, None]
                squared = away[..., 0] ** 2 + away[..., 1] ** 2
                total += scale[part, bell, None] * np.exp(squared / (-2.0 * width**2))
            result[part] = total
        return result

    def probes(self) -> tuple[Floats, Floats]:
        """Points `(n, m PROBES, 2)` spread as the density is, and their shares of its mass."""
        n, m = self.weight.shape
        rank = np.arange(PROBES) + 0.5
        # Equal shares of a round bell, turned by the golden angle: no two on one line.
        radius = np.sqrt(-2.0 * np.log(1.0 - rank / PROBES))
        turn = rank * np.pi * (3.0 - np.sqrt(5.0))
        offset = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
        points = self.centre_m[:, :, None] + self.width_m[:, None, None] * offset
        share = np.repeat(self.weight / PROBES, PROBES, axis=1)
        return points.reshape(n, m * PROBES, 2), share

    def mass_above(self, truth_m: Floats) -> Floats:
        """Share `(n,)` of each photo's mass that lies where it is denser than at a point.

        Args:
            truth_m: `(n, 2)`; one point a photo.
        """
        mass = np.empty(len(self))
        for start in range(0, len(self), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            own = self.rows(part)
            points, share = own.probes()
            here = own.at(truth_m[part, None])
            mass[part] = np.where(own.at(points) > here, share, 0.0).sum(axis=1)
        return mass

    def threshold(self, mass: float | Floats) -> Floats:
        """Density `(n,)` above which `mass` (one number, or `(n,)`) of each photo's own lies."""
        points, share = self.probes()
        height = self.at(points)
        order = np.argsort(-height, axis=1, kind="stable")
        filled = np.cumsum(np.take_along_axis(share, order, axis=1), axis=1)
        enough = np.broadcast_to(mass, len(self))[:, None] - 1e-12
        last = np.minimum((filled < enough).sum(axis=1), height.shape[1] - 1)
        return np.asarray(
            np.take_along_axis(height, np.take_along_axis(order, last[:, None], axis=1), axis=1)[
                :, 0
            ]
        )

    def mean_distance_m(self, pin_m: Floats) -> Floats:
        """Expected distance `(n,)` of the truth from a pin `(n, 2)`, if the density were right."""
        points, share = self.probes()
        return np.asarray((distance_m(points, pin_m[:, None]) * share).sum(axis=1))


def mixed_density(answers: PredictionFields, fit: PositionFit, unseen: Floats) -> Density:
    """Density of n answers whose view is unseen with probability `unseen` `(n,)`."""
    seen = make_density(answers, fit.density)
    return seen if fit.unseen is None else mixed(seen, make_density(answers, fit.unseen), unseen)


def mixed(seen: Density, other: Density, share: Floats) -> Density:
    """Both densities of n photos together, the other one's share being `share` `(n,)`."""
    return Density(
        np.concatenate([seen.centre_m, other.centre_m], axis=1),
        np.concatenate(
            [(1.0 - share[:, None]) * seen.weight, share[:, None] * other.weight], axis=1
        ),
        np.concatenate([seen.width_m, other.width_m]),
    )


def make_density(answers: PredictionFields, fit: DensityFit) -> Density:
    """Put the mixture of n answers together.

    Without neighbours their share goes to the answer's own position.
    """
    n = len(answers.position_m)
    evidence = answers.evidence
    places, shares = np.empty((n, 0, 2)), np.empty((n, 0))
    if evidence is not None and evidence.similarity.shape[1]:
        places, shares = evidence.position_m, evidence.weights(fit.softness)
    rest = 1.0 - fit.campus_share
    own = fit.own_share if shares.shape[1] else 1.0
    campus = np.broadcast_to(np.asarray(fit.campus_centre_m), (n, 1, 2))
    return Density(
        np.concatenate([places, answers.position_refined_m[:, None], campus], axis=1),
        np.concatenate(
            [
                rest * (1.0 - own) * shares,
                np.full((n, 1), rest * own),
                np.full((n, 1), fit.campus_share),
            ],
            axis=1,
        ),
        np.array([*[fit.retrieved_m] * shares.shape[1], fit.own_m, fit.campus_m]),
    )


# Outlines: where a photo's density is above a height, as polygons in metres.


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
