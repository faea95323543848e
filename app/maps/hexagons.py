"""Hexagons that gather photos: how many there are, and the median of a value, place by place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydeck as pdk
from numpy.typing import ArrayLike

from app.maps.ground import Ground
from core.geo import Floats

# Hexagons along the longer side of a map.
_ALONG = 26
_LEAST_M = 6.0


@dataclass(frozen=True)
class Hexagons:
    """Hexagons with at least one position.

    Attributes:
        middle_m: `(k, 2)` `[north_m, east_m]`.
        members: Rows of the positions in each.
        side_m: Length of a side, which is also the distance from the middle to a corner.
    """

    middle_m: Floats
    members: tuple[np.ndarray, ...]
    side_m: float

    @property
    def counts(self) -> np.ndarray:
        """How many positions each holds `(k,)`."""
        return np.array([len(rows) for rows in self.members], np.int64)

    def medians(self, values: ArrayLike) -> Floats:
        """Median `(k,)` of values `(n,)` of the positions; NaN where none is known."""
        known = np.asarray(values, np.float64)
        found = [known[rows][np.isfinite(known[rows])] for rows in self.members]
        return np.array([np.median(own) if len(own) else np.nan for own in found])

    def corners_m(self) -> np.ndarray:
        """Corners `(k, 6, 2)`, one of them north."""
        turn = np.arange(6) * np.pi / 3
        corners = self.side_m * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return np.asarray(self.middle_m[:, None] + corners)


def gathered(position_m: ArrayLike, side_m: float) -> Hexagons:
    """Gather positions `(n, 2)` in a grid of hexagons with a corner to the north.

    A position belongs to the nearest middle (Carr et al. 1992, two rectangular lattices).
    """
    points = np.asarray(position_m, np.float64).reshape(-1, 2)
    # Two rectangular lattices make a hexagonal one; the nearer of the two candidates counts.
    step = np.array([3.0, np.sqrt(3.0)]) * side_m
    candidates = [
        np.round(points / step) * step,
        (np.floor(points / step) + 0.5) * step,
    ]
    away = [np.square(points - middle).sum(axis=1) for middle in candidates]
    nearest = np.where((away[0] <= away[1])[:, None], *candidates)
    middles, which = np.unique(nearest.round(3), axis=0, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(which.reshape(-1), minlength=len(middles)))
    members = np.split(order, ends[:-1]) if len(middles) else []
    return Hexagons(middles, tuple(members), side_m)


def side_m(ground: Ground) -> float:
    """Length of a side that gives a map few enough hexagons to read."""
    south, west, north, east = ground.extent_m
    return max(_LEAST_M, max(north - south, east - west) / _ALONG / 2.0)


def hexagon_layer(
    ground: Ground,
    layer: str,
    hexagons: Hexagons,
    colours: Sequence[tuple[int, int, int, int]],
    texts: Sequence[str],
    *,
    opacity: float,
) -> pdk.Layer:
    """Draw hexagons with a colour and a text each.

    Args:
        ground: What they lie on.
        layer: Identity of the layer.
        hexagons: Which.
        colours: Red, green, blue, alpha of each.
        texts: What the pointer shows.
        opacity: In [0, 1].
    """
    data = [
        {"s": ground.places(shape), "c": list(colour), "t": text}
        for shape, colour, text in zip(hexagons.corners_m(), colours, texts, strict=True)
    ]
    return pdk.Layer(
        "PolygonLayer", data, id=layer, get_polygon="s", get_fill_color="c", filled=True,
        stroked=False, pickable=True, opacity=opacity,
    )  # fmt: skip
