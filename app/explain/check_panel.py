"""Checks of one heat map behind an expander: deletion, insertion and randomised weights."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st
from pydantic import BaseModel

from app import line, theme
from app.explain import pace
from app.figures.deletion import deletion_curves
from app.widgets import figure_files, messages
from core.explain.attribution import Attribution
from core.explain.methods import METHODS, TargetName

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

_KEPT = "explain_checks"
_UNITS = {"m": " m", "°": "°", "%": " percentage points"}


@dataclass(frozen=True)
class Asked:
    """How a map was made: method and options, output, region and the region it is compared with."""

    method: str
    knobs: BaseModel
    target: TargetName
    region: str | None
    against: str | None


def show(
    predictor: "Predictor", found: Attribution, asked: Asked, place: int, key: Hashable
) -> None:
    """Offer to check a map; show the curves and both verdicts.

    Args:
        predictor: The network that the map is of.
        found: The map.
        asked: How it was made.
        place: Which panel, from 0.
        key: What the map belongs to.
    """
    from core.explain.checks import (
        curves,
        curves_verdict,
        passes,
        weights_similarity,
        weights_verdict,
    )
    from core.explain.targets import Target

    with st.expander("Can this map be believed?"):
        own, method = pace.of(predictor, found.photo), METHODS[asked.method]
        images, again = passes(method.passes(asked.knobs))
        st.caption(
            "Hides, then shows, the strongest parts first, beside random orders; and makes the map "
            "anew with random weights, which should look different. Takes "
            f"{own.expected('passes', images)} and "
            f"{own.expected('gradients' if method.gradient else 'passes', again)}."
        )
        target = Target(asked.target, asked.region, asked.against)
        if st.button("Check this map", key=f"explain_check_{place}"):
            with (
                messages.mendable(),
                line.turn(line.explanations),
                st.spinner("Checking …", show_time=True),
            ):
                measured = curves(predictor, found, target)
                alike = weights_similarity(predictor, found, asked.knobs, target)
                st.session_state[f"{_KEPT}_{place}"] = (key, found, measured, alike)
        kept = st.session_state.get(f"{_KEPT}_{place}")
        if kept is None or kept[0] != key or kept[1] is not found:
            return
        st.markdown(f"**{curves_verdict(kept[2])}**")
        figure = deletion_curves(kept[2], theme.palette())
        st.plotly_chart(
            figure, key=f"explain_curves_{place}",
            config=figure_files.config("deletion_and_insertion"),
            alt="The answer while parts are hidden, and while they are shown",
        )  # fmt: skip
        st.caption(
            "100 % is the answer for this photo, 0 % that for a photo of one colour, which is "
            f"{kept[2].change:.0f}{_UNITS[kept[2].unit]} away."
        )
        figure_files.offer(f"explain_{place}", {"Deletion and insertion": figure})
        st.markdown(f"**{weights_verdict(kept[3])}**")
