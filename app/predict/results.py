"""Predictions on the page: one photo with its confidence and evidence, or a table of several."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app import absence, cache, theme, wording
from app.figures.regions import region_probabilities
from app.photo import Photo, jpeg
from app.predict import evidence
from app.predict.prediction_map import Truth, evidence_deck, pins_deck
from app.widgets import ensemble, messages, pickers, selection
from app.widgets.messages import legend
from app.widgets.photo_source import PhotoSource
from core.confidence.apply import Confidence
from core.dataset.decode import decode_display
from core.errors import ImageError
from core.geo import distance_m, heading_error_deg
from core.inference.export import moved_by, reason, records, written
from core.inference.prediction import Prediction, joined
from core.retrieval.gallery import Gallery

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

    from core.inference.predictor import Predictor


_SURE_M, _FAIR_M = 20.0, 60.0
_SURE_SHARE, _FAIR_SHARE = 0.9, 0.5
_NAMED = 3
_FORMS = {"csv": "CSV", "json": "JSON", "geojson": "GeoJSON"}
# A longer table scrolls beside the map.
_MOST_ROWS = 12
SHOWN_PX = 640


def ask(
    folder: Path, photos: tuple[Photo, ...], region: str | None, heading_deg: float | None
) -> tuple[Prediction | None, tuple[Photo, ...]]:
    """Predict photos, with a progress bar for several; name and leave out unreadable ones.

    Returns:
        The predictions of the photos that could be read (None: for none), and these photos.
    """
    bar = st.progress(0.0, "Predicting …") if len(photos) > 1 else None

    def show(done: int, of: int) -> None:
        if bar is not None:
            bar.progress(done / of, f"{done} of {of} photos")

    answers = cache.predictions_of(folder, photos, region, heading_deg, show)
    if bar is not None:
        bar.empty()
    parts, read = [], []
    for photo, answer in zip(photos, answers, strict=True):
        if isinstance(answer, ImageError):
            messages.show_error(answer)
        else:
            parts.append(answer)
            read.append(photo)
    return (joined(parts) if parts else None), tuple(read)


def one(
    predictor: "Predictor",
    prediction: Prediction,
    row: int,
    photo: Photo,
    shelf: PhotoSource,
    truth: Truth | None,
) -> None:
    """Show the answer for one photo with its evidence, or that the photo is refused."""
    trust = prediction.confidence
    if trust is not None and trust.refused[row] and not _anyway(trust, row, photo):
        return
    palette, gallery = theme.palette(), predictor.gallery
    left, right = st.columns([2, 3])
    with left:
        # The answer first: it has to be on the screen without scrolling.
        _answer(prediction, row, truth)
        picture = jpeg(decode_display(photo.content, max_side=SHOWN_PX, name=photo.name))
        st.image(picture, caption=messages.plain(photo.name), width="stretch")
        ensemble.one_photo(prediction, row, predictor.card.ensemble)
        if "region" in prediction.labels:
            shares = prediction.region_probabilities
            shares = shares if trust is None else trust.region_probabilities
            figure = region_probabilities(shares[row], _names(prediction), palette)
            st.plotly_chart(figure, key="predict_regions")
    mapped = "position" in prediction.labels
    with right:
        above = st.container()
        most = pickers.pick_neighbours(prediction.neighbours.shape[1]) if gallery else 0
    with above:
        if mapped:
            _map(predictor, prediction, row, photo, truth, most)
        else:
            st.info(absence.of_model("position", "map"))
    if gallery:
        if mapped and (words := moved(prediction, row, gallery)) is not None:
            st.markdown(words)
        # In place of a map stand the photos that look most alike.
        with st.container() if mapped else right:
            evidence.strip(predictor, prediction, row, shelf, photo, most)
    for note in prediction.notes:
        st.caption(messages.plain(note))


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
    deck = evidence_deck(
        prediction, row, gallery, palette, most=most, truth=truth, online=pickers.online_tiles()
    )
    if gallery:
        evidence.map_of(photo, prediction, row, gallery, deck)
    else:
        st.pydeck_chart(deck, height=selection.MAP_HEIGHT_PX, alt=evidence.MAP_ALT)
    meanings = {"refined position": palette.refined, "network alone": palette.prediction,
                "training photos": palette.evidence}  # fmt: skip
    if trust is not None and trust.density is not None:
        st.caption(
            "Shaded: the true spot is inside the dark area 50% of the time, inside the light area "
            "90%."
        )
    placed = truth is not None and truth.position_m is not None
    legend(meanings | ({"truth": palette.truth} if placed else {}))


def many(
    predictor: "Predictor", prediction: Prediction, photos: tuple[Photo, ...], shelf: PhotoSource
) -> None:
    """Show several photos in a table with downloads and on a map, and one of them in full."""
    digests = [photo.digest for photo in photos]
    chosen = selection.chosen("pins", partial(_row, digests), linked=False)
    left, right = st.columns(2)
    mapped = "position" in prediction.labels
    with left:
        _table(prediction, None if mapped else digests)
        _refused(prediction)
        _downloads(predictor, prediction)
    with right:
        if mapped:
            deck = pins_deck(
                prediction, predictor.gallery, theme.palette(), chosen=chosen,
                online=pickers.online_tiles(),
            )  # fmt: skip
            selection.clickable_map(
                "pins", deck, digests.__getitem__, "Predicted positions and headings",
                key=selection.scope(*digests),
            )  # fmt: skip
        else:
            st.info(absence.of_model("position", "map"))
    if chosen is None:
        what = "pin" if mapped else "row of the table"
        st.info(f"Click a {what} to see its photo and evidence.")
    else:
        one(predictor, prediction, chosen, photos[chosen], shelf, None)


def _answer(prediction: Prediction, row: int, truth: Truth | None) -> None:
    """Position, heading and region with their confidence, and the errors if the truth is known."""
    trust, labels = prediction.confidence, prediction.labels
    if trust is not None:
        sure = how_sure if "position" in labels else how_sure_of_region
        st.markdown(sure(trust, row))
        if (note := trust.unseen_note(row)) is not None:
            st.caption(note)
    if "position" in labels:
        error = ""
        if truth is not None and truth.position_m is not None:
            off_m = float(distance_m(prediction.position_refined_m[row], truth.position_m))
            error = f" · {wording.metres(off_m)} off"
        st.caption(f"Position{error}")
        # Code has a button to copy it; a metric would cut the digits off.
        position = wording.position(prediction.positions_refined[row], prediction.local_frame.frame)
        st.code(position, language=None)
    with st.container(horizontal=True):
        _figures(prediction, row, truth)


def _figures(prediction: Prediction, row: int, truth: Truth | None) -> None:
    """The figures of one answer, of the labels that the model predicts."""
    trust, labels, region = prediction.confidence, prediction.labels, prediction.region[row]
    if "heading" in labels:
        heading, off = float(prediction.heading_refined_deg[row]), None
        if truth is not None and truth.heading_deg is not None:
            off = f"{wording.degrees(float(heading_error_deg(heading, truth.heading_deg)))} off"
        _figure("Facing", wording.heading(heading), off)
    if "region" in labels and (trust is not None or "position" not in labels):
        shares = prediction.region_probabilities if trust is None else trust.region_probabilities
        _figure("Region", prediction.region_names.get(region, region),
                f"{wording.level(shares[row].max())} probable")  # fmt: skip
        if truth is not None and truth.region and "position" not in labels:
            named = prediction.region_names.get(truth.region, truth.region)
            _figure("Labelled region", named, "right" if truth.region == region else "wrong")
    if trust is None:
        return
    radius, wedge = trust.radius_m[row], trust.wedge_deg[row]
    if "position" in labels:
        _figure("Position, 90%", wording.radius(radius[1], " m"),
                f"50%: {wording.radius(radius[0], ' m')}")  # fmt: skip
    if "heading" in labels:
        _figure("Heading, 90%", wording.radius(wedge[1], "°"),
                f"50%: {wording.radius(wedge[0], '°')}")  # fmt: skip


def _figure(label: str, value: str, note: str | None) -> None:
    st.metric(label, value, note, delta_color="off", delta_arrow="off")


def how_sure(trust: Confidence, row: int) -> str:
    """The confidence of a position in one sentence."""
    islands = trust.region_m(row, 0.9)
    radius = float(trust.radius_m[row, 1])
    if islands is not None and len(islands) > 1:
        return (
            f"**Ambiguous:** {len(islands)} places match. 9 times in 10 the true spot is inside "
            "one of the shaded areas."
        )
    if not radius < float("inf"):
        return "**Confidence unknown:** too few calibration photos."
    if radius <= _SURE_M:
        return "**Confident:** 9 times in 10 the true spot is inside the shaded area."
    if radius <= _FAIR_M:
        return "**Fairly confident:** 9 times in 10 the true spot is inside the shaded area."
    return "**Not confident:** read the shaded area as the answer, not the pin."


def how_sure_of_region(trust: Confidence, row: int) -> str:
    """The confidence of a region in one sentence, where no position is predicted."""
    share = float(trust.region_probabilities[row].max())
    if trust.calibration.region is None:
        return "**Confidence unknown:** too few calibration photos."
    if share >= _SURE_SHARE:
        return "**Confident:** the region is right at least 9 times in 10."
    if share >= _FAIR_SHARE:
        return "**Fairly confident:** the region is right more often than not."
    return "**Not confident:** read the probabilities as the answer, not the first region."


def moved(prediction: Prediction, row: int, gallery: Gallery) -> str | None:
    """How far which training photos moved the pin; None if they did not."""
    names = moved_by(prediction, gallery, row)
    metres = float(prediction.moved_m[row])
    if not names or metres < 0.5:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    shown = ", ".join(messages.code(name) for name in names[:_NAMED])
    return f"Matching training photos moved the pin by {wording.metres(metres)}: {shown}{more}."


def refused(trust: Confidence, row: int, photo: Photo) -> bool:
    """Say that a photo is not of this campus; return whether to show its answer anyway."""
    why = str(reason(trust, row)).removeprefix("not this campus: ")
    name = messages.code(photo.name)
    st.error(f"**Not this campus.** {name} is {why}.", icon=":material/block:")
    with st.expander(
        "Show the answer anyway", key=f"predict_anyway_{photo.digest}", on_change="rerun"
    ) as box:
        st.caption("This answer assumes that the photo shows this campus. Do not rely on it.")
    return bool(box.open)


def _anyway(trust: Confidence, row: int, photo: Photo) -> bool:
    """Show a refused photo without a pin; return whether to show its answer anyway."""
    left, right = st.columns([2, 3])
    left.image(jpeg(decode_display(photo.content, max_side=SHOWN_PX, name=photo.name)),
               caption=messages.plain(photo.name), width="stretch")  # fmt: skip
    with right:
        return refused(trust, row, photo)


def _refused(prediction: Prediction) -> None:
    names = [prediction.filenames[row] for row in prediction.refused.nonzero()[0]]
    if names:
        st.warning(f"Not this campus, no pin: {messages.plain(', '.join(names))}")


def _names(prediction: Prediction) -> list[str]:
    return [prediction.region_names.get(region, region) for region in prediction.regions]


def _row(digests: list[str], digest: str) -> int | None:
    return digests.index(digest) if digest in digests else None


def _table(prediction: Prediction, choosing: list[str] | None) -> None:
    """Draw the main columns of the downloads, with titles and units.

    Args:
        prediction: What to draw.
        choosing: Digests of the photos, if a click on a row chooses one: there is no map for it.
    """
    answers = pd.DataFrame(records(prediction))
    columns = {name: column for name, column in _columns(prediction).items() if name in answers}
    if not prediction.refused.any():
        columns.pop("refused", None)
    # In per cent, as everywhere on the pages.
    if "region_probability" in answers:
        answers["region_probability"] *= 100.0
    if choosing is not None:
        selection.clickable_table("pins", answers[list(columns)], choosing, columns)
        return
    tall = len(answers) > _MOST_ROWS
    st.dataframe(
        answers[list(columns)], hide_index=True, column_config=columns,
        height=selection.MAP_HEIGHT_PX - 60 if tall else "content",
    )  # fmt: skip


def _columns(prediction: Prediction) -> dict[str, "ColumnConfig"]:
    frame, number = prediction.local_frame.frame, st.column_config.NumberColumn
    decimals = f"%.{wording.DECIMALS[frame.kind]}f"
    north, east = ("Latitude", "Longitude") if frame.has_degrees else ("North", "East")
    return {
        "filename": st.column_config.TextColumn("Photo", pinned=True),
        "refused": st.column_config.CheckboxColumn("Refused"),
        "region_name": st.column_config.TextColumn("Region"),
        "region_probability": number("Probability", format="%.0f%%"),
        "angle_refined": number("Heading (°)", format="%.0f"),
        "radius_90_m": number("Radius, 90% (m)", format="%.0f"),
        "wedge_90_deg": number("Heading ±, 90% (°)", format="%.0f"),
        "latitude_refined": number(f"{north} ({frame.unit})", format=decimals),
        "longitude_refined": number(f"{east} ({frame.unit})", format=decimals),
        "member_spread_m": number("Spread of members (m)", format="%.1f"),
        "member_spread_deg": number("Spread of members (°)", format="%.1f"),
    }


def _downloads(predictor: "Predictor", prediction: Prediction) -> None:
    forms = ["csv", "json"]
    if "position" in prediction.labels and prediction.local_frame.frame.has_degrees:
        forms.append("geojson")
    with st.container(horizontal=True):
        for form in forms:
            st.download_button(
                _FORMS[form], partial(written, prediction, predictor.gallery, form),
                f"predictions.{form}", key=f"predict_{form}", on_click="ignore",
            )  # fmt: skip
