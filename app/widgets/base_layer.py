"""The base layer of the data set below every map, and what the map says about its source."""

from pathlib import Path

import streamlit as st

from app import cache
from app.widgets import messages, pickers
from core.dataset.base_layer import BaseLayer
from core.errors import BearingsError, LabelError


def of(source: Path | None) -> BaseLayer | None:
    """The base layer of a data set; None without a data set, without the file, or if it is damaged.

    `credit` says what is wrong with a damaged one.
    """
    found = _found(source)
    return found if isinstance(found, BaseLayer) else None


def source_of(evaluated: str, checkpoint: Path) -> Path | None:
    """The data set whose base layer the maps of a report show.

    That of the sidebar, if it has one and is of the model's place; else the evaluated one, if it is
    still there.
    """
    picked, folder = pickers.dataset_path(), Path(evaluated) if evaluated else None
    if folder is None or not folder.exists():
        return picked
    newer = picked is not None and of(picked) is not None and _same_place(picked, checkpoint)
    return picked if newer else folder


def _same_place(source: Path, checkpoint: Path) -> bool:
    try:
        return cache.other_place_m(source, checkpoint) is None
    except BearingsError:
        return False


def credit(source: Path | None, *, planar: bool = False) -> None:
    """Write below a map whose base layer it shows, or why it shows none.

    Args:
        source: The data set.
        planar: Whether the map is in metres without degrees, where none can be drawn.
    """
    found = _found(source)
    if isinstance(found, LabelError):
        st.warning(f"The map has no base layer. {messages.plain_lines(str(found))}")
    elif found is not None:
        if planar and found.shapes:
            st.caption("Not drawn: campus.geojson is in degrees, and the labels are in metres.")
        if found.sources:
            st.caption(f"Base layer: {messages.plain(found.sources)}")
    if pickers.online_tiles() and not planar:
        st.caption(
            "Online background: © CARTO, © OpenStreetMap contributors. If it stays empty, your "
            "browser cannot reach basemaps.cartocdn.com."
        )


def _found(source: Path | None) -> BaseLayer | LabelError | None:
    return None if source is None else cache.base_layer(source)
