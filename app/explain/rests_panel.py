"""What the answer rests on, in a sentence and a picture, and why one region and not another."""

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import line, wording
from app.explain import pace
from app.explain.pictures import enlarged, legend
from app.photo import Photo
from app.widgets import messages
from core.dataset.decode import Pixels
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.explain.hiding import RestsOn
    from core.inference.predictor import Predictor

_FOUND = "explain_rests_on"
_HERE, _THERE = "explain_here", "explain_there"
_LISTED = 6
# A dark and a light line side by side are seen on any photo.
_DIM, _LINE = 0.35, (255, 176, 0)


def show(predictor: "Predictor", photo: Photo, decoded: Pixels) -> None:
    """Offer to hide the photo's parts one after another; show what came of it.

    Args:
        predictor: A model of any kind.
        photo: The photo as it came.
        decoded: `(s, s, 3)` the same, decoded for the model.
    """
    from core.explain.hiding import passes
    from core.explain.parts import PARTS

    own = pace.of(predictor, decoded)
    key = (str(predictor.folder), predictor.fingerprint, photo.digest)
    words, picture = st.columns([3, 2])
    with words:
        found = _kept(key)
        offer = st.empty()
        if found is None and _asked(offer, own.expected("answers", passes(PARTS))):
            with messages.mendable(), line.turn(line.explanations):
                found = _find(predictor, photo, decoded, own)
            st.session_state[_FOUND] = (key, found)
            offer.empty()
        if found is not None:
            if training_photo(predictor, photo) is not None:
                st.caption("The model was trained on this photo. Its search leaves the photo out.")
            _sentence(found)
    if found is None:
        picture.image(enlarged(decoded), caption=messages.plain(photo.name), alt=photo.name)
        return
    caption = "The parts that matter most, the strongest first."
    picture.image(
        enlarged(marked(found)),
        caption=f"{messages.plain(photo.name)}. {caption}",
        alt=f"{photo.name} with the parts that matter most",
    )
    _table(found)
    _contrast(found)


def training_photo(predictor: "Predictor", photo: Photo) -> str | None:
    """The id of a photo of the data set that the model was trained on; None for any other."""
    gallery = predictor.gallery
    return photo.name if gallery is not None and photo.name in gallery.photo_ids else None


def _kept(key: tuple[str, ...]) -> "RestsOn | None":
    """What was found for this photo and model in this session."""
    kept = st.session_state.get(_FOUND)
    return kept[1] if kept is not None and kept[0] == key else None


def _asked(place: DeltaGenerator, time: str) -> bool:
    from core.explain.parts import PARTS

    with place.container():
        pressed = st.button("Find what the answer rests on", type="primary")
        st.caption(
            f"Hides the {PARTS} parts of the photo one after another and answers anew: {time} on "
            "this machine."
        )
    return pressed


def _find(predictor: "Predictor", photo: Photo, decoded: Pixels, own: pace.Pace) -> "RestsOn":
    from core.explain.hiding import passes, rests_on
    from core.explain.parts import PARTS

    bar = st.progress(0.0, "Hiding parts …")

    def progress(done: int, total: int) -> None:
        bar.progress(done / total, f"Hiding parts: {done:,} of {total:,} answers …")

    with own.measured("answers", passes(PARTS)):
        found = rests_on(
            predictor, decoded, exclude_id=training_photo(predictor, photo), progress=progress
        )
    bar.empty()
    return found


def marked(found: "RestsOn") -> Pixels:
    """Return the photo with the strongest parts in colour and numbered, the rest in faint grey."""
    parts = found.parts
    shown = list(found.named) or list(found.ranked[:3])
    inside = parts.mask(shown)
    grey = cv2.cvtColor(cv2.cvtColor(parts.photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    faint = (_DIM * grey + (1 - _DIM) * 128).astype(np.uint8)
    scale = max(1, round(448 / len(parts.photo)))
    side = scale * len(parts.photo)
    small = np.where(inside[..., None], parts.photo, faint)
    drawn: Pixels = np.asarray(
        cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8
    )
    for number, part in enumerate(shown, 1):
        mask = parts.mask([part]).astype(np.uint8)
        large = cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, _LINE, 2)
        deepest = cv2.minMaxLoc(cv2.distanceTransform(np.pad(large, 1), cv2.DIST_L2, 3))[3]
        _number(drawn, str(number), (deepest[0] - 1, deepest[1] - 1))
    return drawn


def _number(drawn: Pixels, text: str, middle: tuple[int, int]) -> None:
    cv2.circle(drawn, middle, 11, (20, 20, 20), -1, cv2.LINE_AA)
    at = (middle[0] - 6, middle[1] + 6)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 2, cv2.LINE_AA)


