"""Where a photo may have been taken: a density on the ground, and the region that holds the truth.

A mixture of bells about the positions of the training photos most alike, the answer's own, and the
whole campus. How much of it lies where it is denser than at the truth (Izbicki et al. 2022,
"CD-split and HPD-split") is what the conformal step bounds, so a region may well be two islands.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats, distance_m
from core.trust.answered import Answered
from core.trust.schema import DensityFit

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
        found = np.empty(len(self))
        for start in range(0, len(self), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            own = self.rows(part)
            points, share = own.probes()
            here = own.at(truth_m[part, None])
            found[part] = np.where(own.at(points) > here, share, 0.0).sum(axis=1)
        return found

    def threshold(self, mass: float) -> Floats:
        """Density `(n,)` above which `mass` of each photo's own lies."""
        points, share = self.probes()
        height = self.at(points)
        order = np.argsort(-height, axis=1, kind="stable")
        filled = np.cumsum(np.take_along_axis(share, order, axis=1), axis=1)
        last = np.minimum((filled < mass - 1e-12).sum(axis=1), height.shape[1] - 1)
        return np.asarray(
            np.take_along_axis(height, np.take_along_axis(order, last[:, None], axis=1), axis=1)[
                :, 0
            ]
        )

    def mean_distance_m(self, pin_m: Floats) -> Floats:
        """Expected distance `(n,)` of the truth from a pin `(n, 2)`, if the density were right."""
        points, share = self.probes()
        return np.asarray((distance_m(points, pin_m[:, None]) * share).sum(axis=1))


def make_density(answers: Answered, fit: DensityFit) -> Density:
    """Put the mixture of n answers together.

    Without neighbours their share goes to the answer's own position.
    """
    n = len(answers.position_m)
    support = answers.support
    places, shares = np.empty((n, 0, 2)), np.empty((n, 0))
    if support is not None and support.similarity.shape[1]:
        places, shares = support.position_m, support.weights(fit.softness)
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
