"""The base layer of maps: buildings, ways, lawns and water of a place, from `campus.geojson`.

A picture may lie below them (`core.dataset.base_picture`).

A GeoJSON (RFC 7946) in WGS 84 beside the labels. A feature is drawn as its property `kind` says,
else as its OpenStreetMap tags say, which exports write as properties (osmtogeojson), under `tags`
(overpass turbo, raw) or as text in `other_tags` (GDAL, QGIS). Features of other kinds are passed
over. The file is content from elsewhere, so its size, depth and number of corners are bounded.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import shapely

from core.amounts import counted
from core.dataset.base_picture import BasePicture, read_base_picture
from core.dataset.layout import BASE_FILE
from core.errors import LabelError
from core.files import read_object
from core.geo import CoordinateFrame, Floats, LocalFrame, distance_m

Kind = Literal[
    "campus", "lawn", "wood", "pitch", "water", "paving", "path", "road", "wall", "building", "tree"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Kinds of features, in the order in which they are drawn: what stands on the ground last."""

MOST_BYTES = 32 * 2**20
MOST_CORNERS = 1_000_000
# What a map draws: every page with a map sends it to the browser.
MOST_DRAWN = 40_000
_MOST_TEXT = 200
_REMEDY = "export it again as GeoJSON, or take it out of the folder"
# Outlines are drawn to 0.2 m, half a pixel where a campus of 300 m fills the screen.
_DRAWN_M = 0.2
# Widths in metres of lines that state none.
WIDTH_M: Mapping[Kind, float] = {"road": 5.5, "path": 2.2, "water": 2.0, "wall": 0.6}
_WIDTHS_M = (0.3, 60.0)

_ROADS = {
    "motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential",
    "living_street", "service", "motorway_link", "trunk_link", "primary_link", "secondary_link",
    "tertiary_link", "road", "busway", "raceway",
}  # fmt: skip
_PATHS = {"footway", "path", "pedestrian", "steps", "cycleway", "track", "bridleway", "corridor"}
# The first tag that a feature has decides; `None` is any value but no.
_TAGS: tuple[tuple[str, set[str] | None, Kind], ...] = (
    ("building", None, "building"),
    ("highway", _ROADS, "road"),
    ("highway", _PATHS, "path"),
    ("natural", {"water", "bay"}, "water"),
    ("waterway", {"river", "stream", "canal", "drain", "ditch", "riverbank", "dock"}, "water"),
    ("leisure", {"swimming_pool"}, "water"),
    ("landuse", {"reservoir", "basin"}, "water"),
    ("natural", {"tree"}, "tree"),
    ("natural", {"wood", "scrub", "heath", "wetland", "tree_row"}, "wood"),
    ("landuse", {"forest", "orchard", "vineyard"}, "wood"),
    ("leisure", {"pitch", "track", "playground"}, "pitch"),
    ("leisure", {"park", "garden", "golf_course", "common", "nature_reserve"}, "lawn"),
    ("landuse", {"grass", "meadow", "village_green", "recreation_ground", "flowerbed"}, "lawn"),
    ("natural", {"grassland", "grass"}, "lawn"),
    ("amenity", {"parking", "bicycle_parking"}, "paving"),
    ("place", {"square"}, "paving"),
    ("barrier", {"wall", "fence", "hedge", "city_wall", "retaining_wall"}, "wall"),
    ("amenity", {"university", "college", "school", "hospital"}, "campus"),
    ("landuse", {"education", "residential", "commercial", "retail", "industrial"}, "campus"),
)
_OSM_ID = re.compile(r"(node|way|relation)/\d+")
_OSM = "© OpenStreetMap contributors"
_HSTORE = re.compile(r'"([^"\\]{1,100})"=>"([^"\\]{0,200})"')
_NUMBER = re.compile(r"\s*(\d{1,3}(?:\.\d{1,4})?)\s*m?\s*")


