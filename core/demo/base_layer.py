"""The base layer of the demo campus: what the renderer builds, as `campus.geojson`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset.layout import BASE_FILE
from core.demo.ground import feature_spot
from core.demo.plan import EAST_HALF_M, NORTH_HALF_M, Points
from core.demo.world import World
from core.files import write_text
from core.geo import CoordinateFrame, LocalFrame

INVENTED_PLACE = LocalFrame(CoordinateFrame("degrees"), origin=(12.0, 77.0))
"""Where on Earth the demo campus pretends to lie."""
# A centimetre.
_DIGITS = 7
# Outlines up to this height are hedges and low walls.
_LOW_M = 2.5
_RING = np.linspace(0.0, 2 * np.pi, 25)


def write_base_layer(out: Path, world: World) -> None:
    """Write the buildings, ways, lawns, water and trees of a campus beside its labels."""
    features = ",\n".join(json.dumps(one, separators=(",", ":")) for one in features_of(world))
    write_text(
        out / BASE_FILE,
        '{"type":"FeatureCollection","attribution":"Demo campus, an invented place",\n'
        f'"features":[\n{features}\n]}}\n',
    )


def features_of(world: World) -> Iterator[dict[str, Any]]:
    """The GeoJSON features of a campus: `kind` says what each is, `width_m` how wide a line is."""
    north, east = NORTH_HALF_M, EAST_HALF_M
    border = np.array([(-north, -east), (-north, east), (north, east), (north, -east)])
    yield _area("lawn", border)
    yield _line("wall", np.vstack([border, border[:1]]), 0.6)
    for region, centre in enumerate(world.plan.centres):
        yield from _plaza(world.themes[region].feature, feature_spot(centre))
    for way in world.plan.ways:
        yield _line("road" if way.road else "path", way.line, way.width_m)
    for corners, height_m in world.outlines:
        if height_m > _LOW_M:
            yield _area("building", corners)
        else:
            # Long and thin: the two short sides end the middle line.
            ends = np.array([corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)])
            yield _line("wall", ends, 0.6)
    spots = _degrees(world.trees[:, :2])
    yield _feature("tree", {"type": "MultiPoint", "coordinates": spots})


def _plaza(feature: str, spot: Points) -> Iterator[dict[str, Any]]:
    """The ground of a region's own feature, as the renderer paints it."""
    disc = np.stack([np.sin(_RING), np.cos(_RING)], axis=1)
    square = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
    if feature == "lake":
        yield _area("water", spot + disc * [10.5, 14.0])
    elif feature in ("pitch", "court", "hoops"):
        yield _area("pitch", spot + square * ([12.0, 17.0] if feature == "pitch" else [6.5, 9.0]))
    elif feature == "parking":
        yield _area("paving", spot + square * [9.0, 13.0])
    else:
        yield _area("paving", spot + disc * 9.5)


def _area(kind: str, corners: Points) -> dict[str, Any]:
    ring = corners if np.array_equal(corners[0], corners[-1]) else np.vstack([corners, corners[:1]])
    return _feature(kind, {"type": "Polygon", "coordinates": [_degrees(ring)]})


def _line(kind: str, line: Points, width_m: float) -> dict[str, Any]:
    geometry = {"type": "LineString", "coordinates": _degrees(line)}
    return _feature(kind, geometry, width_m=width_m)


def _feature(kind: str, geometry: dict[str, Any], **properties: float) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"kind": kind, **properties}, "geometry": geometry}


def _degrees(points: Points) -> list[list[float]]:
    """Corners as GeoJSON has them, longitude first."""
    longitude_first = INVENTED_PLACE.to_degrees(points)[:, ::-1].round(_DIGITS)
    return [[float(x), float(y)] for x, y in longitude_first]
