"""The campus behind every map: metre grid, scale bar, region outlines and names, faint photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pydeck as pdk
from numpy.typing import ArrayLike

from app.maps import layers
from app.maps.base_map import base_layers
from app.maps.ground import Ground
from app.maps.layers import PIXELS
from app.theme import RGB, SERIES, Mode, Palette, rgb
from core.areas import Area
from core.dataset.base_layer import BaseLayer
from core.geo import Floats, LocalFrame

KEPT_SHARE = 0.97
STEPS_M = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
LINES = 9
MOST_FAINT = 4000
FILLED: dict[Mode, float] = {"light": 0.6, "dark": 0.45}
"""Opacity of regions that are coloured by a figure: names on them are read."""


def outline(position_m: ArrayLike) -> Floats:
    """Convex hull `(k, 2)` of positions `(n, 2)`, without the few farthest from their median.

    A single photo with a wrong label would otherwise stretch its region over the campus.
    """
    points = np.asarray(position_m, np.float64)
    away = np.hypot(*(points - np.median(points, axis=0)).T)
    return convex_hull(points[away <= np.quantile(away, KEPT_SHARE)])


def convex_hull(points: ArrayLike) -> Floats:
    """Corners `(k, 2)` of the convex hull, in order (Andrew's monotone chain, 1979).

    Fewer than three corners where the points are one, or lie on a line.
    """
    ordered = np.unique(np.asarray(points, np.float64), axis=0)
    if len(ordered) < 3:
        return ordered
    lower, upper = _chain(ordered), _chain(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(ordered: Floats) -> list[Floats]:
    chain: list[Floats] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(first: Floats, second: Floats, third: Floats) -> float:
    """Twice the signed area of a triangle: positive where the path turns left."""
    one, two = second - first, third - first
    return float(one[0] * two[1] - one[1] * two[0])


@dataclass(frozen=True)
class MapRegion:
    """A region as the map knows it.

    Attributes:
        region: Its id.
        name: What is written on the map.
        position_m: `(n, 2)` positions of its photos, at least one.
        polygons_m: Rings of each polygon of its area, if the data set has areas.
    """

    region: str
    name: str
    position_m: Floats
    polygons_m: Sequence[Sequence[Floats]] = ()

    def outlines_m(self, ground: Ground) -> Sequence[Sequence[Floats]]:
        """Rings of each polygon to draw: those of its area, else the hull of its near photos."""
        if self.polygons_m:
            return self.polygons_m
        near = self.position_m[~ground.beyond(self.position_m)]
        hull = outline(near) if len(near) else near
        return [[hull]] if len(hull) > 2 else []

    @property
    def middle_m(self) -> Floats:
        """Median position `(2,)`."""
        return np.asarray(np.median(self.position_m, axis=0))


def places(
    position_m: ArrayLike, region: Sequence[str], names: Mapping[str, str], order: Sequence[str]
) -> list[MapRegion]:
    """Group positions `(n, 2)` by region, in the given order; regions without photos are left out.

    Args:
        position_m: `(n, 2)` `[north_m, east_m]`.
        region: Region id of each photo.
        names: Display names; an id without one shows as it is.
        order: All region ids.
    """
    points, which = np.asarray(position_m, np.float64), np.asarray(region, dtype=object)
    groups = [(one, points[which == one]) for one in order]
    return [MapRegion(one, names.get(one, one), own) for one, own in groups if len(own)]


def grid(ground: Ground, palette: Palette) -> list[pdk.Layer]:
    """Faint lines every so many metres, and a bar in the south-west corner that says how many."""
    south, west, north, east = ground.extent_m
    step = grid_step_m(max(north - south, east - west))
    reach = 3 * max(north - south, east - west)
    ticks = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    middle = np.round(np.array([south + north, west + east]) / 2 / step) * step
    # Lines that run east at every tick to the north, then lines that run north.
    offset = np.concatenate([np.stack([ticks, 0 * ticks], 1), np.stack([0 * ticks, ticks], 1)])
    along = np.repeat([[0.0, reach], [reach, 0.0]], len(ticks), axis=0)
    start, end = middle + offset - along, middle + offset + along
    return [
        layers.segments(ground, "grid", start, end, palette.faint, opacity=0.16, width_px=1),
        *scale_bar(ground, palette),
    ]


def scale_bar(ground: Ground, palette: Palette) -> list[pdk.Layer]:
    """A bar of round length below the south-west corner, and its length in words."""
    south, west, north, east = ground.extent_m
    step = grid_step_m(max(north - south, east - west))
    # A little below the extent, where the view's margin keeps it clear of the regions.
    low, text = south - 0.03 * (north - south), south - 0.01 * (north - south)
    bar = np.array([[low, west], [low, west + step]])
    return [
        layers.segments(ground, "scale", bar[:1], bar[1:], palette.text, opacity=0.9, width_px=3),
        layers.labels(ground, "scale-text", [[text, west + step / 2]], [f"{step:,} m"], palette),
    ]  # fmt: skip


def grid_step_m(extent_m: float) -> int:
    """The smallest round step with at most `LINES` lines over an extent."""
    return next((step for step in STEPS_M if extent_m / step <= LINES), STEPS_M[-1])


def region_outlines(
    ground: Ground,
    regions: Sequence[MapRegion],
    palette: Palette,
    *,
    fills: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    opacity: float = 1.0,
) -> pdk.Layer:
    """Filled areas or hulls of regions, a faint colour each, or in given colours.

    Args:
        ground: What they lie on.
        regions: The regions.
        palette: Colours of the reader's theme.
        fills: Region id -> `#RRGGBB`; regions without one are grey.
        texts: Region id -> what the pointer shows. If given, a click reports the id as `r`.
        opacity: Of all of them, in [0, 1].
    """
    data = []
    for index, place in enumerate(regions):
        colour, filled = _fill(index, place.region, fills, palette)
        point = {} if texts is None else {"r": place.region, "t": texts.get(place.region, "")}
        # A polygon is a list of rings, of which all but the first are holes.
        data += [
            {"s": [ground.places(ring) for ring in rings], "c": [*colour, round(255 * filled)],
             "l": [*colour, 170], **point}
            for rings in place.outlines_m(ground)
        ]  # fmt: skip
    shapes = pdk.Layer(
        "PolygonLayer", data, id="regions", get_polygon="s", get_fill_color="c", filled=True,
        stroked=True, get_line_color="l", get_line_width=1.5, line_width_units=PIXELS,
        opacity=opacity, pickable=texts is not None, auto_highlight=texts is not None,
    )  # fmt: skip
    return shapes


def region_labels(
    ground: Ground,
    regions: Sequence[MapRegion],
    palette: Palette,
    values: Mapping[str, str] | None = None,
) -> pdk.Layer:
    """Names of the regions at their middles, above the values (region id -> words) if any."""
    words = [
        "\n".join([place.name, *([values[place.region]] if place.region in values else [])])
        if values
        else place.name
        for place in regions
    ]
    middles = np.array([place.middle_m for place in regions]).reshape(-1, 2)
    return layers.labels(ground, "region-names", middles, words, palette)


def faint_photos(
    ground: Ground, position_m: ArrayLike, palette: Palette, *, opacity: float = 0.4
) -> pdk.Layer:
    """Training photos as small grey dots behind everything else; of very many, every k-th.

    They only show where people walked: more dots than pixels would cost megabytes and say no more.
    """
    places = np.asarray(position_m, np.float64)
    step = -(-len(places) // MOST_FAINT)
    return layers.points(
        ground, "photos", places[:: max(step, 1)], palette.faint, opacity=opacity, radius_px=1.3
    )


def region_ids(index: ArrayLike, order: Sequence[str]) -> list[str]:
    """Region ids of indices `(n,)` into `order`; `""` for -1, a photo without a region."""
    return [order[one] if one >= 0 else "" for one in np.asarray(index, np.int64)]


def region_colours(order: Sequence[str]) -> dict[str, RGB]:
    """A colour for every region id, from the fixed series, by its place in the order."""
    return {region: region_colour(index) for index, region in enumerate(order)}


def region_colour(index: int) -> RGB:
    """A colour that stands out from both grounds; yellow fades on paper, grey means unimportant."""
    return rgb(SERIES[:6][index % 6])


def _fill(
    index: int, region: str, fills: Mapping[str, str] | None, palette: Palette
) -> tuple[RGB, float]:
    if fills is None:
        return region_colour(index), 0.10
    if region not in fills:
        return rgb(palette.faint), 0.15
    return rgb(fills[region]), FILLED[palette.mode]


@dataclass(frozen=True)
class Backdrop:
    """Photos with known places, which give the ground and the regions of a map.

    Attributes:
        frame: The metres of all positions.
        position_m: `(n, 2)` `[north_m, east_m]`.
        region: Region id of each photo.
        order: All region ids in their stable order.
        names: Display name by region id, where there is one.
        areas: Polygons of regions, which are drawn in place of hulls.
        base: Buildings, ways, lawns and water, and a picture, which are drawn below all else.
    """

    frame: LocalFrame
    position_m: Floats
    region: Sequence[str]
    order: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)
    areas: Sequence[Area] = ()
    base: BaseLayer | None = None

    def ground(self) -> Ground:
        """The ground whose extent holds the photos."""
        return Ground.around(self.frame, self.position_m)

    def below(
        self,
        palette: Palette,
        *,
        faint: bool = True,
        shown: Ground | None = None,
    ) -> list[pdk.Layer]:
        """The bottom layers: base layer, else grid; scale bar, region outlines and faint photos.

        Args:
            palette: Colours of the reader's theme.
            faint: Draw the photos as faint dots.
            shown: The part of the campus that the map starts with, for the scale bar; the whole
                campus by default.
        """
        ground = self.ground()
        outlines = self.outlines(palette)
        dots = [faint_photos(ground, self.position_m, palette)] if faint else []
        return [*self.bottom(palette, shown=shown), outlines, *dots]

    def bottom(
        self,
        palette: Palette,
        *,
        opacity: float = 1.0,
        picture: float = 1.0,
        shown: Ground | None = None,
    ) -> list[pdk.Layer]:
        """The base layer, or a grid where there is none or it is not wanted, and the scale bar.

        Args:
            palette: Colours of the reader's theme.
            opacity: Of the features of the base layer, in [0, 1].
            picture: Of its picture, in [0, 1].
            shown: The part that the map shows at first, which the grid and the bar fit; all of it
                if absent.
        """
        ground = self.ground()
        base = base_layers(ground, self.base, palette, opacity=opacity, picture=picture)
        # A grid says how far things lie apart where nothing else does.
        view = shown or ground
        return [*base, *scale_bar(view, palette)] if base else grid(view, palette)

    def outlines(
        self,
        palette: Palette,
        *,
        fills: Mapping[str, str] | None = None,
        texts: Mapping[str, str] | None = None,
        opacity: float = 1.0,
    ) -> pdk.Layer:
        """Outlines of the regions (see `region_outlines`)."""
        return region_outlines(
            self.ground(), self._places(), palette, fills=fills, texts=texts, opacity=opacity
        )

    def names_layer(self, palette: Palette, words: Mapping[str, str] | None = None) -> pdk.Layer:
        """Names of the regions, above `words` by region id if any."""
        return region_labels(self.ground(), self._places(), palette, words)

    def _places(self) -> list[MapRegion]:
        polygons = {area.region: area.polygons_m(self.frame) for area in self.areas}
        found = places(self.position_m, self.region, self.names, self.order)
        return [replace(place, polygons_m=polygons.get(place.region, ())) for place in found]