@dataclass(frozen=True)
class Shape:
    """A feature of one kind.

    Attributes:
        kind: What it is.
        parts: `(k, 2)` each, in degrees `[latitude, longitude]` or metres `[north_m, east_m]`: the
            rings of an area, of which all but the first are holes; a line; or points.
        dimension: 2 for an area, 1 for a line, 0 for points.
        width_m: Width of a line.
    """

    kind: Kind
    parts: tuple[Floats, ...]
    dimension: int
    width_m: float = 0.0

    @property
    def corners(self) -> int:
        """How many corners it has."""
        return sum(len(part) for part in self.parts)


@dataclass(frozen=True, eq=False)
class BaseLayer:
    """The base layer of a place.

    Attributes:
        shapes: Its features in degrees, in the order of the file.
        attribution: Whom the map names as its source; empty if the file names nobody.
        notes: What was passed over, in sentences.
        picture: A picture below the features.
    """

    shapes: tuple[Shape, ...]
    attribution: str = ""
    notes: tuple[str, ...] = field(default=())
    picture: BasePicture | None = None

    @property
    def sources(self) -> str:
        """Whom the map names as its sources."""
        pictured = "" if self.picture is None else self.picture.attribution
        return "; ".join(dict.fromkeys(text for text in (self.attribution, pictured) if text))

    def within(self, frame: LocalFrame, extent_m: tuple[float, float, float, float]) -> "Clipped":
        """The part in a rectangle, in local metres, simplified to what a map can show.

        Args:
            frame: The local metres.
            extent_m: North and east of the south-west corner, then of the north-east corner.
        """
        return _within(self, frame, extent_m)


@dataclass(frozen=True, eq=False)
class Clipped:
    """What of a base layer a map draws.

    Attributes:
        shapes: Features in metres, in the order in which they are drawn.
        left_out: How many small features were left out, for a map can draw only so many corners.
    """

    shapes: tuple[Shape, ...]
    left_out: int = 0

    def ways_m(self, step_m: float = 4.0) -> Floats:
        """Points `(k, 2)` along roads and paths, at most `step_m` apart."""
        ways = [part for one in self.shapes if one.kind in ("road", "path") for part in one.parts]
        dense = shapely.segmentize([shapely.LineString(way) for way in ways], step_m)
        return np.asarray(shapely.get_coordinates(dense), np.float64)


def read_base_layer(root: Path) -> BaseLayer | None:
    """Read `root/campus.geojson` and the picture of a data set; None if there is neither.

    Raises:
        LabelError: A file is damaged or too large, the features are not in WGS 84 degrees, or the
            picture has no plausible place.
    """
    picture = read_base_picture(root)
    features = _read_features(root / BASE_FILE)
    if features is None:
        return None if picture is None else BaseLayer((), picture=picture)
    return replace(features, picture=picture)


def _read_features(path: Path) -> BaseLayer | None:
    if not path.is_file():
        return None
    if (size := path.stat().st_size) > MOST_BYTES:
        raise LabelError(
            f"{path} has {size / 2**20:,.0f} MB: export a smaller area (at most "
            f"{MOST_BYTES // 2**20} MB)"
        )
    content = read_object(path, _REMEDY, LabelError, finite=False) or {}
    features = content.get("features")
    if not isinstance(features, list):
        raise LabelError(f"{path} is no GeoJSON FeatureCollection: {_REMEDY}")
    shapes: list[Shape] = []
    passed: Counter[str] = Counter()
    corners = 0
    for feature in features:
        try:
            made = list(_shapes(feature))
        except _PassedOverError as error:
            passed[str(error)] += 1
            continue
        shapes += made
        corners += sum(shape.corners for shape in made)
        if corners > MOST_CORNERS:
            raise LabelError(f"{path} has over {MOST_CORNERS:,} corners: export a smaller area")
    if not shapes:
        why = f" ({passed.most_common(1)[0][0]})" if passed else ""
        raise LabelError(
            f"{path} has nothing to draw{why}: features need degrees (WGS 84), and a kind "
            f"({', '.join(KINDS)}) or OpenStreetMap tags"
        )
    notes = tuple(
        f"{path.name}: {counted(count, 'feature')} passed over: {reason}"
        for reason, count in passed.items()
    )
    return BaseLayer(tuple(shapes), _attribution(content, features), notes)


