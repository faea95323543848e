"""Fit a calibration to held-out photos with ground truth: cross-fitting, then split conformal.

Every photo is scored with parameters that were fitted without its group (a spot or a visit), so
that the scores whose quantile is taken are those of photos that the parameters have not seen.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
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
from core.confidence.density import make_density
from core.confidence.evidence import Evidence, PredictionFields
from core.confidence.schema import (
    LEVELS,
    AppearanceFit,
    DensityFit,
    HeadingFit,
    Pair,
    PositionFit,
    RefusalFit,
    RegionFit,
    ScaleFit,
)
from core.geo import Floats, distance_m, heading_error_deg
from core.labels import Label

BINS = 15


def calibration_metrics(probabilities: Floats, truth: NDArray[np.int64]) -> dict[str, float]:
    """Return `nll`, `ece` and `brier` of probabilities `(n, R)` against true indices `(n,)`.

    A true index of R or more is a region that the model does not know: its probability is 0.
    The expected calibration error is that of the most probable region, in 15 bins of equal width
    (Guo et al. 2017); the Brier score sums over regions (Brier 1950), from 0 to 2.
    """
    n, regions = probabilities.shape
    known = truth < regions
    given = np.where(known, probabilities[np.arange(n), np.minimum(truth, regions - 1)], 0.0)
    hit = probabilities.argmax(axis=1) == truth
    squares = (probabilities**2).sum(axis=1) - 2.0 * given + 1.0
    return {
        "nll": float(-np.log(np.maximum(given, 1e-12)).mean()),
        "ece": calibration_error(probabilities.max(axis=1), hit),
        "brier": float(squares.mean()),
    }


def calibration_error(confidence: Floats, hit: NDArray[np.bool_]) -> float:
    """Mean gap between confidence `(n,)` and share of hits, bin by bin, weighted by photos."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, confidence, BINS) - np.bincount(bins, hit.astype(np.float64), BINS)
    return float(np.abs(sums).sum() / max(counts.sum(), 1))


def conformal_quantile(scores: ArrayLike, level: float) -> float | None:
    """Value that a new score does not exceed with probability `level` or more.

    The `ceil((n + 1) level)`-th smallest of n exchangeable scores (Vovk et al. 2005; Lei et al.
    2018, "Distribution-free predictive inference for regression", section 2.2). None if n is too
    small: then the bound is infinite.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    # Rounding in the product must not raise the rank: (9 + 1) 0.9 is 9.
    rank = math.ceil((len(ordered) + 1) * level - 1e-9)
    if rank > len(ordered):
        return None
    return float(ordered[max(rank, 1) - 1])


def quantiles(scores: ArrayLike) -> Pair:
    """The conformal quantile at each level of `LEVELS`."""
    low, high = (conformal_quantile(scores, level) for level in LEVELS)
    return low, high


Rows = NDArray[np.int64]
FOLDS = 5


@dataclass(frozen=True)
class GroundTruth:
    """Ground truth of n calibration photos.

    Attributes:
        position_m: `(n, 2)`; NaN for a photo without a position.
        heading_deg: `(n,)`; NaN for a photo without a heading.
        region: `(n,)` indices; -1 for a photo without a region, R or more for a region that the
            model does not know.
        groups: `(n,)` spot or visit of each photo; errors within a group are correlated.
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

    def labelled(self, label: Label) -> Rows:
        """Rows of the photos that have a label."""
        has = {
            "position": np.isfinite(self.position_m).all(axis=1),
            "heading": np.isfinite(self.heading_deg),
            "region": self.region >= 0,
        }
        return np.flatnonzero(has[label])

    def rows(self, rows: Rows) -> Self:
        """The ground truth of some of the photos."""
        return replace(
            self,
            position_m=self.position_m[rows],
            heading_deg=self.heading_deg[rows],
            region=self.region[rows],
            groups=self.groups[rows],
        )


