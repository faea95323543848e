"""The density of positions by likelihood, then region and radius by split conformal."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.calibration.folds import Known, fold_rows
from core.calibration.scales import fit_scale
from core.geo import Floats, distance_m
from core.trust.answered import Answered
from core.trust.applied import expected, position_clues
from core.trust.conformal import quantiles
from core.trust.density import make_density
from core.trust.schema import DensityFit, PositionFit

_START = (0.03, 8.0, 0.3, 12.0, 0.05)
"""Softness, metres about a retrieved position, own share, metres about it, campus share."""
_STEPS = 160


def fit_positions(answers: Answered, known: Known) -> PositionFit:
    """Fit density, mass, scale and radius to calibration photos.

    Scores are cross-fitted, so that the photos that set a promise did not shape what it is made
    of. The parameters that are kept are fitted to all.
    """
    error = distance_m(answers.position_refined_m, known.position_m)
    campus = _campus(known.position_m)
    masses, ratios = np.empty(len(error)), np.empty(len(error))

    for train, held in fold_rows(known.groups):
        taught, asked = answers.rows(train), answers.rows(held)
        fit = _density(taught, known.position_m[train], campus)
        density = make_density(asked, fit)
        masses[held] = density.mass_above(known.position_m[held])
        scale = fit_scale(error[train], position_clues(taught, make_density(taught, fit)))
        ratios[held] = error[held] / expected(scale, position_clues(asked, density))
    fit = _density(answers, known.position_m, campus)
    clues = position_clues(answers, make_density(answers, fit))
    return PositionFit(
        density=fit,
        mass=quantiles(masses),
        scale=fit_scale(error, clues),
        ratio=quantiles(ratios),
    )


def _campus(position_m: Floats) -> tuple[tuple[float, float], float]:
    """Centre and width of one bell over all photos; no narrower than a few metres."""
    centre = position_m.mean(axis=0)
    width = float(np.sqrt(((position_m - centre) ** 2).sum(axis=1).mean() / 2.0))
    return (float(centre[0]), float(centre[1])), max(width, 5.0)


def _density(
    answers: Answered, truth_m: Floats, campus: tuple[tuple[float, float], float]
) -> DensityFit:
    """The mixture with the greatest likelihood of the true positions."""

    def fit_of(values: NDArray[np.float64]) -> DensityFit:
        bounded = np.clip(values, -9.0, 9.0)
        return DensityFit(
            softness=float(np.clip(np.exp(bounded[0]), 0.003, 3.0)),
            retrieved_m=float(np.clip(np.exp(bounded[1]), 1.0, 200.0)),
            own_share=_share(bounded[2]),
            own_m=float(np.clip(np.exp(bounded[3]), 1.0, 500.0)),
            campus_share=max(_share(bounded[4]), 0.002),
            campus_centre_m=campus[0],
            campus_m=campus[1],
        )

    def loss(values: NDArray[np.float64]) -> float:
        fit = fit_of(values)
        here = make_density(answers, fit).at(truth_m[:, None])[:, 0]
        # A gentle pull to the start, worth two photos: a few dozen must not find a needle.
        pull = ((values - start) ** 2).sum() / len(truth_m)
        return float(-np.log(np.maximum(here, 1e-300)).mean() + 0.1 * pull)

    softness, near, own, wide, campus_share = _START
    start = np.array([np.log(softness), np.log(near), _logit(own), np.log(wide),
                      _logit(campus_share)])  # fmt: skip
    found = minimize(loss, start, method="Nelder-Mead",
                     options={"maxfev": _STEPS, "xatol": 0.02, "fatol": 1e-4})  # fmt: skip
    return fit_of(found.x)


def _share(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))