class _PassedOverError(Exception):
    """A feature is not drawn; the text says why."""


def _shapes(feature: Any) -> Iterator[Shape]:  # noqa: ANN401 - as the file has it
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        raise _PassedOverError("no geometry")
    tags = _tags(feature.get("properties"))
    kind = _kind(tags)
    if kind is None:
        raise _PassedOverError("of no kind that is drawn")
    form, coordinates = geometry.get("type"), geometry.get("coordinates")
    if form == "Polygon" and kind != "tree":
        yield _area(kind, coordinates)
    elif form == "MultiPolygon" and kind != "tree":
        for polygon in _listed(coordinates):
            yield _area(kind, polygon)
    elif form in ("LineString", "MultiLineString") and kind in WIDTH_M:
        for line in [coordinates] if form == "LineString" else _listed(coordinates):
            yield Shape(kind, (_degrees(line, 2),), 1, _width_m(tags, WIDTH_M[kind]))
    elif form in ("Point", "MultiPoint") and kind == "tree":
        spots = [coordinates] if form == "Point" else coordinates
        yield Shape(kind, (_degrees(spots, 1),), 0)
    else:
        raise _PassedOverError("a geometry that does not fit its kind")


def _area(kind: Kind, rings: Any) -> Shape:  # noqa: ANN401
    parts = tuple(_degrees(ring, 3) for ring in _listed(rings))
    if not parts or any(len(p) - np.array_equal(p[0], p[-1]) < 3 for p in parts):
        raise _PassedOverError("damaged coordinates")
    return Shape(kind, parts, 2)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    if not isinstance(value, list):
        raise _PassedOverError("damaged coordinates")
    return value


def _degrees(line: Any, least: int) -> Floats:  # noqa: ANN401
    """Corners `(k, 2)` `[latitude, longitude]` of a list of `[longitude, latitude, ...]`."""
    try:
        pairs = np.array([corner[:2] for corner in _listed(line)], np.float64)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise _PassedOverError("damaged coordinates") from error
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) < least:
        raise _PassedOverError("damaged coordinates")
    if not (np.abs(pairs) <= [360.0, 90.0]).all():
        raise _PassedOverError("not in degrees of longitude and latitude (WGS 84)")
    return pairs[:, ::-1]


def _tags(properties: Any) -> dict[str, str]:  # noqa: ANN401
    """Tags of a feature as text, however its export writes them."""
    if not isinstance(properties, dict):
        return {}
    nested, packed = properties.get("tags"), properties.get("other_tags")
    tags = dict(nested) if isinstance(nested, dict) else {}
    if isinstance(packed, str):
        tags |= dict(_HSTORE.findall(packed[:10_000]))
    tags |= properties
    return {
        str(key): str(value).strip()
        for key, value in tags.items()
        if isinstance(value, str | int | float)
    }


def _kind(tags: Mapping[str, str]) -> Kind | None:
    named = tags.get("kind", "").lower()
    if named in KINDS:
        return named
    for key, values, kind in _TAGS:
        value = tags.get(key, "")
        if value in values if values is not None else value not in ("", "no"):
            return kind
    return None


def _width_m(tags: Mapping[str, str], usual: float) -> float:
    stated = _NUMBER.fullmatch(tags.get("width_m", tags.get("width", "")))
    width = float(stated[1]) if stated else usual
    return float(np.clip(width, *_WIDTHS_M))


