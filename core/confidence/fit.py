"""Fitting a calibration to held-out photos of known truth: cross-fitted, then conformal.

Every photo is scored by parameters that were fitted without its own group (a spot, a visit), so
that the photos that set a quantile did not shape what it is a quantile of.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from core.confidence.apply import (
    expected,
    familiarity,
    heading_clues,
    ood_score,
    position_clues,
    tempered,
)
from core.confidence.calibration_metrics import calibration_metrics
from core.confidence.conformal import conformal_quantile, quantiles
from core.confidence.density import make_density
from core.confidence.evidence import Answered, Evidence
from core.confidence.schema import (
    AppearanceFit,
    DensityFit,
    HeadingFit,
    PositionFit,
    RefusalFit,
    RegionFit,
    ScaleFit,
)
from core.geo import Floats, distance_m, heading_error_deg

Rows = NDArray[np.int64]
FOLDS = 5


@dataclass(frozen=True)
class GroundTruth:
    """The truth about n calibration photos.

    Attributes:
        position_m: `(n, 2)`.
        heading_deg: `(n,)`.
        region: `(n,)` indices; regions that the model does not know are beyond its own.
        groups: `(n,)` photos of one group (a spot, a visit) are right or wrong together.
    """

    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check every shape."""
        n = len(self.groups)
        shapes = (self.position_m.shape, self.heading_deg.shape, self.region.shape)
        if shapes != ((n, 2), (n,), (n,)):
            raise ValueError(f"truth of {n} photos does not fit: {shapes}")


def fold_rows(groups: NDArray[np.int64]) -> list[tuple[Rows, Rows]]:
    """Rows to fit on and rows to score, for each fold; groups are never parted.

    Where there are fewer than two groups nothing can be held out: all rows are both.
    """
    names, number = np.unique(groups, return_inverse=True)
    every = np.arange(len(groups))
    if len(names) < 2:
        return [(every, every)]
    turn = np.random.default_rng(0).permutation(len(names)) % min(FOLDS, len(names))
    return [
        (every[turn[number] != fold], every[turn[number] == fold])
        for fold in range(min(FOLDS, len(names)))
    ]


# The expected size of an error: linear in the logarithm, with slopes of at least 0.


_RIDGE = 0.02
_FLOOR = 0.5
"""Added to errors before their logarithm: nobody cares about errors below it (metres, degrees)."""


def fit_scale(error: Floats, clues: Floats) -> ScaleFit:
    """Fit `log(error + 0.5)` by clues `(n, c)`, least squares with a little ridge.

    Slopes below 0 are set to 0 and the rest is fitted again: more doubt must never promise less
    error. Where photos are few, ridge leaves one size for all.
    """
    target = np.log(error + _FLOOR)
    used = np.arange(clues.shape[1])
    slopes = np.zeros(clues.shape[1])
    mean = clues.mean(axis=0)
    std = np.maximum(clues.std(axis=0), 1e-3)
    while len(used):
        x = (clues[:, used] - mean[used]) / std[used]
        gram = x.T @ x / len(x) + _RIDGE * (1.0 + 100.0 / len(x)) * np.eye(len(used))
        found = np.linalg.solve(gram, x.T @ (target - target.mean()) / len(x))
        if (found >= 0.0).all():
            slopes[used] = found / std[used]
            break
        used = used[found >= 0.0]
    intercept = float(target.mean() - mean @ slopes)
    return ScaleFit(intercept=intercept, slopes=tuple(slopes.tolist()))


# Region probabilities: one temperature.


_BOUNDS = (-2.0, 2.5)
"""Of the logarithm: temperatures from 0.14 to 12."""


def fit_regions(
    probabilities: Floats, region: NDArray[np.int64], groups: NDArray[np.int64]
) -> RegionFit:
    """Choose the temperature with the least negative log-likelihood.

    Photos of regions that the model does not know say nothing about temperature and are left out.

    Args:
        probabilities: `(n, R)`, with the neighbours' votes.
        region: `(n,)` true regions.
        groups: `(n,)` as in `GroundTruth`.
    """
    known = region < probabilities.shape[1]
    shares, truth, groups = probabilities[known], region[known], groups[known]
    if len(truth) == 0:
        return RegionFit(temperature=1.0, before={}, after={})
    crossed = np.empty_like(shares)

    for train, held in fold_rows(groups):
        crossed[held] = tempered(shares[held], _temperature(shares[train], truth[train]))
    return RegionFit(
        temperature=_temperature(shares, truth),
        before=calibration_metrics(shares, truth),
        after=calibration_metrics(crossed, truth),
    )


def _temperature(shares: Floats, truth: NDArray[np.int64]) -> float:
    def loss(log_temperature: float) -> float:
        chosen = tempered(shares, float(np.exp(log_temperature)))[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-300)).mean())

    found = minimize_scalar(loss, bounds=_BOUNDS, method="bounded")
    return float(np.exp(found.x))


# Headings: expected error from clues, widened until the wedge holds the truth often enough.


