"""Layers of a map: each sends only the columns it draws, rounded.

Points carry `p` (place), `i` (row, for clicks) and `t` (what the pointer shows); lines `a`, `b`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pydeck as pdk
from numpy.typing import ArrayLike

from app.maps.ground import Ground
from app.theme import RGB, Palette, rgba
from app.wording import metres
from core.confidence.apply import Confidence
from core.confidence.density import Polygon
from core.confidence.schema import LEVELS
from core.geo import Floats, heading_unit

Rows = list[dict[str, Any]]
# Plain text would be read as a function of each row.
PIXELS = pdk.types.String("pixels")
WEDGE_M = 60.0
_FILLS = {0.5: 0.34, 0.9: 0.16}
_ARC_STEPS = 24
# Length of an arrow at the border, as a share of what the map shows.
FAR_MARK = 0.05
# Width of a letter and height of a line, as shares of the size of the text.
_LETTER, _LINE = 0.58, 1.2


def points(
    ground: Ground,
    layer: str,
    position_m: ArrayLike,
    colour: str,
    *,
    opacity: float = 0.9,
    radius_px: float = 4.0,
    texts: Sequence[str] | None = None,
    rows: Sequence[int] | None = None,
    ring: str | None = None,
) -> pdk.Layer:
    """Dots of one colour.

    Args:
        ground: What they lie on.
        layer: Identity of the layer, which a click reports.
        position_m: `(n, 2)` `[north_m, east_m]`.
        colour: `#RRGGBB`.
        opacity: In [0, 1].
        radius_px: Radius on the screen.
        texts: What the pointer shows; dots without texts cannot be pointed at or clicked.
        rows: What a click reports as `i`; 0, 1, 2 ... where absent.
        ring: Colour of an outline.
    """
    data: Rows = [{"p": place} for place in ground.places(position_m)]
    if texts is not None:
        numbers = range(len(data)) if rows is None else rows
        for entry, number, text in zip(data, numbers, texts, strict=True):
            entry |= {"i": int(number), "t": text}
    return pdk.Layer(
        "ScatterplotLayer", data, id=layer, get_position="p", get_radius=radius_px,
        radius_units=PIXELS, get_fill_color=list(rgba(colour, opacity)),
        pickable=texts is not None, auto_highlight=texts is not None,
        stroked=ring is not None, get_line_color=list(rgba(ring or colour, 1.0)),
        get_line_width=2, line_width_units=PIXELS,
    )  # fmt: skip


def coloured_points(
    ground: Ground,
    layer: str,
    position_m: ArrayLike,
    colours: Sequence[RGB],
    *,
    texts: Sequence[str],
    rows: Sequence[int],
    radius_px: float = 4.0,
    opacity: float = 0.85,
) -> pdk.Layer:
    """Dots with a colour each (see `points`)."""
    data = [
        {"p": place, "c": list(colour), "i": int(row), "t": text}
        for place, colour, row, text in zip(
            ground.places(position_m), colours, rows, texts, strict=True
        )
    ]
    return pdk.Layer(
        "ScatterplotLayer", data, id=layer, get_position="p", get_fill_color="c",
        get_radius=radius_px, radius_units=PIXELS, opacity=opacity, pickable=True,
        auto_highlight=True,
    )  # fmt: skip


def segments(
    ground: Ground,
    layer: str,
    start_m: ArrayLike,
    end_m: ArrayLike,
    colour: str,
    *,
    opacity: float = 0.6,
    width_px: float = 1.5,
) -> pdk.Layer:
    """Straight lines from each start `(n, 2)` to its end `(n, 2)`, such as errors."""
    pairs = zip(ground.places(start_m), ground.places(end_m), strict=True)
    return pdk.Layer(
        "LineLayer", [{"a": start, "b": end} for start, end in pairs], id=layer,
        get_source_position="a", get_target_position="b",
        get_color=list(rgba(colour, opacity)), get_width=width_px, width_units=PIXELS,
    )  # fmt: skip


def arrows(
    ground: Ground,
    layer: str,
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    colour: str,
    *,
    length_m: ArrayLike,
    opacity: float = 0.95,
) -> pdk.Layer:
    """Arrowheads `length_m` long that point where the camera faced: 0 draws up, 90 to the right.

    A photo without a heading (NaN) has no arrow.

    Args:
        ground: What they lie on.
        layer: Identity of the layer.
        position_m: `(n, 2)` `[north_m, east_m]`, the tail of each arrow.
        heading_deg: `(n,)` degrees clockwise from north.
        colour: `#RRGGBB`.
        length_m: From tail to tip on the ground, of all or `(n,)` of each.
        opacity: In [0, 1].
    """
    shapes = arrow_shapes(position_m, heading_deg, length_m)
    shapes = shapes[np.isfinite(shapes).all(axis=(1, 2))]
    return pdk.Layer(
        "PolygonLayer", [{"s": ground.places(shape)} for shape in shapes], id=layer,
        get_polygon="s", get_fill_color=list(rgba(colour, opacity)), filled=True, stroked=False,
    )  # fmt: skip


def needles(
    ground: Ground,
    layer: str,
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    colour: str,
    *,
    length_m: float,
    opacity: float = 0.9,
) -> pdk.Layer:
    """Thin triangles whose tips show headings: `arrows` for many photos, in half the bytes."""
    tail = np.asarray(position_m, np.float64).reshape(-1, 1, 2)
    ahead = heading_unit(np.asarray(heading_deg, np.float64))[:, None]
    right = np.stack([-ahead[..., 1], ahead[..., 0]], axis=-1)
    shapes = tail + length_m * (
        ahead * [[[0.0], [1.0], [0.0]]] + right * [[[0.13], [0.0], [-0.13]]]
    )
    shapes = shapes[np.isfinite(shapes).all(axis=(1, 2))]
    return pdk.Layer(
        "PolygonLayer", [{"s": ground.places(shape)} for shape in shapes], id=layer,
        get_polygon="s", get_fill_color=list(rgba(colour, opacity)), filled=True, stroked=False,
    )  # fmt: skip


def far_marks(
    ground: Ground,
    layer: str,
    position_m: ArrayLike,
    colour: str,
    *,
    texts: Sequence[str],
    rows: Sequence[int],
) -> list[pdk.Layer]:
    """Arrows at the border of the map that point to the positions `(n, 2)` beyond it.

    No layer if there are none. A click on an arrow reports the row as `i`.
    """
    points = np.asarray(position_m, np.float64).reshape(-1, 2)
    far = np.flatnonzero(ground.beyond(points))
    if not len(far):
        return []
    south, _, north, _ = ground.extent_m
    length_m = FAR_MARK * (north - south)
    off = points[far] - ground.middle_m
    heading_deg = np.rad2deg(np.arctan2(off[:, 1], off[:, 0]))
    tip = ground.at_border(points[far])
    tail = tip - length_m * off / np.hypot(*off.T)[:, None]
    data = [
        {"s": ground.places(shape), "i": int(rows[row]), "t": f"{texts[row]}: {words} away"}
        for row, shape, words in zip(
            far.tolist(), arrow_shapes(tail, heading_deg, length_m),
            map(metres, ground.away_m(points[far])), strict=True,
        )
    ]  # fmt: skip
    return [
        pdk.Layer(
            "PolygonLayer", data, id=layer, get_polygon="s", filled=True, stroked=False,
            get_fill_color=list(rgba(colour, 1.0)), pickable=True, auto_highlight=True,
        )
    ]  # fmt: skip


def arrow_shapes(position_m: ArrayLike, heading_deg: ArrayLike, length_m: ArrayLike) -> np.ndarray:
    """Corners `(n, 7, 2)` in metres of arrows with shaft and head."""
    length = np.asarray(length_m, np.float64).reshape(-1, 1)
    tail = np.asarray(position_m, np.float64).reshape(-1, 1, 2)
    turn = np.deg2rad(np.asarray(heading_deg, np.float64)).reshape(-1, 1)
    # Along the heading, and to the right of it, as shares of the length.
    along = np.array([0.0, 0.62, 0.62, 1.0, 0.62, 0.62, 0.0]) * length
    right = np.array([0.05, 0.05, 0.2, 0.0, -0.2, -0.05, -0.05]) * length
    north = along * np.cos(turn) - right * np.sin(turn)
    east = along * np.sin(turn) + right * np.cos(turn)
    return tail + np.stack([north, east], axis=-1)


def labels(
    ground: Ground,
    layer: str,
    position_m: ArrayLike,
    texts: Sequence[str],
    palette: Palette,
    *,
    size_px: int = 12,
) -> pdk.Layer:
    """Texts that do not overlap, with a halo that keeps them readable over dots."""
    positions = np.asarray(position_m, np.float64).reshape(-1, 2)
    offsets = label_offsets(positions / ground.metres_per_pixel * [-1.0, 1.0], texts, size_px)
    data = [
        {"p": place, "w": text, "o": offset}
        for place, text, offset in zip(
            ground.places(positions), texts, offsets.tolist(), strict=True
        )
    ]  # fmt: skip
    return pdk.Layer(
        "TextLayer", data, id=layer, get_position="p", get_text="w", get_size=size_px,
        get_pixel_offset="o",
        get_color=list(rgba(palette.text, 0.9)), font_weight=600,
        font_family=pdk.types.String("sans-serif"),
        font_settings={"sdf": True}, outline_width=3,
        outline_color=list(rgba(palette.background, 0.9)),
        # Names in any script: deck.gl's default knows only ASCII. A list would be read as code.
        character_set=tuple(sorted(set("".join(texts)))),
    )  # fmt: skip


def numbers(ground: Ground, layer: str, position_m: ArrayLike, colour: str) -> pdk.Layer:
    """The numbers 1, 2, 3 ... in the middle of dots, in their order."""
    data = [
        {"p": place, "w": str(number)}
        for number, place in enumerate(ground.places(position_m), start=1)
    ]
    return pdk.Layer(
        "TextLayer", data, id=layer, get_position="p", get_text="w", get_size=12,
        get_color=list(rgba(colour, 1.0)), font_weight=700,
        font_family=pdk.types.String("sans-serif"), character_set=tuple("0123456789"),
    )  # fmt: skip


def label_offsets(middle_px: Floats, texts: Sequence[str], size_px: float) -> np.ndarray:
    """Where to draw texts so that none lies on another in the view that the map starts with.

    One after the other, each takes the first free place of its own, above, below, farther above,
    farther below, to the right and to the left, or the one that overlaps least.

    Args:
        middle_px: `(n, 2)` `[down, right]` where the texts would stand.
        texts: What is written, lines separated by newlines.
        size_px: Height of the letters.

    Returns:
        `(n, 2)` whole pixels `[right, down]`, as deck.gl takes them.
    """
    taken: list[np.ndarray] = []
    offsets = np.zeros((len(texts), 2), np.int64)
    for number, text in enumerate(texts):
        lines = text.split("\n")
        half = size_px * np.array([_LINE * len(lines), _LETTER * max(map(len, lines))]) / 2.0
        steps = [(0.0, 0.0), (-2.0, 0.0), (2.0, 0.0), (-4.0, 0.0), (4.0, 0.0), (0.0, 1.1),
                 (0.0, -1.1), (-6.0, 0.0), (6.0, 0.0)]  # fmt: skip
        tried = [np.ceil(np.abs(step * half)) * np.sign(step) for step in np.array(steps)]
        boxes = [
            np.stack([middle_px[number] + move - half, middle_px[number] + move + half])
            for move in tried
        ]
        cost = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = int(np.argmin(cost))
        taken.append(boxes[best])
        offsets[number] = tried[best][::-1]
    return offsets


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Area that two boxes `[[top, left], [bottom, right]]` share."""
    sides = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    return float(np.prod(np.maximum(sides, 0.0)))


