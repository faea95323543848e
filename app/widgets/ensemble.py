"""Ensembles on the pages: members, their answers, and how far they disagree."""

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
    shares = ", ".join(f"{member.name} {wording.level(member.weight)}" for member in about.members)
    return f"ensemble of {len(about.members)} ({shares})"


def agreement(prediction: Prediction, row: int, about: EnsembleCard) -> str:
    """Say how far members disagree about one photo; nothing for a single model."""
    if prediction.member_spread_m is None or prediction.member_spread_deg is None:
        return ""
    count, labels = len(prediction.members), prediction.labels
    turned = wording.degrees(float(prediction.member_spread_deg[row]))
    turned = f"their headings are within {turned} of the answer" if "heading" in labels else ""
    if "position" not in labels:
        answer = prediction.region[row]
        named = sum(member.region[row] == answer for member in prediction.members)
        said = [f"{named} of the {count} members name this region" if "region" in labels else ""]
        sentence = "; ".join(filter(None, [*said, turned]))
        return f"{sentence[:1].upper()}{sentence[1:]}."
    spread_m = float(prediction.member_spread_m[row])
    metres = wording.metres(spread_m)
    if spread_m <= about.agree_m:
        turned = f", and {turned}" if turned else ""
        return (
            f"The {count} members agree: each is within {metres} of the position, which is their "
            f"mean{turned}."
        )
    turned = f"; {turned}" if turned else ""
    return (
        f"The {count} members **disagree**: one is {metres} from their mean, so the position is "
        f"one member's, the nearest to all of them by weight{turned}."
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
        shown = {"Member": named.name, "Weight": wording.level(named.weight)}
        if "region" in prediction.labels:
            shown["Region"] = said.region_names.get(said.region[row], said.region[row])
        if "heading" in prediction.labels:
            shown["Facing"] = wording.heading(said.heading_refined_deg[row])
        if "position" in prediction.labels:
            shown["Position"] = wording.position(
                said.positions_refined[row], said.local_frame.frame
            )
        rows.append(shown)
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
    metres, degrees = ensemble.median_spread_m, ensemble.median_spread_deg
    far = (
        None if metres is None else f"farther than {wording.metres(metres)} from the members' mean"
    )
    turned = (
        None if degrees is None else f"turned more than {wording.degrees(degrees)} from the answer"
    )
    apart = ", or ".join(one for one in (far, turned) if one is not None)
    sentences = [f"On half of the photos no member is {apart}."] if apart else []
    if ensemble.disagree_share is not None:
        sentences.append(
            f"On {wording.share(ensemble.disagree_share)} they disagree by more than "
            f"{ensemble.agree_m:g} m, and one member's answer is used."
        )
    return " ".join([*sentences, f"Weights: {ensemble.rule}."])


def pick_network(predictor: "Predictor") -> "Predictor":
    """The model itself, or the member of an ensemble that the reader picks."""
    about = predictor.card.ensemble
    if about is None:
        return predictor
    place = st.selectbox(
        "Member",
        range(len(about.members)),
        format_func=lambda index: (
            f"{about.members[index].name} (weight {wording.level(about.members[index].weight)})"
        ),
        key=f"explain_member_{predictor.folder}",
    )
    st.caption(
        f"The model is an ensemble of {len(about.members)} networks. A map explains one of "
        "them, not their mean; another member may use other parts of the photo."
    )
    return predictor.members[place]
