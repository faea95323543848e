"""A calibration applied to predictions: probabilities, radii, wedges, areas and refusals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.confidence.density import Density, Polygon, mixed_density, outline
from core.confidence.evidence import Evidence, PredictionFields
from core.confidence.ood import BEST_POINTS
from core.confidence.overlap import (
    UNSEEN_FROM,
    UNSEEN_NOTE,
    signals_of,
    unseen_probability,
)
from core.confidence.schema import (
    LEVELS,
    AppearanceFit,
    Calibration,
    Curves,
    Growth,
    Pair,
    RefusalFit,
    ScaleFit,
)
from core.errors import CheckpointError
from core.geo import Floats, distance_m, heading_error_deg

LEAST_SHARE = 1e-6
"""Probabilities are never less: a sure network that errs would have an infinite loss."""
_SOFTNESS = 0.03
_BY_PHOTO = ("region_probabilities", "radius_m", "wedge_deg", "refusal_score", "refused", "unseen")
_CLUES = 3
"""Clues of an error's size without points; the fourth is `BEST_POINTS`."""


@dataclass(frozen=True)
class Confidence:
    """The confidence in the predictions of n photos.

    Attributes:
        calibration: The calibration that it was computed with.
        region_probabilities: `(n, R)` calibrated, rows adding up to 1; as predicted if regions are
            not calibrated.
        density: Where each photo may have been taken; None if positions are not calibrated.
        radius_m: `(n, 2)` radius about the pin that holds the truth 50 % and 90 % of the time; NaN
            if positions are not calibrated or there were too few calibration photos for the level.
        wedge_deg: `(n, 2)` half-width of the wedge about the heading, likewise; 180 at most.
        refusal_score: `(n,)` greater: less like the campus; NaN where there is no threshold.
        refused: `(n,)` whether the score is above the threshold.
        unseen: `(n,)` probability that no training photo shows the view, if every second photo were
            taken where nobody photographed; 0 if the calibration does not know.
    """

    calibration: Calibration
    region_probabilities: Floats
    density: Density | None
    radius_m: Floats
    wedge_deg: Floats
    refusal_score: Floats
    refused: NDArray[np.bool_]
    unseen: Floats

    def __post_init__(self) -> None:
        """Check every shape."""
        n = len(self.refused)
        sizes = (self.radius_m, self.wedge_deg, self.refusal_score, self.unseen)
        shapes = tuple(size.shape for size in sizes)
        placed = self.density is None or len(self.density) == n
        if shapes != ((n, 2), (n, 2), (n,), (n,)) or not placed:
            raise ValueError(f"confidence in {n} answers does not fit: {shapes}")

    @cached_property
    def masses(self) -> tuple[Floats | None, ...]:
        """At each level the share `(n,)` of the density that the region holds; None if unknown."""
        fit = self.calibration.position
        if fit is None or self.density is None:
            return (None,) * len(LEVELS)
        factor = factors(
            fit.mass_growth, fit.mass_curves, self.unseen, self.calibration.growth_power
        )
        return tuple(
            None if mass is None or mass >= 1.0 else grown_mass(mass, factor[:, level])
            for level, mass in enumerate(fit.mass)
        )

    @cached_property
    def heights(self) -> tuple[Floats | None, ...]:
        """At each level the density `(n,)` above which the region lies; None where unknown."""
        density = self.density
        return tuple(
            None if mass is None or density is None else density.threshold(mass)
            for mass in self.masses
        )

    def region_m(self, row: int, level: float) -> tuple[Polygon, ...] | None:
        """Islands that hold the truth about one photo at a level of `LEVELS`; None if unknown."""
        heights, density = self.heights[LEVELS.index(level)], self.density
        if heights is None or density is None:
            return None
        return outline(density, row, float(heights[row]))

    def unseen_note(self, row: int) -> str | None:
        """Return a sentence if no training photo seems to show the view of one photo, else None."""
        return UNSEEN_NOTE if self.unseen[row] >= UNSEEN_FROM else None

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The confidence in the answers about some of the photos."""
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in _BY_PHOTO}
        density = None if self.density is None else self.density.rows(rows)
        return replace(self, density=density, **arrays)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put the photos of several calls of one predictor together."""
        first = parts[0]
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in _BY_PHOTO
        }
        densities = [part.density for part in parts if part.density is not None]
        return replace(first, density=Density.joined(densities) if densities else None, **arrays)


