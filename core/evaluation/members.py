"""The members of an ensemble in a report: the same photos, each member on its own."""

from typing import Any

import numpy as np

from core.evaluation.judgement import Judgement
from core.model.card import EnsembleCard


def ensemble_report(judgement: Judgement, about: EnsembleCard) -> dict[str, Any]:
    """Judge every member that was asked beside the ensemble, and say how far they disagree."""
    prediction = judgement.prediction
    if prediction.member_spread_m is None or prediction.member_spread_deg is None:
        raise ValueError("an ensemble's prediction says how far its members disagree")
    asked = [member for member in about.members if member.weight > 0]
    judged = {
        member.name: Judgement(judgement.truth, answer)
        for member, answer in zip(asked, prediction.members, strict=True)
    }
    return {
        "members": [
            {"name": member.name, "weight": member.weight}
            | (_figures(judged[member.name]) if member.name in judged else {})
            for member in about.members
        ],
        "lead": about.lead,
        "weighing": about.weighing,
        "rule": about.rule,
        "agree_m": about.agree_m,
        "disagree_share": float((prediction.member_spread_m > about.agree_m).mean()),
        "median_spread_m": float(np.median(prediction.member_spread_m)),
        "median_spread_deg": float(np.median(prediction.member_spread_deg)),
    }


def _figures(judgement: Judgement) -> dict[str, Any]:
    """Refined figures, under the names that the report has for the ensemble itself."""
    position, heading = judgement.position["refined"], judgement.heading["refined"]
    return {
        "region_accuracy": judgement.region.accuracy,
        "median_m": position.median_m,
        "p90_m": position.p90_m,
        "within_10m": position.within_10m,
        "within_25m": position.within_25m,
        "maae_deg": heading.maae_deg,
        "within_15": heading.within_15,
        "joint_10m_15deg": judgement.joint["refined"],
    }
