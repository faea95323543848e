"""Predictions on the page: photos predicted together, and several in a table, a map and a grid."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app import cache, theme, wording
from app.photo import Photo
from app.predict import answer, downloads, walk_view
from app.predict.prediction_map import pins_deck
from app.predict.sentence import matching_places
from app.selection import selection
from app.widgets import base_layer, messages, pickers, tiles
from app.widgets.photo_source import PhotoSource
from core.errors import ImageError
from core.inference.export import records
from core.inference.prediction import Prediction, joined

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

    from core.inference.predictor import Predictor

_PAGE, _SIDE_PX, _VIEW_PX = "pins", 224, 520


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
            bar.progress(done / of, f"{done:,} of {of:,} photos")

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
    """Show several photos in a table, on a map and in a grid, or the one of them that is open."""
    digests = [photo.digest for photo in photos]
    chosen = selection.chosen(_PAGE, partial(_row, digests))
    if chosen is not None:
        selection.stepper(_PAGE, digests, digests[chosen])
        answer.one(predictor, prediction, chosen, photos[chosen], shelf, None)
        return
    refused = int(prediction.refused.sum())
    left_out = f", {refused:,} of them not of this campus" if refused else ""
    st.markdown(f"#### {len(photos):,} photos{left_out}", anchors=False)
    st.caption("Click a row, a pin or a photo to open it.")
    if "position" in prediction.labels:
        left, right = st.columns([3, 2])
        with left:
            _table(prediction, digests)
        with right:
            _map(predictor, prediction, digests)
    else:
        _table(prediction, digests)
    downloads.row(predictor, prediction, selection.scope(*digests))
    walk_view.show(predictor, prediction, photos, selection.scope(*digests))
    named = answers(prediction)

    def tile(digest: str) -> tiles.Tile:
        row = digests.index(digest)
        said = named.iloc[row]
        region = messages.plain(said.get("Region") or "") if not prediction.refused[row] else ""
        about = ":red[not this campus]" if prediction.refused[row] else region
        return tiles.Tile(
            digest, photos[row].name, f"  \n{about}" if about else "",
            cache.picture(photos[row], _SIDE_PX),
        )  # fmt: skip

    # The same photo twice is one tile.
    tiles.grid("predict_grid", list(dict.fromkeys(digests)), tile, partial(selection.choose, _PAGE))


def answers(prediction: Prediction) -> pd.DataFrame:
    """Return a row a photo as people read it; a refused photo has no answer in it.

    Columns of what the model does not predict are absent. Sizes hold 90 % of truths.
    """
    rows, frame = [], prediction.local_frame.frame
    for row, record in enumerate(records(prediction)):
        entry = {"Photo": record["filename"], "Region": record.get("region_name")}
        if "position" in prediction.labels:
            entry["Within (m)"] = record.get("radius_90_m")
        if "heading" in prediction.labels:
            entry["Heading (°)"] = record.get("angle_refined")
            entry["± (°)"] = record.get("wedge_90_deg")
        entry["Confidence"] = _confidence(prediction, row)
        if "position" in prediction.labels:
            known = not record["refused"]
            spot = prediction.positions_refined[row]
            entry["Position"] = wording.position(spot, frame) if known else None
        rows.append(entry)
    table = pd.DataFrame(rows)
    return table if "region" in prediction.labels else table.drop(columns="Region")


def _confidence(prediction: Prediction, row: int) -> str:
    """How far one answer can be relied on, in a word or two."""
    trust = prediction.confidence
    if prediction.refused[row]:
        return "refused: not this campus"
    places = matching_places(prediction, row)
    if places > 1:
        return f"ambiguous: {places:,} places"
    if trust is None:
        return "unknown"
    if "position" in prediction.labels:
        return wording.level(0.9) if trust.radius_m[row, 1] < float("inf") else "unknown"
    if "region" in prediction.labels and trust.calibration.region is not None:
        return wording.level(float(trust.region_probabilities[row].max()))
    return "unknown"


def _map(predictor: "Predictor", prediction: Prediction, digests: list[str]) -> None:
    source = pickers.dataset_path()
    deck = pins_deck(
        prediction, predictor.gallery, theme.palette(), chosen=None,
        online=pickers.online_tiles(), base=base_layer.of(source),
    )  # fmt: skip
    selection.clickable_map(
        _PAGE, deck, digests.__getitem__, "Predicted positions and headings",
        key=selection.scope(*digests), height_px=_VIEW_PX,
    )  # fmt: skip
    base_layer.credit(source, planar=not prediction.local_frame.frame.has_degrees)


def _table(prediction: Prediction, digests: list[str]) -> None:
    """Draw the answers in a table; a click on any of its cells opens the photo of the row."""
    key = f"predict_table_{selection.scope(*digests)}"

    def clicked() -> None:
        found = st.session_state[key].selection
        rows = [row for row, _ in found.cells]
        if rows and rows[0] < len(digests):
            selection.choose(_PAGE, digests[rows[0]])

    table = answers(prediction)
    st.dataframe(
        table, key=key, hide_index=True, on_select=clicked, placeholder=selection.UNKNOWN,
        selection_mode="single-cell", column_config=_columns(),
        height=_VIEW_PX if len(table) > 10 else "content",
    )  # fmt: skip


def _columns() -> dict[str, "ColumnConfig"]:
    number = st.column_config.NumberColumn
    return {
        "Photo": st.column_config.TextColumn("Photo", pinned=True),
        "Within (m)": number("Within (m)", format="%.0f", help="90 % confidence"),
        "Heading (°)": number("Heading (°)", format="%.0f"),
        "± (°)": number("± (°)", format="%.0f", help="90 % confidence"),
    }


def _row(digests: list[str], digest: str) -> int | None:
    return digests.index(digest) if digest in digests else None
