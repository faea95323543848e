"""Promises against what was measured: coverage, honesty of probabilities, refusals, confidence.

Intervals take the photos of a visit or spot together, which hold or fail together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.confidence.apply import Confidence
from core.confidence.fit import calibration_metrics
from core.confidence.overlap import UNSEEN_FROM
from core.confidence.schema import LEVELS
from core.evaluation.intervals import share_interval
from core.evaluation.report_coverage import (
    Accepted,
    CalibratedOn,
    Coverage,
    CoverageOfPhotos,
    CoverageReport,
    ProbabilityMetrics,
    Refused,
    RegionCoverage,
    RegionProbabilities,
    RiskCoverage,
    UnseenCoverage,
)
from core.evaluation.scores import ScoredPrediction
from core.geo import Floats

Groups = NDArray[np.int64]


@dataclass(frozen=True)
class Unseen:
    """Photos of places without a training photo, for `coverage_report`.

    Attributes:
        scored: Answers and truth of all n evaluated photos.
        rows: `(n,)` which of them are photos of such places.
        radius_m: See `UnseenCoverage`.
    """

    scored: ScoredPrediction
    rows: NDArray[np.bool_]
    radius_m: float | None


def coverage_report(
    scored: ScoredPrediction,
    names: Mapping[str, str],
    groups: Groups | None = None,
    unseen: Unseen | None = None,
) -> CoverageReport | None:
    """The calibrated confidence against what was measured; None if the model is not calibrated.

    All evaluated photos count, refused ones too; `accepted` holds the main figures without those.

    Args:
        scored: Predictions and truth.
        names: Of the regions.
        groups: Visit or spot of each photo `(n,)`; without it each photo is its own.
        unseen: The photos of places without a training photo; None if there are none.
    """
    trust = scored.prediction.confidence
    if trust is None:
        return None
    held = held_truths(scored, trust)
    truth = scored.truth
    every = np.ones(len(truth), bool)
    together = np.arange(len(truth)) if groups is None else groups
    present = [index for index in range(len(truth.regions)) if (truth.region == index).any()]
    return CoverageReport(
        calibrated_on=CalibratedOn(**trust.calibration.about),
        levels=tuple(LEVELS),
        overall=CoverageOfPhotos(n=len(truth), **_covered(held, trust, every, together)),
        per_region={
            truth.regions[index]: RegionCoverage(
                name=names.get(truth.regions[index], truth.regions[index]),
                n=int((truth.region == index).sum()),
                **_covered(held, trust, truth.region == index, together),
            )
            for index in present
        },
        region_probabilities=_region_probabilities(scored, trust),
        refused=refusals(trust, together),
        confidence=risk_coverage(scored.error_refined_m, trust.radius_m[:, 0]),
        accepted=_accepted(scored, ~trust.refused),
        named=float((trust.unseen >= UNSEEN_FROM).mean()),
        unseen=None if unseen is None else _unseen(unseen, together),
    )


def _unseen(unseen: Unseen, groups: Groups) -> UnseenCoverage | None:
    trust, rows = unseen.scored.prediction.confidence, unseen.rows
    if trust is None or not rows.any():
        return None
    return UnseenCoverage(
        n=int(rows.sum()),
        **_covered(held_truths(unseen.scored, trust), trust, rows, groups),
        radius_m=unseen.radius_m,
        median_m=unseen.scored.errors.refined.figures(rows).median_m,
        named=float((trust.unseen[rows] >= UNSEEN_FROM).mean()),
        refused=float(trust.refused[rows].mean()),
    )


def _region_probabilities(
    scored: ScoredPrediction, confidence: Confidence
) -> RegionProbabilities | None:
    """Metrics of region probabilities; None if no region is compared or calibrated."""
    rows, fit = scored.compared("region"), confidence.calibration.region
    if fit is None or not rows.any():
        return None
    before, after = (
        ProbabilityMetrics(**calibration_metrics(shares[rows], scored.truth.region[rows]))
        for shares in (scored.prediction.region_probabilities, confidence.region_probabilities)
    )
    return RegionProbabilities(fit.temperature, before, after)


def held_truths(scored: ScoredPrediction, trust: Confidence) -> dict[str, NDArray[np.float64]]:
    """Whether radius, region and wedge hold each photo's truth: `(n, levels)`.

    Returns:
        Keys `radius`, `region` and `wedge`; 1 where held, 0 where not, NaN if the truth or the
        size is unknown.
    """
    here = np.full(len(scored.truth), np.nan)
    if trust.density is not None:
        here = trust.density.at(scored.truth.position_m[:, None])[:, 0]
    regions = [
        np.full(len(here), np.nan) if height is None else _at_least(here, height)
        for height in trust.heights
    ]
    return {
        "radius": _within(scored.error_refined_m, trust.radius_m),
        "region": np.stack(regions, axis=1),
        "wedge": _within(scored.error_refined_deg, trust.wedge_deg),
    }


def refusals(trust: Confidence, groups: Groups) -> Refused:
    """How many of the evaluated photos, which are genuine, were refused."""
    count, n = int(trust.refused.sum()), len(trust.refused)
    fit = trust.calibration.refusal
    promised = None if fit is None else round(1.0 - fit.accepted, 6)
    return Refused(n, count, count / n, share_interval(trust.refused, groups), promised)


def risk_coverage(error: Floats, doubt: Floats) -> RiskCoverage | None:
    """How well doubt sorts errors; None if doubts or all errors are unknown.

    Args:
        error: `(n,)` metres; photos with NaN do not count.
        doubt: `(n,)`, greater: less confident.
    """
    known = np.isfinite(error)
    error, doubt = error[known], doubt[known]
    if not len(error) or not np.isfinite(doubt).all():
        return None
    count = np.arange(1, len(error) + 1)
    curve = np.cumsum(error[np.argsort(doubt, kind="stable")]) / count
    best = np.cumsum(np.sort(error)) / count
    at = np.maximum(np.ceil(np.arange(0.1, 1.01, 0.1) * len(error) - 1e-9).astype(int), 1) - 1
    return RiskCoverage(
        float(curve.mean()),
        float(best.mean()),
        float(error.mean()),
        tuple(round(share, 1) for share in np.arange(0.1, 1.01, 0.1).tolist()),
        tuple(curve[at].tolist()),
    )


def _within(error: Floats, bound: Floats) -> Floats:
    known = np.isfinite(bound) & np.isfinite(error)[:, None]
    return np.where(known, error[:, None] <= bound, np.nan)


def _at_least(height: Floats, bound: Floats) -> Floats:
    return np.where(np.isfinite(height), height >= bound, np.nan)


def _covered(
    held: dict[str, Floats], trust: Confidence, rows: NDArray[np.bool_], groups: Groups
) -> dict[str, tuple[Coverage, ...]]:
    """Entries of each of radius, region and wedge on the chosen photos, by name.

    Photos whose truth is unknown do not count.
    """
    sizes = {"radius": ("mean_radius_m", trust.radius_m), "wedge": ("mean_deg", trust.wedge_deg)}
    found = {}
    for name, truths in held.items():
        entries = []
        for index, level in enumerate(LEVELS):
            known = rows & np.isfinite(truths[:, index])
            if not known.any():
                entries.append(Coverage(promised=level, measured=None, interval=None))
                continue
            size = {}
            if name in sizes:
                key, values = sizes[name]
                size[key] = float(values[known, index].mean())
            inside = truths[known, index]
            interval = share_interval(inside, groups[known])
            measured = float(inside.mean())
            entries.append(Coverage(promised=level, measured=measured, interval=interval, **size))
        found[name] = tuple(entries)
    return found


def _accepted(scored: ScoredPrediction, rows: NDArray[np.bool_]) -> Accepted | None:
    """The main figures on the photos that were not refused."""
    if not rows.any():
        return None
    return Accepted(n=int(rows.sum()), **scored.errors.refined.figures(rows).as_dict())
