"""How sure an answer is, drawn on the ground: regions that hold the truth, and a wedge."""

import numpy as np
import pydeck as pdk

from app.maps.ground import Ground
from app.maps.layers import PIXELS
from app.theme import Palette, rgba
from core.geo import Floats
from core.trust.applied import Trust
from core.trust.outline import Polygon
from core.trust.schema import LEVELS

WEDGE_M = 60.0
_FILLS = {0.5: 0.34, 0.9: 0.16}
_ARC_STEPS = 24


def region_layers(ground: Ground, trust: Trust, row: int, palette: Palette) -> list[pdk.Layer]:
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
