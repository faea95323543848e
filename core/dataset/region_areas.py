"""Regions from polygons: `regions.geojson`, a GeoJSON of named areas beside the labels.

A photo without a region gets that of the area which contains its position; a region that the
labels name always counts. Rings are read by the even-odd rule, so holes are no part of an area.
Longitudes are laid next to one another, so an area may lie across the antimeridian.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from core.areas import Area
from core.dataset.campus import Campus
from core.dataset.label_table import natural_order
from core.dataset.labels import ALLOWED_SHARE, Dataset
from core.dataset.layout import AREAS_FILE
from core.errors import LabelError
from core.files import read_object
from core.geo import CoordinateFrame, Floats
from core.tables.columns import plain_name
from core.tables.formats import cell_text
from core.tables.regions import read_regions

# Properties that hold a region's id, else its name, the best first.
_ID_NAMES = ("regionid", "region", "zoneid", "zone")
_NAMES = (
    "name", "title", "label", "bezeichnung", "nom", "nombre", "naam", "nome", "naziv", "namn",
)  # fmt: skip
_FEATURE_ID = "feature id"
_WGS84 = ("CRS84", "4326")
NOWHERE, SEVERAL = -1, -2
# 1e-7 degree is a centimetre; outlines that are kept are within 0.1 m of those of the file.
_DIGITS = 7
_KEPT_DEG = 1e-6
_Named = tuple[dict[str, Any], Any]


@dataclass(frozen=True, eq=False)
class RegionAreas:
    """The areas of a dataset folder.

    Attributes:
        path: Their file.
        areas: One a region, in the order of the regions.
        names: Display names by region id, if the file has ids and names.
        notes: What was passed over or read in another way.
        shapes: The geometries of `areas`, with longitudes next to `about`.
        about: A longitude on the campus, in degrees.
    """

    path: Path
    areas: tuple[Area, ...]
    names: Mapping[str, str]
    notes: tuple[str, ...]
    shapes: Sequence[shapely.Geometry]
    about: float

    def locate(self, degrees: Floats) -> NDArray[np.int64]:
        """Index `(n,)` of the area of each position `(n, 2)`; `NOWHERE` or `SEVERAL` without one.

        On a border that areas share, the first of them counts.
        """
        points = CoordinateFrame("degrees").unwrapped(degrees, about=self.about)
        which = np.full(len(points), NOWHERE, np.int64)
        border = which.copy()
        for index, shape in enumerate(self.shapes):
            shapely.prepare(shape)
            reached = shapely.intersects_xy(shape, points[:, 1], points[:, 0])
            inside = reached & shapely.contains_xy(shape, points[:, 1], points[:, 0])
            border[reached & (border == NOWHERE)] = index
            which = np.where(inside, np.where(which == NOWHERE, index, SEVERAL), which)
        return np.where(which == NOWHERE, border, which)


def read_areas(root: Path, campus: Campus, about: float) -> RegionAreas | None:
    """Read `root/regions.geojson`; None if there is none.

    Args:
        root: The dataset folder.
        campus: Names regions, and the property that names areas.
        about: A longitude on the campus, in degrees.

    Raises:
        LabelError: The file is damaged, has no areas, areas without a name, or other coordinates
            than WGS 84 degrees; or the labels are planar metres.
    """
    path = root / AREAS_FILE
    if not path.is_file():
        return None
    if not campus.frame.has_degrees:
        raise LabelError(
            f"{path} is in degrees, but the labels are planar metres: give campus.toml a [frame] "
            "of degrees, or remove the file"
        )
    named, notes = _polygons(path, about)
    regions, names = _regions(path, [properties for properties, _ in named], campus)
    joined: dict[str, list[Any]] = {}
    for region, (_, shape) in zip(regions, named, strict=True):
        joined.setdefault(region, []).append(shape)
    order = natural_order(joined)
    shapes = [shapely.union_all(joined[region]) for region in order]
    areas = tuple(Area(region=r, polygons=_corners(s)) for r, s in zip(order, shapes, strict=True))
    return RegionAreas(path, areas, names, tuple(notes), shapes, about)


def _corners(shape: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a polygon or several
    simple = shapely.simplify(shape, _KEPT_DEG)
    return tuple(
        tuple(
            tuple((round(x, _DIGITS), round(y, _DIGITS)) for x, y in ring.coords)
            for ring in (polygon.exterior, *polygon.interiors)
        )
        for polygon in _parts(simple if not simple.is_empty else shape)
    )


def _parts(shape: Any) -> Iterator[Any]:  # noqa: ANN401 - any geometry
    """The polygons of a geometry, without points, lines and what is empty."""
    if shape.geom_type == "Polygon":
        if not shape.is_empty:
            yield shape
    elif hasattr(shape, "geoms"):
        for part in shape.geoms:
            yield from _parts(part)


def _polygons(path: Path, about: float) -> tuple[list[_Named], list[str]]:
    """Properties and geometry of each feature that is an area."""
    content = read_object(path, "correct or remove it", LabelError) or {}
    _check_reference(path, content)
    features = content.get("features", [content] if content.get("type") == "Feature" else [])
    named: list[_Named] = []
    others, crossing = 0, 0
    for number, feature in enumerate(features if isinstance(features, list) else [], start=1):
        shape = _shape(path, number, feature)
        parts = list(_parts(shape)) if shape is not None else []
        placed = [_placed(path, number, part, about) for part in parts]
        whole = shapely.union_all([shapely.make_valid(part) for part in placed])
        # What has no inside is left as a line or a point.
        areas = shapely.union_all(list(_parts(whole)))
        if areas.is_empty:
            others += 1
            continue
        crossing += sum(not part.is_valid for part in placed)
        properties = feature.get("properties")
        properties = dict(properties) if isinstance(properties, dict) else {}
        named.append(({**properties, _FEATURE_ID: feature.get("id")}, areas))
    if not named:
        raise LabelError(
            f"{path} holds no areas: a FeatureCollection of Polygon or MultiPolygon features is "
            "needed"
        )
    notes = []
    if others:
        notes.append(f"{path.name}: {others:,} features are no areas and were passed over")
    if crossing:
        notes.append(
            f"{path.name}: {crossing} polygons cross themselves and were read by the even-odd rule"
        )
    return named, notes


def _check_reference(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse a reference system other than that of GeoJSON, which older files name."""
    crs = content.get("crs")
    inner = crs.get("properties") if isinstance(crs, dict) else None
    name = str(inner.get("name", "")) if isinstance(inner, dict) else ""
    if crs is not None and not any(name.endswith(known) for known in _WGS84):
        raise LabelError(
            f"{path} is in the reference system {name or crs!r}: save it in WGS 84 (EPSG:4326)"
        )


