"""One chosen photo of a page: by a click on its map, in its grid, or by the address of the page."""

from collections.abc import Callable, Sequence

import pandas as pd
import pydeck as pdk
import streamlit as st

MAP_HEIGHT_PX = 540
_PARAMETER = "photo"


def chosen(page: str, options: Callable[[str], int | None], *, linked: bool = True) -> int | None:
    """Row of the chosen photo, or None.

    Args:
        page: Short name of the page.
        options: Finds the row of a photo by name; None where it is not there (any more).
        linked: Keep the photo in the address of the page, so that a link leads back to it.
    """
    key = _key(page)
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get(_PARAMETER) if linked else None
    name = st.session_state[key]
    row = options(name) if name else None
    if not linked:
        return row
    if row is None:
        st.query_params.pop(_PARAMETER, None)
    else:
        st.query_params[_PARAMETER] = name
    return row


def choose(page: str, name: str | None) -> None:
    """Choose a photo by name; for callbacks of buttons."""
    st.session_state[_key(page)] = name


def clickable_map(page: str, deck: pdk.Deck, names: Callable[[int], str], alt: str) -> None:
    """Draw a map whose dots choose a photo.

    Args:
        page: Short name of the page.
        deck: Its dots carry the row as `i`.
        names: Name of a row's photo.
        alt: What the map shows, for readers who cannot see it.
    """
    key = f"{page}_map"

    def clicked() -> None:
        objects = st.session_state[key].selection.objects
        rows = [entry["i"] for layer in objects.values() for entry in layer if "i" in entry]
        choose(page, names(int(rows[0])) if rows else None)

    st.pydeck_chart(deck, key=key, on_select=clicked, height=MAP_HEIGHT_PX, alt=alt)


def clickable_table(page: str, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw a table whose rows choose a photo; `names` are its photos, row by row."""
    key = f"{page}_table"

    def clicked() -> None:
        rows = st.session_state[key].selection.rows
        choose(page, names[rows[0]] if rows and rows[0] < len(names) else None)

    st.dataframe(
        table, key=key, hide_index=True, on_select=clicked, selection_mode="single-row", height=280
    )


def _key(page: str) -> str:
    return f"{page}_chosen"
