"""The parts of the Explain page: one photo, what to explain, and one panel per method.

Panels draw their options from the registry of methods: a new method needs no line here.
"""

import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image
from pydantic import BaseModel

from app import wording
from app.photo import Photo, jpeg
from app.selection import selection
from app.widgets import messages, pickers
from app.widgets.forms import FormPlan, config_form
from core.dataset.decode import PHOTO_SUFFIXES, Pixels
from core.explain.attribution import NEGATIVE, POSITIVE, Attribution, blend
from core.explain.methods import METHODS, TARGETS, TargetName, targets_of

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

_SHOWN_PX = 448
_PREVIEW_PX = 224
_OFFERED = 200
_UPLOAD, _CHOSEN, _TARGET, _REGION, _RESULT = (
    f"explain_{name}" for name in ("upload", "chosen", "target", "region", "result")
)
PREDICTED = "the predicted region"
UNTRAINED = (
    "This checkpoint was not trained: its answers come from the most similar training photos. It "
    "has no trained output to explain."
)
_COMPARE = "explain_compare"
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
    """

    source: Photo
    photo: Pixels
    target: TargetName
    region: str | None


def pick_subject(predictor: "Predictor") -> Subject | None:
    """Ask for a photo and a target; None where there is no photo yet."""
    left, right = st.columns(2)
    with left:
        source = pick_photo()
    with right:
        target: TargetName = st.selectbox(
            "Output to explain",
            list(targets_of(predictor.card.labels)),
            format_func=_target_label,
            key=_TARGET,
        )
        st.caption(TARGETS[target].help)
        region = _pick_region(predictor, source) if target == "region" else None
    if source is None:
        return None
    decoded = predictor.decode(source.content, source.name)
    left.image(jpeg(decoded), caption=messages.plain(source.name), width=_PREVIEW_PX)
    return Subject(source, predictor.view(decoded[None])[0], target, region)


def pick_panels() -> int:
    """Ask whether to see one method or two side by side; return how many."""
    return 2 if st.toggle("Compare two methods", key=_COMPARE) else 1


def panel(predictor: "Predictor", subject: Subject, place: int) -> None:
    """Draw one method: its choice, its options, and its map once it was asked for.

    Args:
        predictor: The model.
        subject: The photo and the target.
        place: Which panel, from 0; each starts with another method.
    """
    names = list(METHODS)
    method = st.selectbox(
        "Method",
        names,
        index=place % len(names),
        format_func=lambda name: METHODS[name].label,
        key=f"explain_method_{place}",
    )
    st.caption(f"{METHODS[method].help} {_expectation(predictor, subject, method)}")
    fields = tuple((name,) for name in METHODS[method].knobs.model_fields)
    label = f"Explain with {METHODS[method].label}"
    answer = config_form(
        METHODS[method].knobs, FormPlan(f"explain_{place}_{method}", fields, (label,))
    )
    with messages.mendable():
        if answer is not None:
            with st.spinner(f"{METHODS[method].label} is working …", show_time=True):
                _remember(predictor, subject, place, method, answer.config)
        _show_result(predictor, subject, place, method)


def overlay_png(attribution: Attribution) -> bytes:
    """Return the photo and, to its right, the map over it, as one PNG without metadata."""
    both = np.concatenate([attribution.photo, blend(attribution)], axis=1)
    return _png(both)


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


def legend() -> str:
    """Return the colours of the map as HTML that reads on light and dark ground."""
    against, support = (f"rgb{colour}" for colour in (NEGATIVE, POSITIVE))
    bar = f"linear-gradient(90deg, {against}, #808080, {support})"
    return (
        '<div style="display:flex;gap:.6rem;align-items:center;font-size:.85rem">'
        f"<span>lowers it</span><div style='flex:1;height:.7rem;border-radius:.35rem;"
        f"background:{bar}'></div><span>raises it</span></div>"
    )


def pick_photo() -> Photo | None:
    """Ask for an upload or a photo of the loaded data set; None where there is none yet."""
    upload = st.file_uploader("Drop a photo here (up to 20 MB)", list(PHOTO_SUFFIXES), key=_UPLOAD)
    if upload is not None:
        return Photo(upload.name, upload.getvalue())
    data = pickers.dataset_if_readable()
    if data is None:
        return None
    # Spread over the whole campus, and few enough for a menu.
    rows = np.unique(np.linspace(0, len(data) - 1, min(_OFFERED, len(data))).astype(int))
    linked = selection.linked(_CHOSEN, data.table["photo_id"])
    if linked is not None:
        rows = np.union1d(rows, np.flatnonzero(data.table["photo_id"] == linked))
    photos = data.table.iloc[rows].set_index("photo_id")["path"]
    chosen = st.selectbox("Or a photo of the loaded data set", list(photos.index), key=_CHOSEN)
    selection.link(_CHOSEN, chosen)
    return None if chosen is None else Photo(chosen, Path(photos[chosen]).read_bytes())


def _pick_region(predictor: "Predictor", source: Photo | None) -> str | None:
    names = predictor.card.region_names
    region = st.selectbox(
        "Region",
        [PREDICTED, *predictor.regions],
        format_func=lambda one: f"{one}: {names[one]}" if one in names else one,
        # The choice for one photo must not carry over to the next.
        key=f"{_REGION}_{selection.scope(predictor.folder, source.digest if source else None)}",
    )
    return None if region == PREDICTED else region


def _target_label(target: TargetName) -> str:
    return TARGETS[target].label


def _expectation(predictor: "Predictor", subject: Subject, method: str) -> str:
    """The cost of the method, with the measured time of one pass on this machine."""
    key = f"explain_seconds_{predictor.folder}"
    if key not in st.session_state:
        predictor.predict_photos(subject.photo[None])  # the first pass also sets things up
        began = time.perf_counter()
        predictor.predict_photos(subject.photo[None])
        st.session_state[key] = time.perf_counter() - began
    return f"{METHODS[method].cost} One pass takes about {st.session_state[key]:.2g} s here."


def _remember(
    predictor: "Predictor",
    subject: Subject,
    place: int,
    method: str,
    knobs: BaseModel,
) -> None:
    from core.explain.attribute import attribute

    began = time.perf_counter()
    found = attribute(
        predictor, subject.photo, method, subject.target, knobs, region=subject.region
    )
    key = _result_key(predictor, subject, method)
    st.session_state[f"{_RESULT}_{place}"] = (key, found, time.perf_counter() - began)


def _result_key(predictor: "Predictor", subject: Subject, method: str) -> tuple[str | None, ...]:
    """What a map belongs to: it must not stay beside another photo, target, method or model."""
    return (str(predictor.folder), subject.source.digest, method, subject.target, subject.region)


def _show_result(predictor: "Predictor", subject: Subject, place: int, method: str) -> None:
    kept = st.session_state.get(f"{_RESULT}_{place}")
    if kept is None or kept[0] != _result_key(predictor, subject, method):
        st.caption("Press Explain to compute this map.")
        return
    _, found, seconds = kept
    photo, map_ = st.columns(2)
    photo.image(_png(found.photo), caption="Input of the network")
    map_.image(
        _png(blend(found)), caption=messages.plain(f"{METHODS[method].label}: {found.label}")
    )
    st.html(legend())
    st.markdown(verdict(found))
    st.caption(f"Took {seconds:.1f} s.")
    st.download_button(
        "Download as PNG",
        overlay_png(found),
        file_name=f"{Path(subject.source.name).stem}-{method}-{subject.target}.png",
        mime="image/png",
        key=f"explain_download_{place}",
    )


def _png(pixels: Pixels) -> bytes:
    """Enlarge to a size that the eye can read, keeping the proportions, as PNG."""
    scale = max(1, round(_SHOWN_PX / pixels.shape[0]))
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC).save(
        stream, "PNG"
    )
    return stream.getvalue()