def fold_rows(groups: NDArray[np.int64]) -> list[tuple[Rows, Rows]]:
    """Rows to fit on and rows to score, for each fold; a group is never split.

    With fewer than two groups nothing can be held out: all rows are both.
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


# Expected error: log-linear in the clues, with slopes of at least 0.


_RIDGE = 0.02
_FLOOR = 0.5
"""Added to errors before their logarithm; smaller errors do not matter (metres, degrees)."""


def fit_scale(error: Floats, clues: Floats) -> ScaleFit:
    """Fit `log(error + 0.5)` to clues `(n, c)` by ridge regression.

    Slopes below 0 are set to 0 and the others are fitted again: a clue of doubt must not lower
    the expected error. With few photos, the ridge penalty makes all expected errors alike.
    """
    target = np.log(error + _FLOOR)
    used = np.arange(clues.shape[1])
    slopes = np.zeros(clues.shape[1])
    mean = clues.mean(axis=0)
    std = np.maximum(clues.std(axis=0), 1e-3)
    while len(used):
        x = (clues[:, used] - mean[used]) / std[used]
        gram = x.T @ x / len(x) + _RIDGE * (1.0 + 100.0 / len(x)) * np.eye(len(used))
        solution = np.linalg.solve(gram, x.T @ (target - target.mean()) / len(x))
        if (solution >= 0.0).all():
            slopes[used] = solution / std[used]
            break
        used = used[solution >= 0.0]
    intercept = float(target.mean() - mean @ slopes)
    return ScaleFit(intercept=intercept, slopes=tuple(slopes.tolist()))


# Region probabilities: one temperature.


_BOUNDS = (-2.0, 2.5)
"""Of the logarithm: temperatures from 0.14 to 12."""


def fit_regions(
    probabilities: Floats, region: NDArray[np.int64], groups: NDArray[np.int64]
) -> RegionFit:
    """Choose the temperature with the least negative log-likelihood.

    Photos of regions that the model does not know are left out: no temperature changes their
    probability of 0. So are photos without a region.

    Args:
        probabilities: `(n, R)`, with the neighbours' votes.
        region: `(n,)` true regions.
        groups: `(n,)` as in `GroundTruth`.
    """
    known = (region >= 0) & (region < probabilities.shape[1])
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

    optimum = minimize_scalar(loss, bounds=_BOUNDS, method="bounded")
    return float(np.exp(optimum.x))


# Headings: expected error from clues, scaled by a conformal quantile.


def fit_headings(answers: PredictionFields, known: GroundTruth) -> HeadingFit:
    """Fit scale and ratio to photos with headings; scores are cross-fitted as for positions."""
    error = np.asarray(heading_error_deg(answers.heading_refined_deg, known.heading_deg))
    clues = heading_clues(answers)

    ratios = np.empty(len(error))
    for train, held in fold_rows(known.groups):
        fit = fit_scale(error[train], clues[train])
        ratios[held] = error[held] / expected(fit, clues[held])
    return HeadingFit(scale=fit_scale(error, clues), ratio=quantiles(ratios))


# Positions: the density by likelihood, then region and radius by split conformal.


_START = (0.03, 8.0, 0.3, 12.0, 0.05)
"""Start of the fit: softness, retrieved_m, own_share, own_m, campus_share of `DensityFit`."""
_STEPS = 160


def fit_positions(answers: PredictionFields, known: GroundTruth) -> PositionFit:
    """Fit density, mass, scale and radius to calibration photos that have positions.

    Scores are cross-fitted; the parameters that are returned are fitted to all photos.
    """
    error = distance_m(answers.position_refined_m, known.position_m)
    campus = _campus(known.position_m)
    masses, ratios = np.empty(len(error)), np.empty(len(error))

    for train, held in fold_rows(known.groups):
        fitted, scored = answers.rows(train), answers.rows(held)
        fit = _density(fitted, known.position_m[train], campus)
        density = make_density(scored, fit)
        masses[held] = density.mass_above(known.position_m[held])
        scale = fit_scale(error[train], position_clues(fitted, make_density(fitted, fit)))
        ratios[held] = error[held] / expected(scale, position_clues(scored, density))
    fit = _density(answers, known.position_m, campus)
    clues = position_clues(answers, make_density(answers, fit))
    return PositionFit(
        density=fit,
        mass=quantiles(masses),
        scale=fit_scale(error, clues),
        ratio=quantiles(ratios),
    )


def _campus(position_m: Floats) -> tuple[tuple[float, float], float]:
    """Mean and standard deviation of one Gaussian over all photos, at least 5 m wide."""
    centre = position_m.mean(axis=0)
    width = float(np.sqrt(((position_m - centre) ** 2).sum(axis=1).mean() / 2.0))
    return (float(centre[0]), float(centre[1])), max(width, 5.0)


def _density(
    answers: PredictionFields, truth_m: Floats, campus: tuple[tuple[float, float], float]
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
        # A weak prior at the start keeps a few dozen photos from fitting a spike.
        prior = ((values - start) ** 2).sum() / len(truth_m)
        return float(-np.log(np.maximum(here, 1e-300)).mean() + 0.1 * prior)

    softness, near, own, wide, campus_share = _START
    start = np.array([np.log(softness), np.log(near), _logit(own), np.log(wide),
                      _logit(campus_share)])  # fmt: skip
    optimum = minimize(loss, start, method="Nelder-Mead",
                     options={"maxfev": _STEPS, "xatol": 0.02, "fatol": 1e-4})  # fmt: skip
    return fit_of(optimum.x)


def _share(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))


# Refusal: logistic regression of genuine against synthetic photos on OOD features.


ACCEPTED = 0.95
"""Share of genuine photos that are not refused."""
LEAST_PHOTOS = 40
_PENALTY = 0.02
_TAIL = 0.002
_SHRINK = 0.05


def fit_refusal(
    genuine: Evidence, negatives: Mapping[str, Evidence], groups: NDArray[np.int64]
) -> RefusalFit | None:
    """Fit score and threshold; None if there are too few photos to set a threshold.

    Each kind of negative has the same weight, and all negatives together that of the genuine
    photos. The threshold is a conformal quantile of the cross-fitted scores of genuine photos, so
    that the negatives do not change the share of genuine photos that is refused.

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
    """Weights by penalised maximum likelihood; features are clipped to the range of the photos."""
    look = fit_appearance(genuine.appearance)
    known, made = _features(genuine, look), [_features(one, look) for one in negatives.values()]
    every = np.concatenate([known, *made])
    low, high = every.min(axis=0), np.quantile(known, 1.0 - _TAIL, axis=0)
    mean, std = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    share = [np.full(len(known), 0.5 / len(known))]
    share += [np.full(len(one), 0.5 / (len(one) * len(made))) for one in made]
    x = (np.clip(every, low, high) - mean) / std
    coefficients = _weights(x, len(known), np.concatenate(share))
    return RefusalFit(
        appearance=look,
        signals=(*genuine.names, "appearance"),
        low=tuple(low.tolist()),
        high=tuple(np.maximum(high, low).tolist()),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        weights=tuple(coefficients[1:].tolist()),
        intercept=float(-coefficients[0]),
        threshold=0.0,
        accepted=ACCEPTED,
        negatives={kind: len(one.signals) for kind, one in negatives.items()},
    )


