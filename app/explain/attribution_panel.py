"""Heat maps of the network's own outputs: one, or two methods or outputs side by side.

Panels draw their options from the registry of methods: a new method needs no line here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from pydantic import BaseModel

from app import line, wording
from app.explain import check_panel, pace
from app.explain.pictures import enlarged, legend
from app.photo import Photo
from app.selection import selection
from app.widgets import messages
from app.widgets.forms import FormPlan, config_form
from core.dataset.decode import Pixels
from core.explain.attribution import Attribution, blend
from core.explain.methods import METHODS, TARGETS, TargetName, targets_of

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

_TARGET, _REGION, _AGAINST, _RESULT, _COMPARE = (
    f"explain_{name}" for name in ("target", "region", "against", "result", "compare")
)
PREDICTED, NOTHING = "the predicted region", "no other region"
UNTRAINED = (
    "This checkpoint was not trained: its answers come from the most similar training photos. It "
    "has no trained output to explain."
)
ONE, METHODS_TWO, OUTPUTS_TWO = "One map", "Two methods", "Two outputs"
# Of the difference that a map explains: what a map may miss.
_WELL = 0.05


@dataclass(frozen=True)
class Subject:
    """A photo and the output to explain.

    Attributes:
        source: The photo as it came.
        photo: `(s, s, 3)` uint8 as the network sees it.
        target: Which output is explained.
        region: Which region, for the target `region`; None is the predicted one.
        against: For the target `region`: a region that it is compared with, or None.
    """

    source: Photo
    photo: Pixels
    target: TargetName
    region: str | None = None
    against: str | None = None


def show(predictor: "Predictor", source: Photo, decoded: Pixels) -> None:
    """Draw the panels: one map, or two side by side."""
    st.subheader("Heat maps of the network")
    st.caption(
        "What drove the network's own outputs, before the training photos refine them: sharper "
        "than hidden parts, and further from the final answer."
    )
    layout = st.segmented_control(
        "Side by side", [ONE, METHODS_TWO, OUTPUTS_TWO], default=ONE, required=True, key=_COMPARE
    )
    photo = predictor.view(decoded[None])[0]
    subject = None
    if layout != OUTPUTS_TWO:
        subject = _pick_subject(predictor, source, photo, 0)
    for place, column in enumerate(st.columns(1 if layout == ONE else 2)):
        with column:
            own = subject or _pick_subject(predictor, source, photo, place)
            panel(predictor, own, place, other_method=layout == METHODS_TWO)


def _pick_subject(predictor: "Predictor", source: Photo, photo: Pixels, place: int) -> Subject:
    """Ask for an output to explain; the second panel begins with the second output."""
    mark = f"_{place}" if place else ""
    offered = list(targets_of(predictor.card.labels))
    target: TargetName = st.selectbox(
        "Output to explain",
        offered,
        index=place % len(offered),
        format_func=lambda name: TARGETS[name].label,
        key=f"{_TARGET}{mark}",
    )
    st.caption(TARGETS[target].help)
    if target != "region":
        return Subject(source, photo, target)
    names = predictor.card.region_names
    # The choice for one photo must not carry over to the next.
    scope = f"{selection.scope(predictor.folder, source.digest)}{mark}"
    left, right = st.columns(2)
    region = left.selectbox(
        "Region",
        [PREDICTED, *predictor.regions],
        format_func=lambda one: names.get(one) or one,
        key=f"{_REGION}_{scope}",
    )
    against = right.selectbox(
        "Compared with",
        [NOTHING, *predictor.regions],
        format_func=lambda one: names.get(one) or one,
        key=f"{_AGAINST}_{scope}",
        help="The map then shows what supports the first region over this one.",
    )
    return Subject(
        source,
        photo,
        target,
        None if region == PREDICTED else region,
        None if against == NOTHING else against,
    )


def panel(predictor: "Predictor", subject: Subject, place: int, *, other_method: bool) -> None:
    """Draw one method: its choice, its options, and its map once it was asked for.

    Args:
        predictor: The model.
        subject: The photo and the target.
        place: Which panel, from 0.
        other_method: Whether each panel starts with another method.
    """
    names = list(METHODS)
    method = st.selectbox(
        "Method",
        names,
        index=place % len(names) if other_method else 0,
        format_func=lambda name: METHODS[name].label,
        key=f"explain_method_{place}_{other_method}",
    )
    chosen, own = METHODS[method], pace.of(predictor, subject.photo)
    work: pace.Work = "gradients" if chosen.gradient else "passes"
    usual = own.expected(work, chosen.passes(chosen.knobs()))
    st.caption(f"{chosen.help} Takes {usual} on this machine with the options as they are.")
    plan = FormPlan(f"explain_{place}_{method}", (), (f"Explain with {chosen.label}",))
    answer = config_form(chosen.knobs, plan)
    with messages.mendable():
        if answer is not None:
            passes = chosen.passes(answer.config)
            with (
                line.turn(line.explanations),
                st.spinner(f"{chosen.label}: {own.expected(work, passes)} …", show_time=True),
                own.measured(work, passes),
            ):
                _remember(predictor, subject, place, method, answer.config)
        _show_result(predictor, subject, place, method)


def overlay_png(attribution: Attribution) -> bytes:
    """Return the photo and, to its right, the map over it, as one PNG without metadata."""
    both = np.concatenate([attribution.photo, blend(attribution)], axis=1)
    return enlarged(both)


def verdict(attribution: Attribution) -> str:
    """The network's answer for the photo and the baseline, and how well the map adds up to it."""
    said = f"The network's own answer: **{messages.plain(attribution.answer)}**"
    if attribution.baseline_answer is not None:
        said += f"; for a photo without content: {messages.plain(attribution.baseline_answer)}"
    share = attribution.relative_delta
    if share is None:
        return f"{said}."
    missed = f"The parts of the map add up to the difference but for {wording.share(share)} of it."
    trust = "" if share <= _WELL else " That is more than 5 %: take more steps."
    return f"{said}. {missed}{trust}"