def _shape(path: Path, number: int, feature: Any) -> Any:  # noqa: ANN401 - as the file has it
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if geometry is None:
        return None
    try:
        shape = shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
        raise LabelError(f"{path}: the geometry of feature {number} is damaged: {error}") from error
    return shape


def _placed(path: Path, number: int, polygon: Any, about: float) -> Any:  # noqa: ANN401
    """A polygon with longitudes next to `about`."""
    corners = shapely.get_coordinates(polygon)
    if not np.isfinite(corners).all() or (np.abs(corners) > [360.0, 90.0]).any():
        raise LabelError(
            f"{path}: feature {number} has corners that are no longitude and latitude, such as "
            f"{corners[np.argmax(np.abs(corners).max(axis=1))].tolist()}: save it in WGS 84 "
            "(EPSG:4326)"
        )
    unwrapped = CoordinateFrame("degrees").unwrapped(corners[:, ::-1], about=about)
    if np.ptp(unwrapped[:, 1]) > 180.0:
        raise LabelError(f"{path}: feature {number} is wider than half the Earth")
    return shapely.set_coordinates(polygon, unwrapped[:, ::-1])


def _regions(
    path: Path, features: Sequence[Mapping[str, Any]], campus: Campus
) -> tuple[list[str], dict[str, str]]:
    """Region id of each feature, and the display names that the file adds."""
    keys = list(dict.fromkeys(key for properties in features for key in properties))
    known = [campus.area_property] if campus.area_property else [*_ID_NAMES, *_NAMES, "featureid"]
    plain = {key: key if campus.area_property else plain_name(key) for key in keys}
    ranked = sorted(
        (key for key in keys if plain[key] in known), key=lambda k: known.index(plain[k])
    )
    columns = {
        key: read_regions(pd.Series([cell_text(own.get(key)) for own in features], dtype=str))[0]
        for key in ranked
    }
    whole = [key for key, column in columns.items() if (column != "").all()]
    if not whole:
        raise LabelError(_nameless(path, keys, columns))
    ids = columns[whole[0]].tolist()
    titles = [key for key in whole[1:] if plain[key] in _NAMES]
    if plain[whole[0]] in _ID_NAMES and titles:
        return ids, dict(zip(ids, columns[titles[0]], strict=True))
    # [regions] of campus.toml may say 7 = "Library", and the area be called Library.
    by_name = {name: region for region, name in campus.region_names.items()}
    return [by_name.get(name, name) for name in ids], {}


