"""Promises against what was measured: coverage, honesty of probabilities, refusals, confidence.

Intervals take the photos of a visit or spot together, which hold or fail together.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.confidence.apply import Confidence
from core.confidence.calibration_metrics import calibration_metrics
from core.confidence.schema import LEVELS
from core.evaluation.judgement import Judgement
from core.evaluation.metrics import joint_share
from core.evaluation.share_interval import share_interval
from core.geo import Floats

Section = dict[str, Any]


def coverage_report(
    judgement: Judgement, names: Mapping[str, str], groups: NDArray[np.int64] | None = None
) -> Section | None:
    """What `report.json` says under `coverage`; None where the model is not calibrated.

    All judged photos count, refused ones too; `accepted` holds the main figures without those.

    Args:
        judgement: Predictions beside the truth.
        names: Of the regions.
        groups: Visit or spot of each photo `(n,)`; without it each photo is its own.
    """
    trust = judgement.prediction.trust
    if trust is None:
        return None
    held = held_truths(judgement, trust)
    truth = judgement.truth
    every = np.ones(len(truth), bool)
    together = np.arange(len(truth)) if groups is None else groups
    present = [index for index in range(len(truth.regions)) if (truth.region == index).any()]
    return {
        "calibrated_on": trust.calibration.about,
        "levels": list(LEVELS),
        "overall": _covered(held, trust, every, together),
        "per_region": {
            truth.regions[index]: {"name": names.get(truth.regions[index], truth.regions[index])}
            | _covered(held, trust, truth.region == index, together)
            for index in present
        },
        "region_probabilities": {
            "temperature": trust.calibration.region.temperature,
            "before": calibration_metrics(judgement.prediction.region_probabilities, truth.region),
            "after": calibration_metrics(trust.region_probabilities, truth.region),
        },
        "refused": refusals(trust, together),
        "confidence": risk_coverage(judgement.error_refined_m, trust.radius_m[:, 0]),
        "accepted": _accepted(judgement, ~trust.refused),
    }


def held_truths(judgement: Judgement, trust: Confidence) -> dict[str, NDArray[np.float64]]:
    """Whether radius, region and wedge hold each photo's truth: `(n, levels)`, NaN where unknown.

    Returns:
        Keys `radius`, `region` and `wedge`; 1 where held, 0 where not.
    """
    here = trust.density.at(judgement.truth.position_m[:, None])[:, 0]
    regions = [
        np.full(len(here), np.nan) if height is None else (here >= height).astype(np.float64)
        for height in trust.heights
    ]
    return {
        "radius": _within(judgement.error_refined_m, trust.radius_m),
        "region": np.stack(regions, axis=1),
        "wedge": _within(judgement.error_refined_deg, trust.wedge_deg),
    }


def refusals(trust: Confidence, groups: NDArray[np.int64]) -> Section:
    """How many of the judged photos, which are genuine, were refused."""
    count, n = int(trust.refused.sum()), len(trust.refused)
    fit = trust.calibration.refusal
    return {
        "n": n,
        "count": count,
        "share": count / n,
        "interval": list(share_interval(trust.refused, groups)),
        "promised": None if fit is None else round(1.0 - fit.accepted, 6),
    }


def risk_coverage(error: Floats, doubt: Floats) -> Section | None:
    """How well doubt sorts errors (Geifman & El-Yaniv 2017): mean error of the surest photos.

    Args:
        error: `(n,)`.
        doubt: `(n,)`, greater: less sure.

    Returns:
        `area` under the curve of mean error over the share of photos answered, beside that of the
        best possible order (`best`) and of none (`random`), all in metres, and the curve at
        every tenth. None where doubt is unknown.
    """
    if not np.isfinite(doubt).all():
        return None
    count = np.arange(1, len(error) + 1)
    curve = np.cumsum(error[np.argsort(doubt, kind="stable")]) / count
    best = np.cumsum(np.sort(error)) / count
    at = np.maximum(np.ceil(np.arange(0.1, 1.01, 0.1) * len(error) - 1e-9).astype(int), 1) - 1
    return {
        "area_m": float(curve.mean()),
        "best_m": float(best.mean()),
        "random_m": float(error.mean()),
        "answered": [round(share, 1) for share in np.arange(0.1, 1.01, 0.1).tolist()],
        "mean_m": curve[at].tolist(),
    }


def _within(error: Floats, bound: Floats) -> Floats:
    return np.where(np.isfinite(bound), error[:, None] <= bound, np.nan)


def _covered(
    held: dict[str, Floats], trust: Confidence, rows: NDArray[np.bool_], groups: NDArray[np.int64]
) -> Section:
    found: Section = {"n": int(rows.sum())}
    sizes = {"radius": ("mean_radius_m", trust.radius_m), "wedge": ("mean_deg", trust.wedge_deg)}
    for name, truths in held.items():
        found[name] = []
        for index, level in enumerate(LEVELS):
            inside = truths[rows, index]
            if np.isnan(inside).any():
                found[name].append({"promised": level, "measured": None, "interval": None})
                continue
            entry: Section = {
                "promised": level,
                "measured": float(inside.mean()),
                "interval": list(share_interval(inside, groups[rows])),
            }
            if name in sizes:
                key, size = sizes[name]
                entry[key] = float(size[rows, index].mean())
            found[name].append(entry)
    return found


def _accepted(judgement: Judgement, rows: NDArray[np.bool_]) -> Section | None:
    """The main figures on the photos that were not refused."""
    if not rows.any():
        return None
    error_m, error_deg = judgement.error_refined_m[rows], judgement.error_refined_deg[rows]
    hits = judgement.prediction.region_index[rows] == judgement.truth.region[rows]
    return {
        "n": int(rows.sum()),
        "region_accuracy": float(hits.mean()),
        "median_m": float(np.median(error_m)),
        "mean_m": float(error_m.mean()),
        "maae_deg": float(error_deg.mean()),
        "joint_10m_15deg": joint_share(error_m, error_deg),
    }