def fit_appearance(appearance: Floats) -> AppearanceFit:
    """Fit a normal distribution to numbers `(n, a)`, with correlations shrunk towards 0."""
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


def _features(evidence: Evidence, look: AppearanceFit) -> Floats:
    appearance = familiarity(look, evidence.appearance)
    return np.concatenate([evidence.signals, appearance[:, None]], axis=1)


def _weights(x: Floats, genuine: int, share: Floats) -> Floats:
    """Intercept and weights `(1 + s,)`, weights >= 0, of features `(n, s)`, genuine first."""
    truth = (np.arange(len(x)) < genuine).astype(np.float64)

    def loss(values: Floats) -> tuple[float, Floats]:
        line = values[0] + x @ values[1:]
        fall = np.logaddexp(0.0, line) - truth * line
        slope = share * (expit(line) - truth)
        penalty = _PENALTY * (values[1:] ** 2).sum() / 2.0
        gradient = np.concatenate([[slope.sum()], x.T @ slope + _PENALTY * values[1:]])
        return float((share * fall).sum() + penalty), gradient

    # Every feature is greater for photos of the campus, so a negative weight would be an accident
    # of the negatives and would accept unlike photos.
    bounds = [(None, None), *[(0.0, None)] * x.shape[1]]
    optimum = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(optimum.x)
