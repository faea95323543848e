"""The photos of a data set on a map, coloured by region, one of them chosen."""

import pydeck as pdk

from app.maps import context, layers
from app.maps.decks import deck
from app.maps.ground import Ground
from app.theme import Palette
from core.dataset.labels import Dataset

LAYER = "data-photos"
ARROW_M = 22.0


def photo_deck(
    data: Dataset, rows: list[int], palette: Palette, *, chosen: int | None, online: bool
) -> pdk.Deck:
    """Dots for `rows` of the data set; the chosen one gets a ring and an arrow of its heading."""
    frame = data.local_frame()
    metres = frame.to_metres(data.positions)
    ground = Ground.around(frame, metres)
    table = data.table
    colours = context.region_colours(data.regions)
    places = context.places(metres, table["region"], data.campus.region_names, data.regions)
    shown = table.iloc[rows]
    drawn = [
        *context.grid(ground, palette),
        context.region_outlines(ground, places, palette),
        layers.coloured_points(
            ground, LAYER, metres[rows], [colours[region] for region in shown["region"]],
            texts=shown["filename"].tolist(), rows=rows, radius_px=3.5,
        ),
        context.region_labels(ground, places, palette),
    ]  # fmt: skip
    if chosen is not None:
        heading = table.at[chosen, "heading_deg"]
        place = metres[[chosen]]
        drawn += [
            layers.arrows(ground, "chosen-arrow", place, [heading], palette.text, length_m=ARROW_M),
            layers.points(ground, "chosen", place, palette.truth, radius_px=7, ring=palette.text),
        ]
    return deck(ground, drawn, palette, online=online)
