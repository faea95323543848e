"""Predictions on the page: photos predicted together, and several in a table and on a map."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app import absence, cache, theme, wording
from app.photo import Photo
from app.predict import answer, downloads
from app.predict.prediction_map import pins_deck
from app.widgets import base_layer, messages, pickers, selection
from app.widgets.photo_source import PhotoSource
from core.errors import ImageError
from core.inference.export import records
from core.inference.prediction import Prediction, joined

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

    from core.inference.predictor import Predictor


# A longer table scrolls beside the map.
_MOST_ROWS = 12


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
    for photo, found in zip(photos, answers, strict=True):
        if isinstance(found, ImageError):
            messages.show_error(found)
        else:
            parts.append(found)
            read.append(photo)
    return (joined(parts) if parts else None), tuple(read)


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
        downloads.row(predictor, prediction, selection.scope(*digests))
    with right:
        if mapped:
            deck = pins_deck(
                prediction, predictor.gallery, theme.palette(), chosen=chosen,
                online=pickers.online_tiles(), base=base_layer.of(pickers.dataset_path()),
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
        answer.one(predictor, prediction, chosen, photos[chosen], shelf, None)


def _refused(prediction: Prediction) -> None:
    names = [prediction.filenames[row] for row in prediction.refused.nonzero()[0]]
    if names:
        st.warning(f"Not this campus, no pin: {messages.plain(', '.join(names))}")


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