def _remember(
    predictor: "Predictor", subject: Subject, place: int, method: str, knobs: BaseModel
) -> None:
    from core.explain.attribute import attribute

    found = attribute(
        predictor,
        subject.photo,
        method,
        subject.target,
        knobs,
        region=subject.region,
        against=subject.against,
    )
    key = _result_key(predictor, subject, method)
    st.session_state[f"{_RESULT}_{place}"] = (key, found, knobs)


def _result_key(predictor: "Predictor", subject: Subject, method: str) -> tuple[str | None, ...]:
    """What a map belongs to: it must not stay beside another photo, target, method or model."""
    of_photo = (str(predictor.folder), subject.source.digest, method)
    return (*of_photo, subject.target, subject.region, subject.against)


def _show_result(predictor: "Predictor", subject: Subject, place: int, method: str) -> None:
    kept = st.session_state.get(f"{_RESULT}_{place}")
    key = _result_key(predictor, subject, method)
    if kept is None or kept[0] != key:
        st.caption("Press Explain to compute this map.")
        return
    _, found, knobs = kept
    photo, map_ = st.columns(2)
    photo.image(enlarged(found.photo), caption="Input of the network", alt="Input of the network")
    map_.image(
        enlarged(blend(found)),
        caption=messages.plain(f"{METHODS[method].label}: {found.label}"),
        alt=f"Map of {METHODS[method].label} over the photo",
    )
    low, high = ("counts against it", "supports it")
    if subject.target in ("north_m", "east_m"):
        low, high = ("south", "north") if subject.target == "north_m" else ("west", "east")
    st.html(legend(low, high))
    st.markdown(verdict(found))
    st.download_button(
        "Download as PNG",
        overlay_png(found),
        file_name=f"{Path(subject.source.name).stem}-{method}-{subject.target}.png",
        mime="image/png",
        key=f"explain_download_{place}",
    )
    asked = check_panel.Asked(method, knobs, subject.target, subject.region, subject.against)
    check_panel.show(predictor, found, asked, place, key)