def _nameless(path: Path, keys: Sequence[str], columns: Mapping[str, pd.Series]) -> str:
    best = next((key for key, column in columns.items() if (column != "").any()), None)
    if best is None:
        shown = ", ".join(key for key in keys if key != _FEATURE_ID) or "none"
        return (
            f"{path}: no property names the areas (properties: {shown}). Call it name, or write in "
            'campus.toml: [areas] property = "..."'
        )
    missing = [str(row + 1) for row in np.flatnonzero(columns[best] == "")]
    return (
        f"{path}: {len(missing):,} of {len(columns[best]):,} areas have no {best} (areas "
        f"{', '.join(missing[:5])}): name or delete them"
    )


def with_areas(dataset: Dataset) -> Dataset:
    """Give photos without a region that of the area around them, and keep the areas for maps.

    Raises:
        LabelError: As `read_areas`; or no photo lies in an area, or over 1 % lie in several.
    """
    placed = dataset.labelled("position")
    if not placed.any():
        return _noted(dataset, f"{AREAS_FILE} is not used: no photo has a position")
    about, degrees = 0.0, dataset.positions[placed]
    if dataset.campus.frame.has_degrees:
        degrees = dataset.campus.frame.to_degrees(degrees)
        about = float(CoordinateFrame("degrees").middle(degrees)[1])
    found = read_areas(dataset.root, dataset.campus, about)
    if found is None:
        return dataset
    where = np.full(len(dataset), NOWHERE, np.int64)
    where[placed] = found.locate(degrees)
    _check_fit(dataset, found, where, degrees)
    return _filled(dataset, found, where, placed)


def with_regions_in(dataset: Dataset, areas: Sequence[Area], names: Mapping[str, str]) -> Dataset:
    """Return the dataset with the region of the area around it for every photo in place.

    Args:
        dataset: Photos; regions that they have are forgotten.
        areas: One a region, such as those that a model keeps.
        names: Their display names.

    Raises:
        FrameError: The labels are planar metres.
    """
    placed = dataset.labelled("position")
    degrees = dataset.campus.frame.to_degrees(dataset.positions[placed])
    about = areas[0].polygons[0][0][0][0]
    shapes = [_geometry(area, about) for area in areas]
    where = np.full(len(dataset), NOWHERE, np.int64)
    where[placed] = RegionAreas(dataset.root, tuple(areas), {}, (), shapes, about).locate(degrees)
    region = np.full(len(dataset), "", object)
    region[where >= 0] = np.array([area.region for area in areas], object)[where[where >= 0]]
    return replace(
        dataset,
        campus=replace(dataset.campus, region_names=dict(names)),
        table=dataset.table.assign(region=region.astype(str)),
        regions=natural_order(set(region) - {""}),
        regions_from="polygons",
        region_centres=None,
        areas=tuple(areas),
    )


