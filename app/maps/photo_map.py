"""The photos of a data set on a map, coloured by region, one of them chosen."""

import pydeck as pdk

from app.maps import layers
from app.maps.backdrop import Backdrop, region_colours
from app.maps.ground import deck
from app.theme import Palette
from core.dataset.labels import Dataset

LAYER = "data-photos"
ARROW_M = 22.0


def campus_deck(data: Dataset, palette: Palette, *, online: bool) -> pdk.Deck:
    """Regions by outline and name, photos as faint dots."""
    campus = _campus(data)
    drawn = [*campus.below(palette), campus.names_layer(palette)]
    return deck(campus.ground(), drawn, palette, online=online)


def photo_deck(
    data: Dataset, rows: list[int], palette: Palette, *, chosen: int | None, online: bool
) -> pdk.Deck:
    """Dots for `rows` of the data set; the chosen one gets a ring and an arrow of its heading."""
    campus, table = _campus(data), data.table
    metres, ground, colours = campus.position_m, campus.ground(), region_colours(data.regions)
    shown = table.iloc[rows]
    drawn = [
        *campus.below(palette, faint=False),
        layers.coloured_points(
            ground, LAYER, metres[rows], [colours[region] for region in shown["region"]],
            texts=shown["filename"].tolist(), rows=rows, radius_px=3.5,
        ),
        campus.names_layer(palette),
    ]  # fmt: skip
    if chosen is not None:
        heading = table.at[chosen, "heading_deg"]
        place = metres[[chosen]]
        drawn += [
            layers.arrows(ground, "chosen-arrow", place, [heading], palette.text, length_m=ARROW_M),
            layers.points(ground, "chosen", place, palette.truth, radius_px=7, ring=palette.text),
        ]
    return deck(ground, drawn, palette, online=online)


def _campus(data: Dataset) -> Backdrop:
    frame = data.local_frame()
    return Backdrop(
        frame,
        frame.to_metres(data.positions),
        data.table["region"].tolist(),
        data.regions,
        data.campus.region_names,
    )
