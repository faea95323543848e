"""The base layer below a map: ground, ways and buildings in colours that leave the points in front.

All tones lie near the page's background, so that points, lines and names keep their contrast.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydeck as pdk

from app.maps.ground import Ground
from app.maps.layers import PIXELS
from app.theme import Mode, Palette, rgba
from core.dataset.base_layer import BaseLayer, Clipped, Kind, Shape
from core.dataset.base_picture import BasePicture

TONES: dict[Mode, dict[Kind, str]] = {
    "light": {
        "campus": "#F4F2EC", "lawn": "#EAF2DF", "wood": "#D5E6C7", "pitch": "#D3E8D2",
        "water": "#B8DAEE", "paving": "#E4DFD5", "path": "#D9CFBC", "road": "#C9C6C0",
        "wall": "#B9B2A6", "building": "#CFC7BB", "tree": "#A9CC96",
    },
    "dark": {
        "campus": "#14181F", "lawn": "#15201A", "wood": "#182A1E", "pitch": "#1B3226",
        "water": "#17374B", "paving": "#242932", "path": "#373A3E", "road": "#434852",
        "wall": "#4A4D52", "building": "#39404C", "tree": "#25442F",
    },
}  # fmt: skip
EDGE: dict[Mode, str] = {"light": "#A89F92", "dark": "#5A6372"}
"""Outlines of buildings."""
GROUND_KINDS = ("campus", "lawn", "wood", "pitch")
"""What covers the ground of a map, other things upon it."""
_TREE_M = 2.4
# Beyond the extent, in its longer sides: a reader who zooms out still sees the surroundings.
_AROUND = 0.35


def base_layers(
    ground: Ground,
    base: BaseLayer | None,
    palette: Palette,
    *,
    opacity: float = 1.0,
    picture: float = 1.0,
) -> list[pdk.Layer]:
    """The layers of a base layer, the picture first; features only where a map has degrees.

    Args:
        ground: What the map shows.
        base: Features in degrees, and a picture.
        palette: Colours of the reader's theme.
        opacity: Of the features, in [0, 1].
        picture: Opacity of the picture, in [0, 1].
    """
    below = picture_layers(ground, None if base is None else base.picture, opacity=picture)
    clipped = clipped_to(ground, base) if opacity > 0 else None
    if clipped is None or not clipped.shapes:
        return below
    tones = TONES[palette.mode]
    areas = [shape for shape in clipped.shapes if shape.dimension == 2]
    if below:
        # The picture shows the ground itself, which these would hide.
        areas = [shape for shape in areas if shape.kind not in GROUND_KINDS]
    buildings = [shape for shape in areas if shape.kind == "building"]
    lines = [shape for shape in clipped.shapes if shape.dimension == 1]
    spots = [part for shape in clipped.shapes if shape.dimension == 0 for part in shape.parts]
    return [
        *below,
        _areas(ground, "base-ground", [a for a in areas if a.kind != "building"], tones, opacity),
        _lines(ground, lines, tones, opacity),
        _trees(ground, spots, tones["tree"], opacity),
        _areas(ground, "base-buildings", buildings, tones, opacity, edge=EDGE[palette.mode]),
    ]


def picture_layers(
    ground: Ground, picture: BasePicture | None, *, opacity: float = 1.0
) -> list[pdk.Layer]:
    """The layer of a picture; none without one, or where the map has other coordinates."""
    corners_m = None if picture is None or opacity <= 0 else picture.corners_m(ground.frame)
    if picture is None or corners_m is None:
        return []
    top_left, top_right, bottom_right, bottom_left = ground.places(corners_m)
    # In the address itself: a browser without a network draws it, and no other host is asked.
    url = "data:image/webp;base64," + base64.b64encode(picture.content).decode("ascii")
    return [
        pdk.Layer(
            "BitmapLayer", None, id="base-picture", image=pdk.types.String(url),
            bounds=[bottom_left, top_left, top_right, bottom_right], opacity=opacity,
        )
    ]  # fmt: skip


def clipped_to(ground: Ground, base: BaseLayer | None) -> Clipped | None:
    """What of a base layer a map draws; None without one, or where the map has no degrees."""
    if base is None or ground.planar:
        return None
    south, west, north, east = ground.extent_m
    more = _AROUND * max(north - south, east - west)
    # Whole metres, so that maps of nearly one extent share what is kept.
    low_n, low_e, high_n, high_e = np.round([south - more, west - more, north + more, east + more])
    return base.within(
        ground.frame, (float(low_n), float(low_e), float(high_n), float(high_e))
    )  # fmt: skip


def _areas(
    ground: Ground,
    layer: str,
    shapes: Sequence[Shape],
    tones: dict[Kind, str],
    opacity: float,
    *,
    edge: str | None = None,
) -> pdk.Layer:
    data = [
        {"s": [ground.places(ring) for ring in shape.parts], "c": list(rgba(tones[shape.kind], 1))}
        for shape in shapes
    ]
    return pdk.Layer(
        "PolygonLayer", data, id=layer, get_polygon="s", get_fill_color="c", filled=True,
        stroked=edge is not None, get_line_color=list(rgba(edge or "#000000", 1.0)),
        get_line_width=1, line_width_units=PIXELS, opacity=opacity,
    )  # fmt: skip


def _lines(
    ground: Ground, shapes: Sequence[Shape], tones: dict[Kind, str], opacity: float
) -> pdk.Layer:
    data = [
        {"s": ground.places(shape.parts[0]), "c": list(rgba(tones[shape.kind], 1)),
         "w": round(shape.width_m, 1)}
        for shape in shapes
    ]  # fmt: skip
    return pdk.Layer(
        "PathLayer", data, id="base-ways", get_path="s", get_color="c", get_width="w",
        width_units=_metres(ground), width_min_pixels=1, cap_rounded=True, joint_rounded=True,
        opacity=opacity,
    )  # fmt: skip


def _trees(ground: Ground, spots: Sequence[Any], tone: str, opacity: float) -> pdk.Layer:
    places = np.concatenate(spots) if spots else np.zeros((0, 2))
    return pdk.Layer(
        "ScatterplotLayer", [{"p": place} for place in ground.places(places)], id="base-trees",
        get_position="p", get_radius=_TREE_M, radius_units=_metres(ground),
        get_fill_color=list(rgba(tone, 0.75)), opacity=opacity,
    )  # fmt: skip


def _metres(ground: Ground) -> pdk.types.String:
    return pdk.types.String("common" if ground.planar else "meters")