def region_layers(ground: Ground, trust: Confidence, row: int, palette: Palette) -> list[pdk.Layer]:
    """The regions that hold the truth about one photo 90 % and 50 % of the time, as polygons.

    The wider one lies below. Where a region is unknown there is no layer.
    """
    drawn = []
    for level in sorted(LEVELS, reverse=True):
        islands = trust.region_m(row, level)
        if not islands:
            continue
        drawn.append(_areas(ground, f"region-{level * 100:.0f}", islands, _FILLS[level], palette))
    return drawn


def _areas(
    ground: Ground, layer: str, islands: tuple[Polygon, ...], opacity: float, palette: Palette
) -> pdk.Layer:
    data = [{"s": [ground.places(ring) for ring in island]} for island in islands]
    return pdk.Layer(
        "PolygonLayer", data, id=layer, get_polygon="s", filled=True, stroked=True,
        get_fill_color=list(rgba(palette.refined, opacity)),
        get_line_color=list(rgba(palette.refined, 0.8)), get_line_width=1.5,
        line_width_units=PIXELS,
    )  # fmt: skip


def wedge_layer(
    ground: Ground, pin_m: Floats, heading_deg: float, half_deg: float, palette: Palette
) -> pdk.Layer:
    """The directions that hold the true heading 90 % of the time, from the pin outwards."""
    corners = wedge_corners(pin_m, heading_deg, half_deg)
    return pdk.Layer(
        "PolygonLayer", [{"s": ground.places(corners)}], id="wedge", get_polygon="s",
        get_fill_color=list(rgba(palette.refined, 0.2)), filled=True, stroked=False,
    )  # fmt: skip