def apply(calibration: Calibration, answers: PredictionFields) -> Confidence:
    """Return the confidence in n predictions.

    Raises:
        CheckpointError: The calibration needs signals that the predictions lack.
    """
    measured = () if answers.evidence is None else answers.evidence.names
    missing = sorted(needed_signals(calibration) - set(measured))
    if missing:
        raise CheckpointError(
            f"the calibration needs the signals {', '.join(missing)}, which this model does not "
            "measure (without points in its gallery there is nothing to compare): make it again "
            "with `python -m core calibrate`"
        )
    region, position, heading = calibration.region, calibration.position, calibration.heading
    density, shares = None, answers.region_probabilities
    radius_m = wedge_deg = np.full((len(answers.position_m), len(LEVELS)), np.nan)
    if region is not None:
        shares = tempered(shares, region.temperature)
    unseen = np.zeros(len(answers.position_m))
    if calibration.overlap is not None and answers.evidence is not None:
        unseen = unseen_probability(calibration.overlap, answers.evidence)
    power = calibration.growth_power
    if position is not None:
        density = mixed_density(answers, position, unseen)
        size = expected(position.scale, position_clues(answers, density), unseen)
        factor = factors(position.ratio_growth, position.ratio_curves, unseen, power)
        radius_m = _times(size, position.ratio, factor)
    if heading is not None:
        size = expected(heading.scale, heading_clues(answers), unseen)
        factor = factors(heading.ratio_growth, heading.ratio_curves, unseen, power)
        wedge_deg = np.minimum(_times(size, heading.ratio, factor), 180.0)
    score, refused = refuse(calibration.refusal, answers)
    return Confidence(calibration, shares, density, radius_m, wedge_deg, score, refused, unseen)


def factors(steepness: Growth, curves: Curves | None, unseen: Floats, power: float) -> Floats:
    """Factors `(n, levels)` of sizes by the chance `(n,)` of an unseen view.

    Args:
        steepness: At each level, of files up to version 2; see `growth`.
        curves: In place of it.
        unseen: `(n,)` probability of an unseen view.
        power: Of the chance, which `steepness` belongs to.
    """
    if curves is None:
        return np.stack([growth(unseen**power, steep) for steep in steepness], axis=1)
    odds = log_odds(unseen)
    return np.exp(
        np.stack([np.interp(odds, curve.log_odds, curve.log_factor) for curve in curves], axis=1)
    )


def growth(chance: Floats, steepness: float) -> Floats:
    """Factor `(n,)` of sizes: 1 for a view that is seen for certain, `exp(steepness)` if unseen.

    Args:
        chance: `(n,)` probability of an unseen view, to the power of the calibration. A power above
            1 leaves views that are probably seen almost as they are: what they grow, the quantile
            would take from those that are seen for certain.
        steepness: Logarithm of the greatest factor.
    """
    return np.asarray(1.0 + chance * np.expm1(steepness))


def grown_mass(mass: float, factor: Floats) -> Floats:
    """Mass `(n,)` of an area that grows by a factor.

    The mass of a round bell within a radius r is `1 - exp(-r^2 / 2 s^2)`: the factor is of r^2.
    """
    return np.asarray(1.0 - (1.0 - mass) ** factor)


