"""The answer about one photo: a sentence, a map and a compass first, then evidence and details."""

import io
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from app import absence, cache, theme, wording
from app.figures.drawings import SIDE, compass
from app.figures.regions import region_probabilities
from app.photo import Photo
from app.predict import downloads, evidence
from app.predict.photo_file import file_says
from app.predict.prediction_map import Truth, campus_inset, evidence_deck
from app.predict.sentence import NOT_THIS_CAMPUS, answer_sentence
from app.widgets import base_layer, ensemble, figure_files, messages, pickers
from app.widgets.photo_source import PhotoSource
from core.confidence.apply import Confidence
from core.geo import distance_m, heading_error_deg
from core.inference.export import moved_by
from core.inference.prediction import Prediction
from core.retrieval.gallery import Gallery

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

SHOWN_PX, MAP_PX = 640, 330
"""Longer side of the photo as it is sent, and height of the map."""
# Both fit beside the compass on a phone.
_PHOTO_WIDTH_PX, _PHOTO_HEIGHT_PX = 214, SIDE * 2 + 16
_NAMED = 3
OSM = "https://www.openstreetmap.org/?mlat={0:.6f}&mlon={1:.6f}#map=19/{0:.6f}/{1:.6f}"


def one(
    predictor: "Predictor",
    prediction: Prediction,
    row: int,
    photo: Photo,
    shelf: PhotoSource,
    truth: Truth | None,
) -> None:
    """Show the answer for one photo with its evidence, or that the photo is refused."""
    trust, placed = prediction.confidence, "position" in prediction.labels
    if trust is not None and trust.refused[row] and not _anyway(trust, row, photo):
        _picture(photo)
        return
    st.markdown(f"#### {messages.plain(answer_sentence(prediction, row))}", anchors=False)
    gallery = predictor.gallery
    most = pickers.neighbours(prediction.neighbours.shape[1]) if gallery else 0
    with st.container(horizontal=True, gap="small"):
        _picture(photo)
        _drawings(prediction, row, gallery)
        if placed:
            with st.container(width="stretch"):
                _map(predictor, prediction, row, photo, truth, most)
    if placed:
        _position(prediction, row)
    _errors(prediction, row, truth)
    if (words := file_says(photo, prediction, row)) is not None:
        st.markdown(f":material/info: {messages.plain(words)}")
    if gallery:
        evidence.strip(predictor, prediction, row, shelf, photo, most)
        pickers.pick_neighbours(prediction.neighbours.shape[1])
        if placed and (words := moved(prediction, row, gallery)) is not None:
            st.markdown(words)
    if trust is not None and (note := trust.unseen_note(row)) is not None:
        st.caption(note)
    _details(predictor, prediction, row)
    st.subheader("Download", anchor=False)
    downloads.row(predictor, prediction.rows(np.array([row])), photo.digest)


def _anyway(trust: Confidence, row: int, photo: Photo) -> bool:
    """Say that a photo is refused; return whether to show its answer anyway."""
    st.markdown(f"#### :material/block: {messages.plain(NOT_THIS_CAMPUS)}", anchors=False)
    fit = trust.calibration.refusal
    limit = "" if fit is None else f"; refused above {fit.threshold:.2f}"
    st.caption(
        f"{messages.code(photo.name)}: refusal score {trust.refusal_score[row]:.2f}{limit}. An "
        "answer assumes that the photo shows this campus: do not rely on it."
    )
    return st.toggle("Show the answer anyway", key=f"predict_anyway_{photo.digest}")


def _picture(photo: Photo) -> None:
    content = cache.picture(photo, SHOWN_PX)
    with Image.open(io.BytesIO(content)) as opened:
        width, height = opened.size
    shown = min(_PHOTO_WIDTH_PX, round(_PHOTO_HEIGHT_PX * width / height))
    st.image(content, width=shown, alt=f"Your photo {photo.name}",
             caption=messages.plain(photo.name))  # fmt: skip


def _drawings(prediction: Prediction, row: int, gallery: Gallery | None) -> None:
    """The compass and the inset map, as far as the model predicts what they show."""
    palette, trust, labels = theme.palette(), prediction.confidence, prediction.labels
    with st.container(width=SIDE, gap="small"):
        if "heading" in labels:
            heading = float(prediction.heading_refined_deg[row])
            wedge = float("nan") if trust is None else float(trust.wedge_deg[row, 1])
            words = f"Heading {wording.heading(heading)} {wording.radius(wedge, '°')}"
            st.image(compass(heading, wedge, palette), width=SIDE, alt=words)
        if "position" in labels:
            st.image(campus_inset(prediction, row, gallery, palette), width=SIDE,
                     alt="The whole campus, with the part that the map shows")  # fmt: skip