def _geometry(area: Area, about: float) -> shapely.Geometry:
    """The shape of an area, with longitudes next to `about`."""
    shape = shapely.from_geojson(json.dumps(area.geometry()))
    corners = CoordinateFrame("degrees").unwrapped(
        shapely.get_coordinates(shape)[:, ::-1], about=about
    )
    return shapely.set_coordinates(shape, corners[:, ::-1])


def _filled(
    dataset: Dataset, found: RegionAreas, where: NDArray[np.int64], placed: NDArray[np.bool_]
) -> Dataset:
    """Fill the regions that nobody named."""
    region = dataset.table["region"].to_numpy(object).copy()
    blank = region == ""
    ids = np.array([area.region for area in found.areas], object)
    filled = blank & (where >= 0)
    region[filled] = ids[where[filled]]
    notes = list(found.notes)
    if filled.any():
        notes.append(f"{int(filled.sum()):,} photos have the region of {AREAS_FILE} around them")
    for flags, words in (
        (blank & placed & (where == NOWHERE), f"lie in no area of {AREAS_FILE}"),
        (blank & (where == SEVERAL), f"lie in several areas of {AREAS_FILE}"),
    ):
        if flags.any():
            shown = ", ".join(dataset.table["filename"][flags].head(3))
            more = ", ..." if int(flags.sum()) > 3 else ""
            notes.append(f"{int(flags.sum()):,} photos {words} and have no region: {shown}{more}")
    if not blank.all() and not set(dataset.regions) & set(ids):
        notes.append(
            f"the labels name none of the areas of {AREAS_FILE}: {', '.join(ids[:3])} are areas, "
            f"{', '.join(dataset.regions[:3])} are regions"
        )
    names = {**found.names, **dataset.campus.region_names}
    return replace(
        dataset,
        campus=replace(dataset.campus, region_names=names),
        table=dataset.table.assign(region=region.astype(str)),
        notes=(*dataset.notes, *notes),
        regions=natural_order(set(region) - {""}),
        regions_from="polygons" if blank.all() else dataset.regions_from,
        areas=found.areas,
    )


def _check_fit(
    dataset: Dataset, found: RegionAreas, where: NDArray[np.int64], degrees: Floats
) -> None:
    if (where == NOWHERE).all():
        # The usual mistake, as GeoJSON has the longitude first.
        swapped = found.locate(degrees[:, ::-1]) if (np.abs(degrees[:, 1]) <= 90.0).all() else None
        other = " Put the areas of this campus there, or take the file out of the folder."
        hint = " Its corners are latitude first: GeoJSON has the longitude first."
        raise LabelError(
            f"{found.path}: no photo lies in any of its areas ({len(found.areas)})."
            f"{hint if swapped is not None and (swapped >= 0).any() else other}"
        )
    several = where == SEVERAL
    if several.mean() > ALLOWED_SHARE:
        shown = ", ".join(_overlapping(found)[:3])
        raise LabelError(
            f"{found.path}: {int(several.sum()):,} of {len(dataset):,} photos lie in several areas "
            f"({shown}): draw areas that do not overlap"
        )


def _overlapping(found: RegionAreas) -> list[str]:
    """Pairs of areas that overlap, the largest overlap first."""
    tree = shapely.STRtree(found.shapes)
    pairs = [
        (found.shapes[a].intersection(found.shapes[b]).area, a, b)
        for a, b in tree.query(found.shapes, predicate="intersects").T.tolist()
        if a < b
    ]
    return [
        f"{found.areas[a].region} and {found.areas[b].region}"
        for size, a, b in sorted(pairs, reverse=True)
        if size > 0.0
    ]


def _noted(dataset: Dataset, note: str) -> Dataset:
    return replace(dataset, notes=(*dataset.notes, note))