def needed_signals(calibration: Calibration) -> set[str]:
    """Return the names of the signals that a calibration reads."""
    fit = calibration.refusal
    needed = set() if fit is None else set(fit.signals[:-1])
    if calibration.overlap is not None:
        needed |= signals_of(calibration.overlap)
    fits = [part for part in (calibration.position, calibration.heading) if part is not None]
    clues = max((len(part.scale.slopes) for part in fits), default=0)
    return needed | {BEST_POINTS} if clues > _CLUES else needed


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities `(n, R)` to the power `1 / temperature`, brought to a sum of 1.

    Guo et al. 2017, "On calibration of modern neural networks"; the order stays as it was.
    """
    power = np.log(np.maximum(probabilities, LEAST_SHARE)) / temperature
    share = np.exp(power - power.max(axis=1, keepdims=True))
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def position_clues(answers: PredictionFields, density: Density) -> Floats:
    """Predictors of the size of a position error, `(n, 3 or 4)`.

    Spread of the density, displacement by the refinement, entropy of the region, and, if keypoints
    were compared, lack of inliers.
    """
    pin = answers.position_refined_m
    share = np.clip(answers.region_probabilities, 1e-12, 1.0)
    clues = [
        np.log(density.mean_distance_m(pin) + 1.0),
        np.log(distance_m(pin, answers.position_m) + 1.0),
        -(share * np.log(share)).sum(axis=1),
    ]
    return np.stack([*clues, *_unverified(answers)], axis=1)


def heading_clues(answers: PredictionFields) -> Floats:
    """Predictors of the size of a heading error, `(n, 3 or 4)`.

    Disagreement of the neighbours, shortness of the heading vector, turn by the refinement, and, if
    keypoints were compared, lack of inliers.
    """
    disagreement = np.zeros(len(answers.heading_deg))
    evidence = answers.evidence
    if evidence is not None and evidence.similarity.shape[1]:
        _, length = evidence.mean_heading(_SOFTNESS)
        disagreement = np.log(1.02 - np.minimum(length, 1.0))
    turned = heading_error_deg(answers.heading_deg, answers.heading_refined_deg)
    clues = [
        disagreement,
        np.log(1.02 - np.clip(answers.heading_length, 0.0, 1.0)),
        np.log(turned + 5.0),
    ]
    return np.stack([*clues, *_unverified(answers)], axis=1)


def _unverified(answers: PredictionFields) -> list[Floats]:
    evidence = answers.evidence
    if evidence is None or BEST_POINTS not in evidence.names:
        return []
    return [-evidence.signals[:, evidence.names.index(BEST_POINTS)]]


def expected(fit: ScaleFit, clues: Floats, unseen: Floats) -> Floats:
    """Expected size `(n,)` of an error from clues `(n, c)` and the chance of an unseen view."""
    slopes = np.asarray(fit.slopes, np.float64)
    _check_size("slopes", len(slopes), "clues", clues.shape[1], fits=len(slopes) <= clues.shape[1])
    # A fit from before points were compared knows the first clues only.
    line = fit.intercept + clues[:, : len(slopes)] @ slopes
    return np.asarray(np.exp(line + fit.unseen * log_odds(unseen) if fit.unseen else line))


def _check_size(name: str, stored: int, other: str, given: int, *, fits: bool) -> None:
    """Raise CheckpointError unless what a calibration stores fits what is computed."""
    if not fits:
        raise CheckpointError(
            f"calibration.json is damaged ({stored} {name} for {given} {other}): make it again "
            "with `python -m core calibrate`"
        )


def log_odds(probability: Floats) -> Floats:
    """Logarithm of the odds of probabilities, which are taken within 0.001 and 0.999."""
    within = np.clip(probability, 1e-3, 1.0 - 1e-3)
    return np.asarray(np.log(within / (1.0 - within)))


def refuse(fit: RefusalFit | None, answers: PredictionFields) -> tuple[Floats, NDArray[np.bool_]]:
    """Refusal scores `(n,)`, and whether each is above the threshold."""
    n = len(answers.position_m)
    if fit is None or answers.evidence is None:
        return np.full(n, np.nan), np.zeros(n, bool)
    score = ood_score(fit, answers.evidence)
    return score, score > fit.threshold


def ood_score(fit: RefusalFit, evidence: Evidence) -> Floats:
    """Scores `(n,)` of n photos; greater: less like the campus. What is not finite is strange."""
    chosen = [evidence.names.index(name) for name in fit.signals[:-1]]
    appearance = familiarity(fit.appearance, evidence.appearance)
    signals = np.concatenate([evidence.signals[:, chosen], appearance[:, None]], axis=1)
    signals = np.where(np.isfinite(signals), signals, -np.inf)
    comparable = (np.clip(signals, fit.low, fit.high) - np.asarray(fit.mean)) / np.asarray(fit.std)
    return np.asarray(fit.intercept - comparable @ np.asarray(fit.weights))


def familiarity(fit: AppearanceFit, appearance: Floats) -> Floats:
    """How near `(n,)` photos look to genuine ones: minus the logarithm of their distance.

    The distance is Mahalanobis's, of numbers `(n, a)`.
    """
    size, given = len(fit.mean), appearance.shape[1]
    _check_size("values of the appearance", size, "numbers", given, fits=size == given)
    apart = (appearance - np.asarray(fit.mean)) / np.asarray(fit.std)
    squared = np.einsum("ni,ij,nj->n", apart, np.asarray(fit.precision), apart)
    return np.asarray(-0.5 * np.log(np.maximum(squared, 0.0) + 1.0))


def _times(size: Floats, ratio: Pair, factor: Floats) -> Floats:
    """Sizes `(n, levels)`; NaN at a level without a ratio."""
    known = np.array([np.nan if value is None else value for value in ratio])
    return np.asarray(size[:, None] * known * factor)
