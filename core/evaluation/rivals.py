"""The baselines of a report: the same photos, the same metrics, no training."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from core.evaluation.judgement import Judgement
from core.evaluation.metrics import heading_metrics, joint_share, position_metrics, region_metrics
from core.geo import distance_m, heading_error_deg
from core.retrieval.baselines import Baseline


def baseline_report(baseline: Baseline, judgement: Judgement) -> dict[str, Any]:
    """Judge one baseline as the model is judged; keys as in the report."""
    truth = judgement.truth
    error_m = distance_m(truth.position_m, baseline.position_m)
    error_deg = heading_error_deg(truth.heading_deg, baseline.heading_deg)
    region = None
    if baseline.region is not None:
        region = asdict(region_metrics(truth.region, baseline.region, truth.regions))
        # A matrix per baseline would double the report for nobody.
        for name in ("confusion", "labels", "top3"):
            del region[name]
    labels = truth.to_labels(baseline.position_m)
    return {
        "description": baseline.description,
        "given_truth": baseline.given_truth,
        "region": region,
        "position": asdict(
            position_metrics(truth.position_m, baseline.position_m, truth.labels, labels)
        ),
        "heading": asdict(heading_metrics(truth.heading_deg, baseline.heading_deg)),
        "joint_10m_15deg": joint_share(error_m, error_deg),
    }


def warnings(reports: dict[str, Any], judgement: Judgement) -> Sequence[str]:
    """Say which baselines place photos at least as well as the refined model."""
    own = judgement.position["refined"].median_m
    return [
        f"Baseline {name} has a median position error of {median:.1f} m, the model {own:.1f} m: "
        + _meaning(bool(report["given_truth"]))
        for name, report in reports.items()
        if (median := report["position"]["median_m"]) <= own
    ]


def _meaning(given_truth: bool) -> str:
    if given_truth:
        return "what it was told about the photo is worth more than the pixels to the model."
    return "the model is not worth its training."