def wedge_corners(pin_m: Floats, heading_deg: float, half_deg: float) -> Floats:
    """Corners `(k, 2)` `[north_m, east_m]` of a sector of a circle about the pin."""
    turn = np.deg2rad(heading_deg + np.linspace(-half_deg, half_deg, _ARC_STEPS + 1))
    arc = pin_m + WEDGE_M * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return arc if half_deg >= 180.0 else np.concatenate([pin_m[None], arc])


def radius_layer(
    ground: Ground, position_m: Floats, radius_m: Floats, palette: Palette
) -> pdk.Layer:
    """A faint disc about each of n pins, as wide as its radius on the ground."""
    known = np.isfinite(radius_m)
    data = [
        {"p": place, "r": round(float(radius), 1)}
        for place, radius in zip(
            ground.places(position_m[known]), radius_m[known], strict=True
        )
    ]  # fmt: skip
    return pdk.Layer(
        "ScatterplotLayer", data, id="radii", get_position="p", get_radius="r",
        radius_units=pdk.types.String("common" if ground.planar else "meters"),
        get_fill_color=list(rgba(palette.refined, 0.05)), stroked=True,
        get_line_color=list(rgba(palette.refined, 0.35)), get_line_width=1,
        line_width_units=PIXELS,
    )  # fmt: skip
