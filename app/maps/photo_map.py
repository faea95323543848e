"""The photos of a data set on a map, coloured by region, one of them chosen."""

from collections.abc import Sequence

import numpy as np
import pydeck as pdk

from app.maps import layers
from app.maps.backdrop import Backdrop, region_colours
from app.maps.ground import deck
from app.theme import Palette, rgb
from core.dataset.base_layer import BaseLayer
from core.dataset.labels import Dataset

LAYER, FAR = "data-photos", "far"
ARROW_M = 22.0
# Dots that a map draws: more hide one another, and every change of the page sends them again.
MOST_DOTS = 4000


def campus_deck(
    data: Dataset, palette: Palette, *, online: bool, base: BaseLayer | None = None
) -> pdk.Deck:
    """Regions by outline and name, photos as faint dots, arrows to photos beyond the border."""
    campus = _campus(data, base)
    ground = campus.ground()
    drawn = [
        *campus.below(palette),
        *layers.far_marks(
            ground, FAR, campus.position_m, palette.text,
            texts=data.table["filename"].tolist(), rows=range(len(data)),
        ),
        campus.names_layer(palette),
    ]  # fmt: skip
    return deck(ground, drawn, palette, online=online)


def photo_deck(
    data: Dataset,
    rows: list[int],
    palette: Palette,
    *,
    chosen: int | None,
    online: bool,
    base: BaseLayer | None = None,
) -> pdk.Deck:
    """Dots for `rows` of the data set; the chosen one gets a ring and an arrow of its heading.

    Photos beyond the border of the map are arrows there. Photos without a position have no dot,
    those without a heading no arrow, and those without a region a dot in grey.
    """
    campus, table, placed = _campus(data, base), data.table, data.labelled("position")
    ground = campus.ground()
    metres = campus.frame.to_metres(data.positions)
    colours = region_colours(data.regions) | {"": rgb(palette.faint)}
    rows = [row for row in rows if placed[row]]
    shown, dots = table.iloc[rows], drawn_rows(rows)
    seen = table.iloc[dots]
    drawn = [
        *campus.below(palette, faint=False),
        layers.coloured_points(
            ground, LAYER, metres[dots], [colours[region] for region in seen["region"]],
            texts=seen["filename"].tolist(), rows=dots, radius_px=3.5,
        ),
        *layers.far_marks(
            ground, FAR, metres[rows], palette.text, texts=shown["filename"].tolist(), rows=rows
        ),
        campus.names_layer(palette),
    ]  # fmt: skip
    if chosen is not None and placed[chosen]:
        heading = float(table.at[chosen, "heading_deg"])
        place = ground.at_border(metres[[chosen]])
        drawn.append(layers.arrows(ground, "chosen-arrow", place, [heading], palette.text,
                                   length_m=ARROW_M))  # fmt: skip
        drawn.append(layers.points(ground, "chosen", place, palette.truth, radius_px=7,
                                   ring=palette.text))  # fmt: skip
    return deck(ground, drawn, palette, online=online)


def drawn_rows(rows: Sequence[int]) -> list[int]:
    """Those of rows that get a dot: all, or evenly chosen ones of very many."""
    if len(rows) <= MOST_DOTS:
        return list(rows)
    chosen = np.linspace(0, len(rows) - 1, MOST_DOTS).round().astype(np.int64)
    return [rows[place] for place in chosen]


def dots_left_out(data: Dataset, rows: Sequence[int]) -> str:
    """A sentence on how many of the photos with a position get no dot; empty if all get one."""
    count = int(data.labelled("position")[list(rows)].sum())
    if count <= MOST_DOTS:
        return ""
    return f"Dots: {MOST_DOTS:,} of {count:,} photos. Filter the photos to see the others."


def far_photos(data: Dataset) -> dict[str, float]:
    """Photos beyond the border of the map: metres from its middle by photo, the farthest first."""
    campus = _campus(data)
    ground = campus.ground()
    far = np.flatnonzero(ground.beyond(campus.position_m))
    away_m = ground.away_m(campus.position_m[far])
    names = data.table["photo_id"].to_numpy()[data.labelled("position")][far]
    return {str(names[row]): float(away_m[row]) for row in np.argsort(-away_m)}


def _campus(data: Dataset, base: BaseLayer | None = None) -> Backdrop:
    frame, placed = data.local_frame(), data.labelled("position")
    return Backdrop(
        frame,
        frame.to_metres(data.positions[placed]),
        data.table["region"][placed].tolist(),
        data.regions,
        data.campus.region_names,
        data.areas,
        base,
    )
