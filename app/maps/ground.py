"""From local metres to what deck.gl draws: degrees on Earth, or a plane where there are none."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydeck as pdk
from numpy.typing import ArrayLike
from pydeck.bindings.json_tools import default_serialize

from app.theme import Palette
from core.geo import Floats, LocalFrame, distance_m, off_campus

# A millimetre: every further digit is sent for every photo.
DEGREE_DIGITS = 8
METRE_DIGITS = 3
# Web Mercator at zoom 0 with tiles of 512 pixels, metres per pixel at the equator.
METRES_PER_PIXEL = 78_271.517
MARGIN = 1.12
# In halves of the longer side: a position this far from the middle is not on the map, and a few
# steps beyond the outermost photos still are.
BEYOND = 1.5
# A phone is 358 pixels wide, half of a page 480.
WIDTH_PX, HEIGHT_PX = 400, 520
# Shown as text, never as HTML: file names come from label files.
TOOLTIP = {"text": "{t}"}


@dataclass(frozen=True)
class Ground:
    """The extent of a map and its coordinates.

    Attributes:
        frame: The local metres that all layers are given in.
        extent_m: `(north, east, north, east)` of the south-west and north-east corners to show.
    """

    frame: LocalFrame
    extent_m: tuple[float, float, float, float]

    @classmethod
    def around(cls, frame: LocalFrame, *positions_m: ArrayLike) -> "Ground":
        """A ground that shows all positions `(n, 2)` but the far ones and 1 % at each side."""
        points = np.concatenate([np.asarray(p, np.float64).reshape(-1, 2) for p in positions_m])
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            points = np.zeros((1, 2))
        # A few rows of another place would stretch the map of a campus to kilometres.
        points = points[~off_campus(points)]
        low, high = np.quantile(points, [0.01, 0.99], axis=0)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, 25.0) * 1.06
        (south, west), (north, east) = middle - half, middle + half
        return cls(frame, (float(south), float(west), float(north), float(east)))

    def beyond(self, position_m: ArrayLike) -> np.ndarray:
        """Flag `(n,)` positions `(n, 2)` that lie far outside what the map shows at first."""
        middle, half = self._middle_and_half()
        away = np.abs(np.asarray(position_m, np.float64).reshape(-1, 2) - middle).max(axis=1)
        return np.asarray(away > BEYOND * half.max())

    def at_border(self, position_m: ArrayLike) -> Floats:
        """Positions `(n, 2)`; those beyond the map are moved to its border, towards its middle."""
        points = np.asarray(position_m, np.float64).reshape(-1, 2).copy()
        beyond = self.beyond(points)
        middle, half = self._middle_and_half()
        off = points[beyond] - middle
        points[beyond] = middle + off / (np.abs(off) / half).max(axis=1, keepdims=True)
        return points

    def away_m(self, position_m: ArrayLike) -> Floats:
        """Distances `(n,)` of positions `(n, 2)` from the middle of the map."""
        return distance_m(np.asarray(position_m, np.float64).reshape(-1, 2), self.middle_m)

    @property
    def middle_m(self) -> Floats:
        """The middle of the map `(2,)`."""
        return self._middle_and_half()[0]

    @property
    def metres_per_pixel(self) -> float:
        """Scale of the view that the map starts with."""
        south, west, north, east = self.extent_m
        return max((east - west) / WIDTH_PX, (north - south) / HEIGHT_PX) * MARGIN

    def _middle_and_half(self) -> tuple[Floats, Floats]:
        low, high = np.array(self.extent_m[:2]), np.array(self.extent_m[2:])
        return (low + high) / 2.0, (high - low) / 2.0

    @property
    def planar(self) -> bool:
        """Whether there are no degrees, so that the map is a plane."""
        return not self.frame.frame.has_degrees

    def places(self, position_m: ArrayLike) -> list[list[float]]:
        """Map coordinates `[x, y]` (longitude, latitude; or metres east, north) of `(n, 2)`."""
        metres = np.asarray(position_m, np.float64).reshape(-1, 2)
        if self.planar:
            return [[x, y] for y, x in metres.round(METRE_DIGITS).tolist()]
        degrees = self.frame.to_degrees(metres, unwrapped=True).round(DEGREE_DIGITS)
        return [[x, y] for y, x in degrees.tolist()]

    def place(self, north_m: float, east_m: float) -> list[float]:
        """Map coordinates of one position."""
        return self.places([[north_m, east_m]])[0]

    def view(self) -> tuple[pdk.View, pdk.ViewState]:
        """A view and where it starts: the whole extent, north up."""
        south, west, north, east = self.extent_m
        x, y = self.place((south + north) / 2, (west + east) / 2)
        scale = self.metres_per_pixel
        if self.planar:
            # deck.gl's own default has y pointing down, which would put south above north.
            view = pdk.View("OrthographicView", controller=True, flip_y=False)
            zoom = float(np.log2(1.0 / scale))
            return view, pdk.ViewState(target=[x, y, 0], zoom=round(zoom, 2))
        zoom = float(np.log2(METRES_PER_PIXEL * np.cos(np.deg2rad(y)) / scale))
        view = pdk.View("MapView", controller=True)
        return view, pdk.ViewState(longitude=x, latitude=y, zoom=round(zoom, 2), pitch=0, bearing=0)


class CompactDeck(pdk.Deck):  # type: ignore[misc]  # pydeck has no types
    """A deck whose JSON has no spaces, which are two thirds of pydeck's own."""

    def to_json(self) -> str:
        """The deck as JSON."""
        return json.dumps(self, sort_keys=True, default=default_serialize, separators=(",", ":"))


def deck(
    ground: Ground, layers: Sequence[pdk.Layer], palette: Palette, *, online: bool = False
) -> pdk.Deck:
    """A deck of layers, the first at the bottom.

    Args:
        ground: What they lie on.
        layers: Layers with an id each.
        palette: Decides between a light and a dark background where one is asked for.
        online: Load tiles of a world map from basemaps.cartocdn.com. Never where positions are
            planar metres, which no world map fits.
    """
    view, start = ground.view()
    if online and not ground.planar:
        style = "dark" if palette.mode == "dark" else "light"
        return CompactDeck(
            list(layers), views=[view], initial_view_state=start, tooltip=TOOLTIP,
            map_provider="carto", map_style=style,
        )  # fmt: skip
    # No `map_style` argument at all: even None makes the browser ask another host for one.
    return CompactDeck(
        list(layers), views=[view], initial_view_state=start, tooltip=TOOLTIP, map_provider=None
    )
