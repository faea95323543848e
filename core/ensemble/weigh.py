"""Weights of members: uniform, by their validation scores, or fitted to the validation photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.evaluation.scores import ScoredPrediction
from core.geo import Floats, heading_unit
from core.inference.prediction import Prediction
from core.labels import Label
from core.model.card import Weighing

Rows = NDArray[np.int64]

SCORE = "the mean of {terms}, refined, on {n:,} validation photos (less is better)"
SCORE_TERMS: dict[Label, str] = {
    "position": "median position error / {scale:.0f} m",
    "heading": "mean heading error / 90 degrees",
    "region": "share of wrong regions",
}
OBJECTIVE = (
    "the mean over {n:,} validation photos of {terms}, of refined answers averaged by weight"
)
OBJECTIVE_TERMS: dict[Label, str] = {
    "position": "position error / {scale:.0f} m",
    "heading": "half the squared distance of heading vectors",
    "region": "squared error of region probabilities",
}
LEAST_WEIGHT = 1e-3
"""Smaller weights become 0: the member stays in the folder, but is not run."""
FOLDS = 5


@dataclass(frozen=True)
class Weights:
    """Weights of the members, and how they were chosen.

    Attributes:
        values: `(m,)`, adding up to 1.
        rule: How they were chosen, in words.
        notes: How they do on photos that they were not fitted to.
    """

    values: Floats
    rule: str
    notes: tuple[str, ...] = ()


def weigh(
    scored: Sequence[ScoredPrediction], how: Weighing, scale_m: float, temperature: float
) -> Weights:
    """Weight members by their predictions of the same validation photos.

    Args:
        scored: Every member's predictions and the ground truth.
        how: Rule by which weights are chosen.
        scale_m: Median distance of training photos from their middle.
        temperature: For `softmax`.
    """
    n, m = len(scored[0].truth), len(scored)
    labels = scored[0].prediction.labels
    if how == "uniform":
        return Weights(np.full(m, 1.0 / m), f"all members alike: 1/{m}")
    if how == "softmax":
        scores = np.array([one.errors.refined.score(scale_m) for one in scored])
        values = softmax_of_scores(scores, temperature)
        rule = f"exp(-score / {temperature:g}), adding up to 1; score: "
        return Weights(values, rule + SCORE.format(terms=_terms(SCORE_TERMS, labels, scale_m), n=n))
    fit = _Fit.of(scored, scale_m)
    values = fit.fitted(np.arange(n))
    rule = "weights of at least 0 adding up to 1 with the least objective: "
    objective = OBJECTIVE.format(terms=_terms(OBJECTIVE_TERMS, labels, scale_m), n=n)
    return Weights(values, rule + objective, fit.hold_out_notes())


def _terms(terms: Mapping[Label, str], labels: Sequence[Label], scale_m: float) -> str:
    """The terms of a score of what is predicted, as a list in words."""
    *first, last = [terms[label].format(scale=scale_m) for label in labels]
    return f"{', '.join(first)} and {last}" if first else last


def softmax_of_scores(scores: Floats, temperature: float) -> Floats:
    """`exp(-score / temperature)` over their sum; the least score gets the most weight."""
    return _without_small_weights(np.exp(-(scores - scores.min()) / temperature))


@dataclass(frozen=True)
class _Fit:
    """Everything that the objective needs, as arrays of m members and n photos.

    Each term is convex in the weights, so the optimiser reaches the minimum from any start.
    """

    # NaN where the truth is unknown or the label is not predicted.
    position: Floats  # (m, n, 2), over scale_m and relative to the truth
    heading: Floats  # (m, n, 2) unit vectors, relative to the true ones
    region: Floats  # (m, n, R) probabilities, relative to the true ones

    @classmethod
    def of(cls, scored: Sequence[ScoredPrediction], scale_m: float) -> "_Fit":
        """Arrange the members' predictions, relative to the ground truth."""
        truth, answers = scored[0].truth, [one.prediction for one in scored]
        position = np.stack([one.position_refined_m for one in answers]) - truth.position_m
        units = np.stack([heading_unit(one.heading_refined_deg) for one in answers])
        return cls(
            position / scale_m,
            units - heading_unit(truth.heading_deg),
            np.stack([one.region_probabilities for one in answers]) - _certain(answers[0], scored),
        )

    def objective(self, weights: Floats, photos: Rows) -> float:
        """Mean of the terms over some photos, without terms whose truth is unknown."""
        position = np.einsum("m,mnc->nc", weights, self.position[:, photos])
        heading = np.einsum("m,mnc->nc", weights, self.heading[:, photos])
        region = np.einsum("m,mnr->nr", weights, self.region[:, photos])
        terms = [np.hypot(position[:, 0], position[:, 1]), (heading**2).sum(axis=1) / 2.0]
        if region.shape[1]:
            terms.append((region**2).sum(axis=1))
        return float(np.nanmean(terms))

    def fitted(self, photos: Rows) -> Floats:
        """Weights `(m,)` with the least objective over some photos."""
        start = self.uniform
        optimum = minimize(
            self.objective,
            start,
            args=(photos,),
            method="SLSQP",
            bounds=[(0.0, 1.0)] * len(start),
            constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0},
            options={"ftol": 1e-10, "maxiter": 500},
        )
        return _without_small_weights(optimum.x)

    @property
    def uniform(self) -> Floats:
        """Equal weights."""
        return np.full(len(self.position), 1.0 / len(self.position))

    def hold_out_notes(self) -> tuple[str, ...]:
        """Notes on how weights fitted to four fifths of the photos do on the other fifths.

        The fifths are blocks in the order of the label file: neighbours in a walk stay together.
        """
        n = self.position.shape[1]
        if n < 2 * FOLDS:
            return (f"Weights were fitted to {n:,} photos, too few to tell whether by luck.",)
        every = np.arange(n)
        fitted, equal = [], []
        for held in np.array_split(every, FOLDS):
            weights = self.fitted(np.setdiff1d(every, held))
            fitted.append(self.objective(weights, held) * len(held))
            equal.append(self.objective(self.uniform, held) * len(held))
        own, plain = sum(fitted) / n, sum(equal) / n
        relation = "better than" if own < plain else "no better than"
        return (
            f"On photos that they were not fitted to, fitted weights are {relation} equal ones: "
            f"objective {own:.4f} against {plain:.4f} (5 blocks of the {n:,} validation photos).",
        )


def _without_small_weights(values: Floats) -> Floats:
    shares = values / values.sum()
    kept = np.where(shares < LEAST_WEIGHT, 0.0, shares)
    return np.asarray(kept / kept.sum())


def _certain(answer: Prediction, scored: Sequence[ScoredPrediction]) -> Floats:
    """The truth as probabilities `(n, R)`.

    All zeros for a region that no member knows, NaN for a photo without a region.
    """
    truth, known = scored[0].truth, len(answer.regions)
    sure = np.zeros((len(truth), known))
    rows = np.flatnonzero((truth.region >= 0) & (truth.region < known))
    sure[rows, truth.region[rows]] = 1.0
    sure[truth.region < 0] = np.nan
    return sure
