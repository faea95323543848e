"""People as a baseline: their answers in Beat the model against the model on the same photos."""

import pandas as pd
import streamlit as st

from app import links
from app.widgets import messages, pickers
from app.wording import degrees, level, metres
from core.errors import BearingsError
from core.evaluation.human_baseline import (
    FEWEST_ANSWERS,
    HumanBaseline,
    PairedFigure,
    human_baseline,
    read_answers,
)
from core.headline import Interval
from core.model.card import Card

_FORMS = {"m": metres, "deg": degrees}


def show(card: Card, table: pd.DataFrame) -> None:
    """Draw the human baseline, if people answered photos of this report.

    Args:
        card: Of the model.
        table: `predictions.csv` of the report.
    """
    data = pickers.dataset_if_readable()
    if data is None or data.campus.frame != card.local_frame.frame:
        return
    try:
        answers = read_answers(data.root)
    except BearingsError as error:
        messages.show_error(error)
        return
    if not answers:
        return
    st.subheader("People")
    found = human_baseline(answers, table, card.local_frame)
    if found is None:
        st.caption(
            f"A human baseline needs at least {FEWEST_ANSWERS} answers to photos of this report."
        )
        links.to("play", "Beat the model")
        return
    st.dataframe(as_table(found), hide_index=True)
    st.caption(basis(found))


def as_table(found: HumanBaseline) -> pd.DataFrame:
    """One row a figure: people, the model on the same photos, their difference."""
    return pd.DataFrame([_row(figure) for figure in found.figures])


def basis(found: HumanBaseline) -> str:
    """What the figures rest on, in words."""
    left = f" {found.left_out:,} other answers do not count." if found.left_out else ""
    return (
        f"{found.answers:,} answers of people to {found.photos:,} photos; "
        f"{level(found.nearer)} are nearer to the truth than the model. "
        f"Brackets: 95 % intervals, whole photos resampled.{left}"
    )


def _row(figure: PairedFigure) -> dict[str, str]:
    form = _FORMS[figure.unit]

    def spread(ends: Interval | None) -> str:
        return "" if ends is None else f" [{form(ends[0])}, {form(ends[1])}]"

    sign = "+" if figure.difference > 0 else ""
    return {
        "Figure": figure.title,
        "People": f"{form(figure.human)}{spread(figure.human_interval)}",
        "Model, same photos": form(figure.model),
        "Difference": f"{sign}{form(figure.difference)}{spread(figure.interval)}",
    }
