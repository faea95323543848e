"""A walk as text: JSON and CSV with a record a photo; GeoJSON, GPX and KML with its track.

Times are written as the photos have them. GPX wants times in UTC, and the time zone of a photo is
seldom known, so its `<time>` is left out and the time stands in the description.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, get_args
from xml.etree import ElementTree

import numpy as np

from core.confidence.schema import LEVELS
from core.errors import ConfigError
from core.geo import CoordinateFrame
from core.inference.export import ANGLE_DECIMALS, DEGREE_DECIMALS, METRE_DECIMALS, label_decimals
from core.inference.export_files import (
    GPX,
    KML,
    add_text,
    check_form,
    csv_text,
    json_document,
    xml_document,
)
from core.labels import LABELS
from core.walk.walk import MEANING, Walk

Format = Literal["json", "csv", "geojson", "gpx", "kml"]
Record = dict[str, Any]


def records(walk: Walk) -> list[Record]:
    """Return one record a photo: those on the track in the order of time, then the others.

    Photos off the track have null for position, radius and the rest of the track.
    """
    prediction = walk.prediction
    on_track = {int(row): place for place, row in enumerate(walk.rows)}
    rest = [row for row in range(len(prediction)) if row not in on_track]
    decimals = label_decimals(prediction.local_frame.frame)
    labels = prediction.local_frame.to_labels(walk.position_m)
    degrees = walk.degrees if prediction.local_frame.frame.has_degrees else None
    entries = []
    for row in (*on_track, *rest):
        place = on_track.get(row)
        entry: Record = {
            "filename": prediction.filenames[row],
            "time": walk.moments.texts[row] or None,
            "flags": list(walk.flags[row]),
        }
        values: Record = {"seconds": _at(walk.seconds, place, 1)}
        values["segment"] = None if place is None else int(walk.segment[place])
        for side, name in enumerate(("latitude", "longitude")):
            values[name] = _at(labels[:, side], place, decimals)
            if degrees is not None:
                values[f"{name}_deg"] = _at(degrees[:, side], place, DEGREE_DECIMALS)
        for side, name in enumerate(("north_m", "east_m")):
            values[name] = _at(walk.position_m[:, side], place, METRE_DECIMALS)
        for index, level in enumerate(LEVELS):
            values[f"radius_{level * 100:.0f}_m"] = _at(
                walk.radius_m[:, index], place, METRE_DECIMALS
            )
        entry |= values | _alone(walk, row)
        entries.append(entry)
    return entries


def _alone(walk: Walk, row: int) -> Record:
    """What the photo says by itself; nothing for one that is refused."""
    prediction, confidence = walk.prediction, walk.prediction.confidence
    told = None if "refused" in walk.flags[row] else row
    pin_m, entry = prediction.position_refined_m, Record()
    for side, name in enumerate(("north", "east")):
        entry[f"{name}_alone_m"] = _at(pin_m[:, side], told, METRE_DECIMALS)
    if confidence is not None:
        entry["radius_90_alone_m"] = _at(confidence.radius_m[:, -1], told, METRE_DECIMALS)
    if "heading" in prediction.labels:
        entry["angle"] = _at(prediction.heading_refined_deg, told, ANGLE_DECIMALS)
    return entry


def _at(values: Any, place: int | None, decimals: int) -> float | None:  # noqa: ANN401 - array
    if place is None or not np.isfinite(values[place]):
        return None
    return round(float(values[place]), decimals)


def to_json(walk: Walk) -> str:
    """Return a JSON list, one object a photo."""
    return json_document(records(walk))


def to_csv(walk: Walk, *, raw: bool = False) -> str:
    """Return a table, one row a photo; flags joined by `;`.

    `raw` keeps text that a spreadsheet takes for a formula as it is.
    """
    return csv_text([row | {"flags": ";".join(row["flags"])} for row in records(walk)], raw=raw)


def to_geojson(walk: Walk) -> str:
    """Return a FeatureCollection (RFC 7946): a line a segment, then a point a photo."""
    lines = [_feature("LineString", _lonlat(walk, part), {"segment": number})
             for number, part in _segments(walk) if len(part) > 1]  # fmt: skip
    spots = records(walk)[: len(walk.rows)]
    points = [
        _feature("Point", position, record)
        for position, record in zip(_lonlat(walk, range(len(walk.rows))), spots, strict=True)
    ]
    return json_document({"type": "FeatureCollection", "features": [*lines, *points]})


def to_gpx(walk: Walk) -> str:
    """Return GPX 1.1: a waypoint a photo, then the track with a segment a stretch."""
    root = ElementTree.Element("gpx", version="1.1", creator="Bearings", xmlns=GPX)
    positions = _lonlat(walk, range(len(walk.rows)))

    def point(parent: ElementTree.Element, tag: str, place: int) -> None:
        longitude, latitude = positions[place]
        at = {"lat": f"{latitude:.8f}", "lon": f"{longitude:.8f}"}
        element = ElementTree.SubElement(parent, tag, at)
        add_text(element, "name", walk.prediction.filenames[walk.rows[place]])
        add_text(element, "desc", describe(walk, place))

    for place in range(len(walk.rows)):
        point(root, "wpt", place)
    track = ElementTree.SubElement(root, "trk")
    add_text(track, "name", "Walk")
    for _, part in _segments(walk):
        segment = ElementTree.SubElement(track, "trkseg")
        for place in part:
            point(segment, "trkpt", place)
    return xml_document(root)


def to_kml(walk: Walk) -> str:
    """Return a KML 2.2 document: a line a segment, then a placemark a photo."""
    root = ElementTree.Element("kml", xmlns=KML)
    document = ElementTree.SubElement(root, "Document")
    add_text(document, "name", "Walk")
    positions = _lonlat(walk, range(len(walk.rows)))

    def placemark(name: str, description: str, shape: str, places: range) -> None:
        mark = ElementTree.SubElement(document, "Placemark")
        add_text(mark, "name", name)
        add_text(mark, "description", description)
        shown = " ".join(f"{positions[i][0]:.8f},{positions[i][1]:.8f}" for i in places)
        add_text(ElementTree.SubElement(mark, shape), "coordinates", shown)

    for number, part in _segments(walk):
        if len(part) > 1:
            placemark(f"Segment {number + 1}", f"{len(part):,} photos", "LineString", part)
    for place, row in enumerate(walk.rows):
        name = walk.prediction.filenames[row]
        placemark(name, describe(walk, place), "Point", range(place, place + 1))
    return xml_document(root)


def describe(walk: Walk, place: int) -> str:
    """Say of a photo on the track when it was taken, how sure its position is, and its flags."""
    row = walk.rows[place]
    parts = [walk.moments.texts[row], f"within {walk.radius_m[place, -1]:.0f} m (90 % confidence)"]
    return "; ".join([*filter(None, parts), *(MEANING[flag] for flag in walk.flags[row])])


def check_format(form: str, frame: CoordinateFrame) -> None:
    """Raise if a format is none of a walk (ConfigError) or needs other positions (FrameError)."""
    if form not in get_args(Format):
        raise ConfigError(f"{form!r} is no format of a walk: choose {', '.join(get_args(Format))}")
    check_form(form, LABELS, frame)


def written(walk: Walk, form: str, *, raw: bool = False) -> str:
    """Return the text of a named format; `raw` as for `to_csv`.

    Raises:
        ConfigError, FrameError: As `check_format`.
    """
    check_format(form, walk.prediction.local_frame.frame)
    writers: dict[str, Callable[[Walk], str]] = {
        "json": to_json, "csv": partial(to_csv, raw=raw), "geojson": to_geojson, "gpx": to_gpx,
        "kml": to_kml,
    }  # fmt: skip
    return writers[form](walk)


def _segments(walk: Walk) -> Iterator[tuple[int, range]]:
    """Number of each segment, and its places on the track."""
    for number in range(int(walk.segment[-1]) + 1):
        inside = np.flatnonzero(walk.segment == number)
        yield number, range(int(inside[0]), int(inside[-1]) + 1)


def _lonlat(walk: Walk, places: range) -> list[list[float]]:
    return [
        [round(float(longitude), DEGREE_DECIMALS), round(float(latitude), DEGREE_DECIMALS)]
        for latitude, longitude in walk.degrees[list(places)]
    ]


def _feature(kind: str, coordinates: list[Any], properties: Record) -> Record:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
