"""How sure an answer is, in words and figures; and what is shown of a refused photo."""

import streamlit as st

from app import wording
from app.photo import Photo
from core.inference.prediction import Prediction
from core.inference.trusted_records import moved_by, reason
from core.refine.gallery import Gallery
from core.trust.applied import Trust

_SURE_M, _FAIR_M = 20.0, 60.0
_NAMED = 3


def figures(prediction: Prediction, row: int) -> None:
    """Region with its honest probability, radii and wedge, and the same in a sentence."""
    trust = prediction.trust
    if trust is None:
        return
    shares, radius, wedge = (
        trust.region_probabilities[row], trust.radius_m[row], trust.wedge_deg[row]
    )  # fmt: skip
    region = prediction.region[row]
    with st.container(horizontal=True):
        st.metric("Region", prediction.region_names.get(region, region), f"{shares.max():.0%} sure",
                  delta_color="off", delta_arrow="off")  # fmt: skip
        st.metric("90 % within", wording.within(radius[1], " m"),
                  f"half within {wording.within(radius[0], ' m')}", delta_color="off",
                  delta_arrow="off")  # fmt: skip
        st.metric("Heading within", wording.within(wedge[1], "°"),
                  f"half within {wording.within(wedge[0], '°')}", delta_color="off",
                  delta_arrow="off")  # fmt: skip
    st.markdown(how_sure(trust, row))


def how_sure(trust: Trust, row: int) -> str:
    """One sentence about a position."""
    islands = trust.region_m(row, 0.9)
    radius = float(trust.radius_m[row, 1])
    if islands is not None and len(islands) > 1:
        return (
            f"**Of several minds:** {len(islands)} places look alike enough. The shaded areas hold "
            "the true one 9 times in 10."
        )
    if not radius < float("inf"):
        return "**How sure is unknown:** too few photos were there to measure it."
    if radius <= _SURE_M:
        return "**Sure.** The shaded area holds the true place 9 times in 10."
    if radius <= _FAIR_M:
        return "**Fairly sure.** The shaded area holds the true place 9 times in 10."
    return "**Unsure.** Take the shaded area, not the pin, for the answer."


def moved(prediction: Prediction, row: int, gallery: Gallery) -> str | None:
    """How far the refinement moved the pin, and because of which photos; None where it did not."""
    names = moved_by(prediction, gallery, row)
    metres = float(prediction.moved_m[row])
    if not names or metres < 0.5:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    shown = ", ".join(f"`{name}`" for name in names[:_NAMED])
    return f"Refinement moved the pin by {metres:.0f} m because of {shown}{more}."


def refused(trust: Trust, row: int, photo: Photo) -> bool:
    """Say that a photo is none of this campus; return whether its answer is wanted anyway."""
    why = str(reason(trust, row)).removeprefix("not this campus: ")
    st.error(f"**Not this campus.** `{photo.name}` is {why}.", icon=":material/block:")
    with st.expander(
        "Show the answer anyway", key=f"predict_anyway_{photo.digest}", on_change="rerun"
    ) as box:
        st.caption(
            "What follows is what the model would say if the photo were of this campus. Do not "
            "rely on it."
        )
    return bool(box.open)
