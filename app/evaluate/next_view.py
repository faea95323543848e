"""Where to photograph next: needy cells on the map, as a table, and as a walk for a phone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st

from app.evaluate import outcomes
from app.evaluate.map_layers import ERROR_COLOURS
from app.evaluate.outcomes import Method
from app.maps import layers
from app.maps.backdrop import Backdrop, faint_photos
from app.maps.base_map import clipped_to
from app.maps.ground import Ground, deck
from app.selection import selection
from app.theme import Palette, rgba
from app.widgets import messages
from app.wording import metres, share
from core.amounts import percent
from core.evaluation.next_photos import (
    CELL_M,
    SECTORS,
    Cell,
    pick_stops,
    rank_cells,
    reason,
    walk_gpx,
    walk_length_m,
)
from core.geo import Floats
from core.retrieval.gallery import Gallery

SECTION = "Next photos"
# Upper bounds of all classes of need but the highest.
BOUNDS = (0.3, 0.45, 0.6, 0.75)
_STOPS = 15


def ranked(
    campus: Backdrop, gallery: Gallery | None, table: pd.DataFrame, method: Method
) -> list[Cell]:
    """Cells of the ground that the map shows, the neediest first."""
    ground = campus.ground()
    training_m = campus.position_m
    headings = np.full(len(training_m), np.nan) if gallery is None else gallery.heading_deg
    near = ~ground.beyond(training_m)
    truth, errors = outcomes.truth_m(table), outcomes.error_m(table, method)
    errors = np.where(ground.beyond(truth), np.nan, errors)
    clipped = clipped_to(ground, campus.base)
    ways = None if clipped is None else _shown(ground, clipped.ways_m())
    return rank_cells(training_m[near], headings[near], truth, errors, ways_m=ways)


def _shown(ground: Ground, points_m: Floats) -> Floats:
    """Those of points `(k, 2)` that lie in what the map shows."""
    south, west, north, east = ground.extent_m
    inside = ((points_m >= [south, west]) & (points_m <= [north, east])).all(axis=1)
    return points_m[inside]


def need_class(score: float) -> int:
    """Class of a score, 0 the least needy."""
    return int(np.searchsorted(BOUNDS, score, side="right"))


def next_deck(
    campus: Backdrop,
    cells: Sequence[Cell],
    walk: Sequence[Cell],
    palette: Palette,
    *,
    online: bool,
) -> pdk.Deck:
    """All cells in the colours of their need, and the stops of a walk with their numbers."""
    ground, tones = campus.ground(), ERROR_COLOURS[palette.mode]
    stops = np.array([cell.middle_m for cell in walk]).reshape(-1, 2)
    data = [
        {"s": ground.places(_square(cell)), "c": list(rgba(tones[need_class(cell.score)], 0.45)),
         "t": reason(cell)}
        for cell in cells
    ]  # fmt: skip
    drawn = [
        *campus.bottom(palette),
        pdk.Layer(
            "PolygonLayer", data, id="need", get_polygon="s", get_fill_color="c", filled=True,
            stroked=False, pickable=True, auto_highlight=True,
        ),
        faint_photos(ground, campus.position_m, palette, opacity=0.8),
        layers.segments(ground, "walk", stops[:-1], stops[1:], palette.text, opacity=0.8,
                        width_px=2),
        layers.points(ground, "stops", stops, palette.text, radius_px=10, opacity=1.0,
                      texts=[reason(cell) for cell in walk], ring=palette.background),
        layers.numbers(ground, "stop-numbers", stops, palette.background),
    ]  # fmt: skip
    return deck(ground, drawn, palette, online=online)


def _square(cell: Cell) -> Floats:
    """Corners `(4, 2)` of the cell around a point in it."""
    low = np.floor(np.array(cell.middle_m) / CELL_M) * CELL_M
    return np.asarray(low + CELL_M * np.array([(0, 0), (0, 1), (1, 1), (1, 0)]))


def stops_table(walk: Sequence[Cell]) -> pd.DataFrame:
    """One row a stop, in the order of the walk."""
    rows = [
        {
            "Stop": number,
            "Need": share(cell.score),
            "Training photos": cell.training,
            "Median error": metres(cell.median_error_m) if cell.tested else None,
            "Test photos": cell.tested,
            "Not photographed facing": "any direction" if len(cell.facing) == SECTORS
            else ", ".join(cell.facing) or None,
        }
        for number, cell in enumerate(walk, start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def show(
    campus: Backdrop,
    gallery: Gallery | None,
    table: pd.DataFrame,
    palette: Palette,
    *,
    online: bool,
) -> None:
    """Draw the cells and the walk on the map, the table of stops, and the file for a phone.

    Args:
        campus: What lies behind.
        gallery: The training photos; None if the model has none.
        table: `predictions.csv`.
        palette: Colours of the reader's theme.
        online: Whether a background is fetched from another host.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = outcomes.pick_method()
        count = st.slider("Stops", 3, 40, _STOPS, key="next_stops", persist_state="session")
    cells = ranked(campus, gallery, table, method)
    walk = pick_stops(cells, int(count))
    st.pydeck_chart(
        next_deck(campus, cells, walk, palette, online=online), key="map_next",
        height=selection.MAP_HEIGHT_PX,
        alt="Cells of the campus by how much new photos would help, and a walk through them",
    )  # fmt: skip
    ends = [percent(bound) for bound in BOUNDS]
    words = [f"need up to {ends[0]}", *(f"up to {end}" for end in ends[1:]), f"over {ends[-1]}"]
    tones = dict(zip(words, ERROR_COLOURS[palette.mode], strict=True))
    messages.legend(tones | {"training photos": palette.faint})
    length_m = walk_length_m(np.array([cell.middle_m for cell in walk]).reshape(-1, 2))
    st.markdown(f"**{len(walk)} stops, {metres(length_m)} in straight lines.**")
    st.caption(
        f"Need of a cell of {CELL_M:.0f} m: the mean of its error, its lack of training photos and "
        "the share of directions that no training photo faces, each from 0 to 100 %. Cells with "
        "photos and, with a base layer, cells with a road or path count."
    )
    st.dataframe(stops_table(walk), hide_index=True, placeholder=selection.UNKNOWN)
    if not campus.ground().planar:
        st.download_button(
            "Download the walk (GPX)", lambda: walk_gpx(walk, campus.frame).encode(),
            "photograph-next.gpx", "application/gpx+xml", key="next_gpx",
        )  # fmt: skip