def _sentence(found: "RestsOn") -> None:
    from core.explain.hiding import is_training_photo
    from core.explain.sentence import measured_on, sentence

    if is_training_photo(found.answer):
        st.warning("The model was trained on this very photo, so hiding a part changes little.")
    if found.answer.refused[0]:
        st.warning("This photo is refused as none of this campus; its answer is explained anyway.")
    st.markdown(f"#### {_unbroken(sentence(found))}")
    st.caption(measured_on(found.answer))


def _unbroken(text: str) -> str:
    """Plain text whose numbers stay with their units at the end of a line."""
    return messages.plain(re.sub(r"(?<=\d) (?=[m%])", "\N{NO-BREAK SPACE}", text))


def _table(found: "RestsOn") -> None:
    with st.expander("Effect of each part"):
        st.dataframe(effects_table(found), hide_index=True)


def effects_table(found: "RestsOn") -> pd.DataFrame:
    """Return the strongest parts with what happens without each, one row a part."""
    from core.explain.parts import describe
    from core.explain.sentence import region_name

    answer, rows = found.answer, []
    for number, part in enumerate(found.ranked[:_LISTED], 1):
        words = describe(found.parts, [part]).removeprefix("the ")
        row = {"": str(number), "Part": words, "Size": wording.share(found.parts.share([part]))}
        if "position" in answer.labels:
            row["Moves the answer by"] = wording.metres(float(found.single.moved_m[part]))
        if "heading" in answer.labels:
            row["Turns it by"] = wording.degrees(float(found.single.turned_deg[part]))
        if answer.regions:
            best = int(found.single.shares[part].argmax())
            share = wording.share(float(found.single.shares[part, best]))
            row["Region without it"] = f"{region_name(answer, best)}, {share}"
        rows.append(row)
    return pd.DataFrame(rows)


def _contrast(found: "RestsOn") -> None:
    """Two regions by name, the runner-up by default, and the parts that support either."""
    from core.explain.hiding import contrast, shares_of
    from core.explain.sentence import contrast_sentence, region_name

    answer = found.answer
    if len(answer.regions) < 2:
        return
    st.subheader("Why here and not there?")
    order = [int(index) for index in np.argsort(-shares_of(answer)[0], kind="stable")]
    ids = [answer.regions[index] for index in order]
    names = {answer.regions[index]: region_name(answer, index) for index in order}
    words, picture = st.columns([3, 2])
    with words:
        scope = hash(found.parts.photo.tobytes())
        left, right = st.columns(2)
        here = left.selectbox(
            "Here", ids, format_func=names.__getitem__, key=f"{_HERE}_{scope}",
            help="The most probable region first",
        )  # fmt: skip
        there = right.selectbox(
            "Not there", ids, index=1, format_func=names.__getitem__, key=f"{_THERE}_{scope}",
            help="The runner-up first",
        )  # fmt: skip
        try:
            compared = contrast(found, here, there)
        except ConfigError:
            st.info("Choose two different regions.")
            return
        st.markdown(f"**{_unbroken(contrast_sentence(found, compared))}**")
        st.html(legend(f"supports {names[there]}", f"supports {names[here]}"))
        st.caption(
            "Each part is coloured by how much the odds between the two regions change without it."
        )
    from core.explain.attribution import overlay

    support = compared.support[found.parts.index].astype(np.float32)
    drawn = overlay(found.parts.photo, support, percentile=100.0, opacity=0.7)
    title = f"{names[here]} or {names[there]}"
    picture.image(enlarged(drawn), caption=messages.plain(title), alt=title)