def _attribution(content: Mapping[str, Any], features: Sequence[Any]) -> str:
    for key in ("attribution", "copyright"):
        if isinstance(text := content.get(key), str) and text.strip():
            # The notice that overpass turbo writes, in the form that OpenStreetMap asks for.
            return _OSM if "openstreetmap" in text.lower() else _short(text)
    for feature in features[:50]:
        own = feature.get("properties") if isinstance(feature, dict) else None
        marks = [feature.get("id")] if isinstance(feature, dict) else []
        if isinstance(own, dict):
            marks += [own.get("@id"), own.get("id")]
        if any(isinstance(mark, str) and _OSM_ID.fullmatch(mark) for mark in marks):
            return _OSM
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_TEXT else line[: _MOST_TEXT - 1] + "…"


@lru_cache(maxsize=8)
def _within(
    base: BaseLayer, frame: LocalFrame, extent_m: tuple[float, float, float, float]
) -> Clipped:
    south, west, north, east = extent_m
    about = float(frame.frame.to_degrees([frame.origin])[0, 1])
    middle = np.array([(south + north) / 2, (west + east) / 2])
    reach_m = float(np.hypot(north - south, east - west)) / 2
    found: list[tuple[Shape, float]] = []
    for shape in base.shapes:
        degrees = [CoordinateFrame("degrees").unwrapped(part, about) for part in shape.parts]
        # A rough test first: features of another country are many, and projecting takes longer.
        if _far_deg(np.concatenate(degrees), frame, middle, reach_m):
            continue
        metres = [frame.from_degrees(part) for part in degrees]
        found += _clipped(shape, metres, (south, west, north, east))
    corners = np.cumsum([shape.corners for shape, _ in sorted(found, key=lambda one: -one[1])])
    kept = int(np.searchsorted(corners, MOST_DRAWN, side="right"))
    ranked = sorted(found, key=lambda one: -one[1])[:kept]
    drawn = sorted((shape for shape, _ in ranked), key=lambda shape: KINDS.index(shape.kind))
    return Clipped(tuple(drawn), len(found) - kept)


def _far_deg(degrees: Floats, frame: LocalFrame, middle_m: Floats, reach_m: float) -> bool:
    """Whether the box of a feature lies beyond a circle that holds the map."""
    here = frame.to_degrees([middle_m], unwrapped=True)[0]
    low, high = degrees.min(axis=0), degrees.max(axis=0)
    nearest = np.clip(here, low, high)
    per_degree = np.array([111_000.0, 111_000.0 * np.cos(np.deg2rad(here[0]))])
    return bool(distance_m(nearest * per_degree, here * per_degree) > 1.5 * reach_m)


def _clipped(
    shape: Shape, metres: Sequence[Floats], extent_m: tuple[float, float, float, float]
) -> Iterator[tuple[Shape, float]]:
    """The parts of a shape within the extent, each with its size, by which they are ranked."""
    if shape.dimension == 0:
        points = metres[0]
        south, west, north, east = extent_m
        near = ((points >= [south, west]) & (points <= [north, east])).all(axis=1)
        if near.any():
            yield Shape(shape.kind, (points[near],), 0), 10.0
        return
    if shape.dimension == 1:
        whole: Any = shapely.LineString(metres[0])
    else:
        whole = shapely.make_valid(shapely.Polygon(metres[0], metres[1:]))
    inside = shapely.simplify(shapely.clip_by_rect(whole, *extent_m), _DRAWN_M)
    for part in shapely.get_parts(inside):
        if part.is_empty:
            continue
        if part.geom_type == "Polygon" and shape.dimension == 2:
            rings = tuple(
                shapely.get_coordinates(ring) for ring in (part.exterior, *part.interiors)
            )
            yield Shape(shape.kind, rings, 2), float(part.area)
        elif part.geom_type == "LineString" and shape.dimension == 1:
            size = float(part.length) * shape.width_m
            yield Shape(shape.kind, (shapely.get_coordinates(part),), 1, shape.width_m), size