def _map(
    predictor: "Predictor",
    prediction: Prediction,
    row: int,
    photo: Photo,
    truth: Truth | None,
    most: int,
) -> None:
    """The map of one answer, with what its colours and areas mean."""
    palette, gallery, trust = theme.palette(), predictor.gallery, prediction.confidence
    source = pickers.dataset_path()
    deck = evidence_deck(
        prediction, row, gallery, palette, most=most, truth=truth, online=pickers.online_tiles(),
        base=base_layer.of(source),
    )  # fmt: skip
    evidence.map_of(photo, prediction, row, gallery, deck, MAP_PX)
    placed = truth is not None and truth.position_m is not None
    meanings = {"position": palette.refined, "network alone": palette.prediction}
    meanings |= {"training photos": palette.evidence} if gallery else {}
    messages.legend(meanings | ({"truth": palette.truth} if placed else {}))
    if trust is not None and trust.density is not None:
        st.caption(
            "Shaded: the true spot is inside the light area 9 times in 10, inside the dark area 5 "
            "times in 10."
        )
    base_layer.credit(source, planar=not prediction.local_frame.frame.has_degrees)


def _position(prediction: Prediction, row: int) -> None:
    """The position in full, to be copied, and a link to a map of the world."""
    frame = prediction.local_frame.frame
    with st.container(horizontal=True, vertical_alignment="center"):
        if not frame.has_degrees:
            st.code(wording.position(prediction.positions_refined[row], frame), language=None,
                    width="content")  # fmt: skip
            return
        latitude, longitude = prediction.degrees_refined[row]
        st.code(f"{latitude:.6f}, {longitude:.6f}", language=None, width="content")
        st.link_button(
            "Open in OpenStreetMap", OSM.format(latitude, longitude), icon=":material/open_in_new:",
            type="tertiary", help="Your browser then sends this position to openstreetmap.org.",
        )  # fmt: skip


def _errors(prediction: Prediction, row: int, truth: Truth | None) -> None:
    """How far the answer is from the label of the photo, if it has one."""
    if truth is None:
        return
    parts, labels = [], prediction.labels
    if "position" in labels and truth.position_m is not None:
        off_m = float(distance_m(prediction.position_refined_m[row], truth.position_m))
        parts.append(f"position {wording.metres(off_m)} off")
    if "heading" in labels and truth.heading_deg is not None:
        heading = float(prediction.heading_refined_deg[row])
        off_deg = float(heading_error_deg(heading, truth.heading_deg))
        parts.append(f"heading {wording.degrees(off_deg)} off")
    if "region" in labels and truth.region:
        named = messages.plain(prediction.region_names.get(truth.region, truth.region))
        right = truth.region == prediction.region[row]
        parts.append("region right" if right else f"region wrong, it is {named}")
    if parts:
        st.markdown(f":material/flag: Against the label of this photo: {', '.join(parts)}.")


def _details(predictor: "Predictor", prediction: Prediction, row: int) -> None:
    """Every figure of one answer, and the probabilities of the regions."""
    trust = prediction.confidence
    st.subheader("Details", anchor=False)
    with st.container(horizontal=True):
        _figures(prediction, row)
    frame = prediction.local_frame.frame
    if "position" in prediction.labels and frame.kind == "scaled_degrees":
        st.caption("Position in the units of the labels")
        st.code(wording.position(prediction.positions_refined[row], frame), language=None)
    ensemble.one_photo(prediction, row, predictor.card.ensemble)
    if "region" in prediction.labels:
        shares = prediction.region_probabilities if trust is None else trust.region_probabilities
        names = [prediction.region_names.get(region, region) for region in prediction.regions]
        figure = region_probabilities(shares[row], names, theme.palette())
        st.plotly_chart(figure, key="predict_regions", config=figure_files.config("regions"))
        figure_files.offer("predict", {"Probabilities of regions": figure})
    if "position" not in prediction.labels:
        st.info(absence.of_model("position", "map"))
    for note in prediction.notes:
        st.caption(messages.plain(note))


def _figures(prediction: Prediction, row: int) -> None:
    """The figures of one answer, of the labels that the model predicts."""
    trust, labels, region = prediction.confidence, prediction.labels, prediction.region[row]
    if "heading" in labels:
        _figure("Facing", wording.heading(float(prediction.heading_refined_deg[row])), None)
    if "region" in labels:
        shares = prediction.region_probabilities if trust is None else trust.region_probabilities
        _figure("Region", prediction.region_names.get(region, region),
                f"{wording.level(shares[row].max())} probable")  # fmt: skip
    if trust is None:
        return
    for label, named, sizes, unit in (
        ("position", "Position, 90 %", trust.radius_m[row], " m"),
        ("heading", "Heading, 90 %", trust.wedge_deg[row], "°"),
    ):
        if label in labels:
            _figure(named, wording.radius(sizes[1], unit), _half(sizes, unit))


def _half(sizes: np.ndarray, unit: str) -> str:
    return f"50 %: {wording.radius(sizes[0], unit)}"


def _figure(label: str, value: str, note: str | None) -> None:
    st.metric(label, value, note, delta_color="off", delta_arrow="off", width="content")


def moved(prediction: Prediction, row: int, gallery: Gallery) -> str | None:
    """How far which training photos moved the pin; None if they did not."""
    names = moved_by(prediction, gallery, row)
    metres = float(prediction.moved_m[row])
    if not names or metres < 0.5:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    shown = ", ".join(messages.code(name) for name in names[:_NAMED])
    return f"Matching training photos moved the pin by {wording.metres(metres)}: {shown}{more}."
