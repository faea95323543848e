"""A grid of photos, page by page, and one photo with its labels."""

from pathlib import Path

import pandas as pd
import streamlit as st

from app import cached, selection, wording
from core.dataset.labels import Dataset
from core.errors import ImageError

COLUMNS, PAGE_SIZE, SIDE_PX = 6, 24, 224


def row_of(data: Dataset, photo_id: str) -> int | None:
    """Row of a photo, or None."""
    found = data.table.index[data.table["photo_id"] == photo_id]
    return int(found[0]) if len(found) else None


def grid(page: str, table: pd.DataFrame) -> None:
    """Show photos in pages of 24; the name below a photo chooses it."""
    if table.empty:
        st.info("No photo fits: widen the region or the name.")
        return
    pages = -(-len(table) // PAGE_SIZE)
    number = st.pagination(pages, key=f"{page}_page") if pages > 1 else 1
    shown = table.iloc[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    for start in range(0, len(shown), COLUMNS):
        for cell, photo in zip(
            st.columns(COLUMNS), shown.iloc[start : start + COLUMNS].itertuples(), strict=False
        ):
            with cell:
                _cell(page, photo.photo_id, photo.filename, Path(photo.path))


def card(data: Dataset, row: int) -> None:
    """One photo with its labels."""
    photo = data.table.loc[row]
    name = data.campus.region_names.get(photo["region"], photo["region"])
    _picture(Path(photo["path"]), 640)
    st.markdown(f"**{name}**, facing {photo['heading_deg']:.0f}°")
    facts = [f"`{photo['photo_id']}`", wording.position(data.positions[row], data.campus.frame)]
    if photo["timestamp"]:
        facts.append(f"taken at {photo['timestamp']}")
    st.caption("  \n".join(facts))


def _cell(page: str, photo_id: str, filename: str, path: Path) -> None:
    _picture(path, SIDE_PX)
    st.button(
        filename, key=f"{page}_{photo_id}", type="tertiary", on_click=selection.choose,
        args=(page, photo_id), help="Show this photo on the map",
    )  # fmt: skip


def _picture(path: Path, side: int) -> None:
    try:
        st.image(cached.thumbnail(path, side), width="stretch")
    except ImageError as error:
        st.error(str(error))
