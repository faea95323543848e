"""Ensembles on the pages: who the members are, what each says, and how far they disagree."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app import wording
from core.evaluation.report import EnsembleReport, Report
from core.headline import Figure
from core.inference.prediction import Prediction
from core.model.card import EnsembleCard

if TYPE_CHECKING:
    from core.inference.predictor import Predictor


def described(about: EnsembleCard) -> str:
    """An ensemble in words, with its members and their shares of the answer."""
    shares = ", ".join(f"{member.name} {member.weight:.0%}" for member in about.members)
    return f"ensemble of {len(about.members)} ({shares})"


def agreement(prediction: Prediction, row: int, about: EnsembleCard) -> str:
    """Say how far members disagree about one photo; nothing for a single model."""
    if prediction.member_spread_m is None or prediction.member_spread_deg is None:
        return ""
    metres, degrees = prediction.member_spread_m[row], prediction.member_spread_deg[row]
    turned = f"their headings are within {degrees:.0f}° of the answer"
    if metres <= about.agree_m:
        return (
            f"The {len(prediction.members)} members agree: each is within {metres:.0f} m of the "
            f"position, which is their mean, and {turned}."
        )
    return (
        f"The {len(prediction.members)} members **disagree**: one is {metres:.0f} m from their "
        f"mean, so the position is one member's, the nearest to all of them by weight; {turned}."
    )


def one_photo(prediction: Prediction, row: int, about: EnsembleCard | None) -> None:
    """What every member says about a photo, and how far they disagree; nothing for one model."""
    if about is None:
        return
    st.markdown(agreement(prediction, row, about))
    with st.expander("Answer of each member"):
        st.dataframe(answers(prediction, row, about), hide_index=True)


def answers(prediction: Prediction, row: int, about: EnsembleCard) -> pd.DataFrame:
    """Return one row per member that was asked: its share and its refined answer."""
    asked = [member for member in about.members if member.weight > 0]
    rows = []
    for named, said in zip(asked, prediction.members, strict=True):
        region = said.region[row]
        rows.append(
            {
                "Member": named.name,
                "Share": f"{named.weight:.0%}",
                "Region": said.region_names.get(region, region),
                "Facing": f"{said.heading_refined_deg[row]:.0f}°",
                "Position": wording.position(said.labels_refined[row], said.local_frame.frame),
            }
        )
    return pd.DataFrame(rows)


def figures(report: Report, ensemble: EnsembleReport, columns: Sequence[Figure]) -> pd.DataFrame:
    """Return one row per member of a report and one for the ensemble: share and refined figures.

    Args:
        report: The report of an ensemble.
        ensemble: Its part about the members.
        columns: Names of figures, as in the report's own table of predictors.
    """
    rows = [(each.name, each.weight, each) for each in ensemble.members]
    whole = ("ensemble", 1.0, report.figures("refined"))
    return pd.DataFrame(
        {"name": name, "share": share} | {column: found.of(column) for column in columns}
        for name, share, found in (*rows, whole)
    )


def disagreement(ensemble: EnsembleReport) -> str:
    """How far the members of a report disagree, in words."""
    return (
        f"On half of the photos no member is farther than {ensemble.median_spread_m:.1f} m from "
        f"the members' mean, or turned more than {ensemble.median_spread_deg:.0f}° from the "
        f"answer. On {ensemble.disagree_share:.0%} they disagree by more than "
        f"{ensemble.agree_m:g} m, and one member's answer is used. Weights: {ensemble.rule}."
    )


def pick_network(predictor: "Predictor") -> "Predictor":
    """The model itself, or the member of an ensemble that the reader picks."""
    about = predictor.card.ensemble
    if about is None:
        return predictor
    place = st.selectbox(
        "Which member",
        range(len(about.members)),
        format_func=lambda index: (
            f"{about.members[index].name} ({about.members[index].weight:.0%} of the answer)"
        ),
        key=f"explain_member_{predictor.folder}",
    )
    st.caption(
        f"The model is an ensemble of {len(about.members)} networks. A map explains one of "
        "them, not their mean; another member may use other parts of the photo."
    )
    return predictor.members[place]