def fit_headings(answers: Answered, known: GroundTruth) -> HeadingFit:
    """Fit scale and half-width to calibration photos, scores cross-fitted as for positions."""
    error = np.asarray(heading_error_deg(answers.heading_refined_deg, known.heading_deg))
    clues = heading_clues(answers)

    ratios = np.empty(len(error))
    for train, held in fold_rows(known.groups):
        fit = fit_scale(error[train], clues[train])
        ratios[held] = error[held] / expected(fit, clues[held])
    return HeadingFit(scale=fit_scale(error, clues), ratio=quantiles(ratios))


# Positions: the density by likelihood, then region and radius by split conformal.


_START = (0.03, 8.0, 0.3, 12.0, 0.05)
"""Softness, metres about a retrieved position, own share, metres about it, campus share."""
_STEPS = 160


def fit_positions(answers: Answered, known: GroundTruth) -> PositionFit:
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


# Refusal: a logistic regression on features, genuine photos against made-up ones.


ACCEPTED = 0.95
"""Share of genuine photos that are answered; the others are refused wrongly."""
LEAST_PHOTOS = 40
_PENALTY = 0.02
_TAIL = 0.002
_SHRINK = 0.05


def fit_refusal(
    genuine: Evidence, negatives: Mapping[str, Evidence], groups: NDArray[np.int64]
) -> RefusalFit | None:
    """Fit score and threshold; None where there are too few photos to set a threshold.

    Each kind of negative weighs as much as any other, and all of them as much as the genuine
    photos. The threshold is a conformal quantile of cross-fitted scores of genuine photos alone:
    negatives shape the score, they have no say in how many genuine photos are refused.

    Args:
        genuine: Of the calibration photos.
        negatives: Of the photos made of them, by kind.
        groups: `(n,)` as in `GroundTruth`.
    """
    if len(genuine.signals) < LEAST_PHOTOS or not negatives:
        return None
    scores = np.empty(len(genuine.signals))
    for train, held in fold_rows(groups):
        scores[held] = ood_score(_fit(genuine.rows(train), negatives), genuine.rows(held))
    threshold = conformal_quantile(scores, ACCEPTED)
    if threshold is None:
        return None
    return _fit(genuine, negatives).model_copy(update={"threshold": threshold})


def _fit(genuine: Evidence, negatives: Mapping[str, Evidence]) -> RefusalFit:
    """Weights by penalised maximum likelihood; signals are followed no further than was seen."""
    look = fit_appearance(genuine.appearance)
    known, made = _signals(genuine, look), [_signals(one, look) for one in negatives.values()]
    every = np.concatenate([known, *made])
    low, high = every.min(axis=0), np.quantile(known, 1.0 - _TAIL, axis=0)
    mean, std = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    share = [np.full(len(known), 0.5 / len(known))]
    share += [np.full(len(one), 0.5 / (len(one) * len(made))) for one in made]
    x = (np.clip(every, low, high) - mean) / std
    found = _weights(x, len(known), np.concatenate(share))
    return RefusalFit(
        appearance=look,
        signals=(*genuine.names, "appearance"),
        low=tuple(low.tolist()),
        high=tuple(np.maximum(high, low).tolist()),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        weights=tuple(found[1:].tolist()),
        intercept=float(-found[0]),
        threshold=0.0,
        accepted=ACCEPTED,
        negatives={kind: len(one.signals) for kind, one in negatives.items()},
    )


def fit_appearance(appearance: Floats) -> AppearanceFit:
    """Fit a normal distribution to numbers `(n, a)`, its correlations shrunk towards none."""
    mean, std = appearance.mean(axis=0), np.maximum(appearance.std(axis=0), 1e-6)
    apart = (appearance - mean) / std
    shrink = max(_SHRINK, apart.shape[1] / (len(apart) + apart.shape[1]))
    correlation = (1.0 - shrink) * (apart.T @ apart) / len(apart)
    precision = np.linalg.inv(correlation + shrink * np.eye(len(mean)))
    return AppearanceFit(
        mean=tuple(mean.round(6).tolist()),
        std=tuple(std.round(7).tolist()),
        precision=tuple(tuple(row) for row in precision.round(4).tolist()),
    )


def _signals(support: Evidence, look: AppearanceFit) -> Floats:
    glance = familiarity(look, support.appearance)
    return np.concatenate([support.signals, glance[:, None]], axis=1)


def _weights(x: Floats, genuine: int, share: Floats) -> Floats:
    """Intercept and weights `(1 + s,)`, none below 0, of signals `(n, s)`, genuine ones first."""
    truth = (np.arange(len(x)) < genuine).astype(np.float64)

    def loss(values: Floats) -> tuple[float, Floats]:
        line = values[0] + x @ values[1:]
        fall = np.logaddexp(0.0, line) - truth * line
        slope = share * (expit(line) - truth)
        penalty = _PENALTY * (values[1:] ** 2).sum() / 2.0
        gradient = np.concatenate([[slope.sum()], x.T @ slope + _PENALTY * values[1:]])
        return float((share * fall).sum() + penalty), gradient

    # No feature may count as evidence by being low: what is new would pass by being odd enough.
    bounds = [(None, None), *[(0.0, None)] * x.shape[1]]
    found = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)
