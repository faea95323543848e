"""Fit a calibration to held-out photos with ground truth: cross-fitting, then split conformal.

Every photo is scored with parameters that were fitted without its group (a spot or a visit), so
that the scores whose quantile is taken are those of photos that the parameters have not seen.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from core.confidence.apply import (
    expected,
    heading_clues,
    log_odds,
    position_clues,
    tempered,
)
from core.confidence.density import make_density, mixed_density
from core.confidence.evidence import PredictionFields
from core.confidence.fit_sizes import STEEPEST_MASS, fit_sizes
from core.confidence.overlap import fit_overlap, unseen_probability
from core.confidence.schema import (
    DensityFit,
    HeadingFit,
    OverlapFit,
    PositionFit,
    RegionFit,
    ScaleFit,
)
from core.geo import Floats, distance_m, far_from_middle, heading_error_deg
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


def fit_scale(error: Floats, clues: Floats, weight: Floats, unseen: Floats) -> ScaleFit:
    """Fit `log(error + 0.5)` to clues by ridge regression.

    Slopes below 0 are set to 0 and the others are fitted again: a clue of doubt must not lower
    the expected error. With few photos, the ridge penalty makes all expected errors alike.

    Args:
        error: `(n,)`.
        clues: `(n, c)`.
        weight: `(n,)` of each row, positive.
        unseen: `(n,)` probability of an unseen view, the last clue; all 0: it is not known.
    """
    known = bool(unseen.any())
    if known:
        clues = np.concatenate([clues, log_odds(unseen)[:, None]], axis=1)
    target = np.log(error + _FLOOR)
    used = np.arange(clues.shape[1])
    slopes = np.zeros(clues.shape[1])
    share = weight / weight.sum()
    mean, middle = share @ clues, share @ target
    std = np.maximum(np.sqrt(share @ (clues - mean) ** 2), 1e-3)
    # Rows of little weight do not make up for photos.
    rows = 1.0 / (share**2).sum()
    while len(used):
        x = (clues[:, used] - mean[used]) / std[used]
        gram = (x.T * share) @ x + _RIDGE * (1.0 + 100.0 / rows) * np.eye(len(used))
        solution = np.linalg.solve(gram, (x.T * share) @ (target - middle))
        if (solution >= 0.0).all():
            slopes[used] = solution / std[used]
            break
        used = used[solution >= 0.0]
    intercept = float(middle - mean @ slopes)
    *others, last = slopes.tolist()
    if known:
        return ScaleFit(intercept=intercept, slopes=tuple(others), unseen=last)
    return ScaleFit(intercept=intercept, slopes=(*others, last))


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


# Cases: every photo with the whole gallery, and again without the training photos around it.


PRIOR = 0.5
"""Share of photos that are taken where nobody photographed, which fits assume."""


@dataclass(frozen=True)
class Cases:
    """Answers about calibration photos, some with the training photos around them left out.

    Attributes:
        answers: Of n rows; a photo may have several.
        truth: Of the same rows; rows of one photo have one group.
        left_out: `(n,)` whether the training photos around the photo were left out.
        farthest: `(n,)` whether those within the largest of the radii were.
        weight: `(n,)` of each row, positive.
    """

    answers: PredictionFields
    truth: GroundTruth
    left_out: NDArray[np.bool_]
    farthest: NDArray[np.bool_]
    weight: Floats

    @classmethod
    def whole(cls, answers: PredictionFields, truth: GroundTruth) -> Self:
        """Answers with the whole gallery only."""
        n = len(truth.groups)
        nowhere = np.zeros(n, bool)
        return cls(answers, truth, nowhere, nowhere, np.ones(n))

    @classmethod
    def of(
        cls,
        answers: PredictionFields,
        truth: GroundTruth,
        left_out: NDArray[np.bool_],
        farthest: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Both cases together, weighted so that those left out have the share `PRIOR`."""
        farthest = left_out if farthest is None else farthest
        out = int(left_out.sum())
        if not 0 < out < len(left_out):
            return cls(answers, truth, left_out, farthest, np.ones(len(left_out)))
        own = (1.0 - PRIOR) / (len(left_out) - out)
        return cls(answers, truth, left_out, farthest, np.where(left_out, PRIOR / out, own))

    def rows(self, rows: Rows) -> Self:
        """Some of the rows."""
        return type(self)(
            self.answers.rows(rows), self.truth.rows(rows), self.left_out[rows],
            self.farthest[rows], self.weight[rows],
        )  # fmt: skip

    def overlap(self) -> OverlapFit | None:
        """The fit that tells the cases apart; None if there is one case only."""
        evidence = self.answers.evidence
        if evidence is None or not self.left_out.any() or self.left_out.all():
            return None
        return fit_overlap(evidence, self.left_out, self.weight)

    def unseen(self, fit: OverlapFit | None) -> Floats:
        """Probability `(n,)` of an unseen view; 0 without a fit."""
        if fit is None or self.answers.evidence is None:
            return np.zeros(len(self.weight))
        return unseen_probability(fit, self.answers.evidence)


# Headings: expected error from clues, scaled by a conformal quantile.


