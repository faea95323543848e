"""A grid of thumbnails; a click on one opens the photo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.widgets import messages

COLUMNS, PAGE_SIZE = 6, 24
# The button lies over the whole tile, so that a click on the picture is a click on it; its words
# are read out, and the caption below the picture shows the same to the eye.
_STYLE = """
[class*="st-key-tile_"] { position: relative; }
[class*="st-key-tile_"] > [class*="st-key-open_"] {
  position: absolute; inset: 0; z-index: 1; width: 100% !important; height: 100%;
}
[class*="st-key-tile_"] [class*="st-key-open_"] * { height: 100%; width: 100%; }
[class*="st-key-tile_"] [class*="st-key-open_"] button {
  border-color: transparent; background: transparent; color: transparent;
}
[class*="st-key-tile_"] [class*="st-key-open_"] button:is(:hover, :focus-visible) {
  border-color: var(--st-primary-color, #0072B2);
}
/* The room of a picture is kept free until it has come. */
[class*="st-key-tile_"] > [data-testid="stElementContainer"]:first-child { aspect-ratio: 4 / 3; }
[class*="st-key-tile_"] img { aspect-ratio: 4 / 3; object-fit: cover; }
/* On a phone, columns would stand below one another, a screen for each photo. */
@media (max-width: 640px) {
  [class*="st-key-tiles_"] [data-testid="stHorizontalBlock"] { flex-wrap: wrap; gap: .6rem; }
  [class*="st-key-tiles_"] [data-testid="stColumn"] { min-width: 30%; flex: 1 1 30%; }
}
"""


@dataclass(frozen=True)
class Tile:
    """One photo of a grid.

    Attributes:
        name: Identity of the photo on its page.
        title: What it is called.
        caption: A line below it, as Markdown.
        picture: Encoded image; None if the photo is not found.
    """

    name: str
    title: str
    caption: str
    picture: bytes | None


def grid(
    page: str,
    names: Sequence[str],
    tile: Callable[[str], Tile],
    choose: Callable[[str], None],
    *,
    chosen: str | None = None,
    columns: int = COLUMNS,
    page_size: int = PAGE_SIZE,
) -> None:
    """Draw photos in pages; those that are not shown are not decoded.

    Args:
        page: Short name of the grid.
        names: The photos, in order.
        tile: Makes the tile of a photo.
        choose: Called with the name of the clicked photo.
        chosen: The photo that is open, which has a frame.
        columns: Photos in a row.
        page_size: Photos on a page.
    """
    pages = -(-len(names) // page_size)
    number = 1
    if pages > 1:
        # Another number of pages begins at the first.
        number = st.pagination(pages, key=f"{page}_page_{pages}")
    shown = names[(number - 1) * page_size : number * page_size]
    st.html(f"<style>{_STYLE}</style>")
    with st.container(key=f"tiles_{page}"):
        for start in range(0, len(shown), columns):
            row = shown[start : start + columns]
            cells = zip(st.columns(columns), row, strict=False)
            for index, (cell, name) in enumerate(cells, start):
                with cell:
                    _draw(f"{page}_{index}", tile(name), choose, framed=name == chosen)


def _draw(key: str, tile: Tile, choose: Callable[[str], None], *, framed: bool) -> None:
    with st.container(key=f"tile_{key}", gap="xxsmall"):
        if tile.picture is None:
            st.caption("Photo not found.")
        else:
            st.image(tile.picture, width="stretch", alt=tile.title)
        title = messages.plain(tile.title)
        st.caption(f"**{title}**{tile.caption}" if framed else f"{title}{tile.caption}")
        st.button(title, key=f"open_{key}", on_click=choose, args=(tile.name,))