def fit_headings(cases: Cases) -> HeadingFit:
    """Fit scale and ratio to rows with headings; scores are cross-fitted as for positions."""
    answers, truth, weight = cases.answers, cases.truth, cases.weight
    error = np.asarray(heading_error_deg(answers.heading_refined_deg, truth.heading_deg))
    clues = heading_clues(answers)
    ratios, unseen = np.empty(len(error)), np.empty(len(error))
    for train, held in fold_rows(truth.groups):
        fitted = cases.rows(train)
        overlap = fitted.overlap()
        unseen[held] = cases.rows(held).unseen(overlap)
        fit = fit_scale(error[train], clues[train], weight[train], fitted.unseen(overlap))
        ratios[held] = error[held] / expected(fit, clues[held], unseen[held])
    ratio, curves = fit_sizes(ratios, unseen, cases.left_out, cases.farthest)
    scale = fit_scale(error, clues, weight, cases.unseen(cases.overlap()))
    return HeadingFit(scale=scale, ratio=ratio, ratio_curves=curves)


# Positions: the densities by likelihood, then region and radius by split conformal.


_START = (0.03, 8.0, 0.3, 12.0, 0.05)
"""Start of the fit: softness, retrieved_m, own_share, own_m, campus_share of `DensityFit`."""
_UNSEEN_START = (0.1, 50.0, 0.3, 50.0, 0.3)
_STEPS = 160
_SURE = 1e-9


def fit_positions(cases: Cases) -> PositionFit:
    """Fit densities, mass, scale and radius to rows that have positions.

    Scores are cross-fitted; the parameters that are returned are fitted to all rows.
    """
    answers, truth = cases.answers, cases.truth
    error = distance_m(answers.position_refined_m, truth.position_m)
    campus = _campus(truth.position_m)
    masses, ratios, unseen = np.empty(len(error)), np.empty(len(error)), np.empty(len(error))
    for train, held in fold_rows(truth.groups):
        fitted, scored = cases.rows(train), cases.rows(held)
        overlap = fitted.overlap()
        fit = _positions(fitted, overlap, campus)
        unseen[held] = scored.unseen(overlap)
        density = mixed_density(scored.answers, fit, unseen[held])
        masses[held] = density.mass_above(truth.position_m[held])
        clues = position_clues(scored.answers, density)
        ratios[held] = error[held] / expected(fit.scale, clues, unseen[held])
    # The logarithm of the mass outside is what grows: see `grown_mass`.
    lacking, mass_curves = fit_sizes(
        -np.log(np.maximum(1.0 - masses, _SURE)), unseen, cases.left_out, cases.farthest,
        STEEPEST_MASS,
    )  # fmt: skip
    low, high = (None if value is None else _mass(value) for value in lacking)
    ratio, ratio_curves = fit_sizes(ratios, unseen, cases.left_out, cases.farthest)
    fit = _positions(cases, cases.overlap(), campus)
    return fit.model_copy(
        update={
            "mass": (low, high), "mass_curves": mass_curves,
            "ratio": ratio, "ratio_curves": ratio_curves,
        }
    )  # fmt: skip


def _mass(lacking: float) -> float:
    """The mass whose outside has a logarithm; 1 if next to nothing is outside."""
    return 1.0 if lacking >= -math.log(2.0 * _SURE) else float(-np.expm1(-lacking))


def _positions(
    cases: Cases, overlap: OverlapFit | None, campus: tuple[tuple[float, float], float]
) -> PositionFit:
    """Densities and scale of some rows; masses and ratios are not known yet."""
    answers, truth_m, out = cases.answers, cases.truth.position_m, cases.left_out
    seen, hidden = np.flatnonzero(~out), np.flatnonzero(out)
    unseen = None
    if overlap is not None:
        unseen = _density(answers.rows(hidden), truth_m[hidden], campus, _UNSEEN_START)
    density = _density(answers.rows(seen), truth_m[seen], campus, _START)
    nothing = ScaleFit(intercept=0.0, slopes=())
    fit = PositionFit(
        density=density, unseen=unseen, mass=(None, None), scale=nothing, ratio=(None, None)
    )
    error = distance_m(answers.position_refined_m, truth_m)
    chance = cases.unseen(overlap)
    clues = position_clues(answers, mixed_density(answers, fit, chance))
    return fit.model_copy(update={"scale": fit_scale(error, clues, cases.weight, chance)})


def _campus(position_m: Floats) -> tuple[tuple[float, float], float]:
    """Mean and standard deviation of one Gaussian over all photos, at least 5 m wide."""
    # A mistyped position must not make the campus of 300 m one of 30 km.
    near_m = position_m[~far_from_middle(position_m)]
    centre = near_m.mean(axis=0)
    width = float(np.sqrt(((near_m - centre) ** 2).sum(axis=1).mean() / 2.0))
    return (float(centre[0]), float(centre[1])), max(width, 5.0)


def _density(
    answers: PredictionFields,
    truth_m: Floats,
    campus: tuple[tuple[float, float], float],
    begin: tuple[float, ...],
) -> DensityFit:
    """The mixture with the greatest likelihood of the true positions, near where it begins."""

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

    softness, near, own, wide, campus_share = begin
    start = np.array([np.log(softness), np.log(near), _logit(own), np.log(wide),
                      _logit(campus_share)])  # fmt: skip
    optimum = minimize(loss, start, method="Nelder-Mead",
                     options={"maxfev": _STEPS, "xatol": 0.02, "fatol": 1e-4})  # fmt: skip
    return fit_of(optimum.x)


def _share(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))
