"""Predictions as text of a file format: JSON, CSV, GeoJSON, KML, GPX and the course's submission.

Nothing of a photo's own metadata is written, only its name and what was predicted.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple, get_args
from xml.etree import ElementTree

from core.errors import ConfigError, FrameError
from core.geo import CoordinateFrame
from core.inference.export import Record, records
from core.inference.prediction import Prediction
from core.labels import Label, listed
from core.retrieval.gallery import Gallery
from core.tables.formulas import inert_cell, quoting_of

Format = Literal["json", "csv", "csv-short", "geojson", "kml", "gpx", "submission"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[Format, str] = {"csv-short": "csv", "submission": "csv"}
"""Suffixes of files, if they differ from the name of the format."""
_ON_EARTH = ("geojson", "kml", "gpx")
KML, GPX = "http://www.opengis.net/kml/2.2", "http://www.topografix.com/GPX/1/1"
# Characters that XML 1.0 cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Columns of the short table, with the key of the record that each holds.
_SHORT = {
    "filename": "filename",
    "region": "region_name",
    "latitude": "latitude_refined",
    "longitude": "longitude_refined",
    "within_m": "radius_90_m",
    "heading_deg": "angle_refined",
    "heading_within_deg": "wedge_90_deg",
    "refused": "refused",
}
_NESTED = (
    "region_probabilities", "region_probabilities_calibrated", "neighbours", "moved_by",
    "region_50", "region_90",
)  # fmt: skip


def to_json(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return a JSON list, one object a photo; latitude and longitude in label units."""
    return json_document(records(prediction, gallery, keep_refused=keep_refused))


def to_csv(
    prediction: Prediction,
    gallery: Gallery | None = None,
    *,
    keep_refused: bool = False,
    raw: bool = False,
) -> str:
    """Return a table, one row a photo; region probabilities in columns, neighbours by name."""
    return csv_text(flat_records(prediction, gallery, keep_refused=keep_refused), raw=raw)


def flat_records(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> list[Record]:
    """Return a flat record a photo: region probabilities in columns, neighbours by name."""
    return [
        _flat(record, prediction.regions)
        for record in records(prediction, gallery, keep_refused=keep_refused)
    ]


def to_geojson(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return a FeatureCollection (RFC 7946): refined positions, `[longitude, latitude]` degrees.

    The photos come first; the polygons of the regions follow, if there are some.

    Raises:
        FrameError: Positions are planar metres, which GeoJSON cannot hold.
        ConfigError: The model predicts no positions.
    """
    check_form("geojson", prediction.labels, prediction.local_frame.frame)
    entries = records(prediction, gallery, keep_refused=keep_refused)
    features = [
        {
            "type": "Feature",
            "geometry": _point(*place) if keep_refused or not record["refused"] else None,
            "properties": record,
        }
        for place, record in zip(prediction.degrees_refined, entries, strict=True)
    ]
    names = prediction.region_names
    features += [
        {
            "type": "Feature",
            "geometry": area.geometry(),
            "properties": {
                "region": area.region, "region_name": names.get(area.region, area.region),
            },
        }
        for area in prediction.areas
    ]  # fmt: skip
    return json_document({"type": "FeatureCollection", "features": features})


def to_csv_short(
    prediction: Prediction,
    gallery: Gallery | None = None,
    *,
    keep_refused: bool = False,
    raw: bool = False,
) -> str:
    """Return a table for people, one row a photo: the answer, its 90 % sizes and refusals.

    Latitude and longitude are degrees if the labels have degrees, else metres north and east.
    """
    keys = dict(_SHORT)
    if prediction.local_frame.frame.has_degrees:
        keys |= {"latitude": "latitude_refined_deg", "longitude": "longitude_refined_deg"}
    entries = records(prediction, gallery, keep_refused=keep_refused)
    present = {name: key for name, key in keys.items() if any(key in each for each in entries)}
    rows = [{name: each.get(key) for name, key in present.items()} for each in entries]
    return csv_text(rows, raw=raw)


def to_submission(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return the table that the course asks for, in label units: a row a photo, also if refused.

    `id` counts the photos from 0 in their order, which is that of their names for a folder.
    """
    keys = {
        "Latitude": "latitude_refined",
        "Longitude": "longitude_refined",
        "angle": "angle_refined",
        "Region_ID": "region",
    }
    # A photo without an answer would count as an error of any size.
    entries = records(prediction, keep_refused=True)
    present = {name: key for name, key in keys.items() if any(key in each for each in entries)}
    rows = [
        {"id": number} | {name: each[key] for name, key in present.items()}
        for number, each in enumerate(entries)
    ]
    # A program compares its regions with those of the labels.
    return csv_text(rows, raw=True)


def to_kml(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return KML 2.2: a placemark a photo, with the pin and the area of 90 % in degrees.

    A refused photo has a placemark without geometry.

    Raises:
        FrameError, ConfigError: As `check_form`.
    """
    check_form("kml", prediction.labels, prediction.local_frame.frame)
    root = ElementTree.Element("kml", xmlns=KML)
    document = ElementTree.SubElement(root, "Document")
    add_text(document, "name", "Predictions of Bearings")
    for record in records(prediction, gallery, keep_refused=keep_refused):
        mark = ElementTree.SubElement(document, "Placemark")
        add_text(mark, "name", record["filename"])
        add_text(mark, "description", described(record))
        extended = ElementTree.SubElement(mark, "ExtendedData")
        for name, key in _SHORT.items():
            if record.get(key) is not None:
                data = ElementTree.SubElement(extended, "Data", name=name)
                add_text(data, "value", str(record[key]))
        if record.get("latitude_refined_deg") is not None:
            _placed(mark, record)
    return xml_document(root)


def to_gpx(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return GPX 1.1: a waypoint a photo; refused photos are named in its description.

    Raises:
        FrameError, ConfigError: As `check_form`.
    """
    check_form("gpx", prediction.labels, prediction.local_frame.frame)
    entries = records(prediction, gallery, keep_refused=keep_refused)
    left_out = [each["filename"] for each in entries if each.get("latitude_refined_deg") is None]
    points = [
        Waypoint(each["latitude_refined_deg"], each["longitude_refined_deg"], each["filename"],
                 described(each))
        for each in entries if each.get("latitude_refined_deg") is not None
    ]  # fmt: skip
    about = f"Not this campus, so without a waypoint: {', '.join(left_out)}" if left_out else ""
    return gpx_text("Predictions of Bearings", points, about=about)


class Waypoint(NamedTuple):
    """A place of a GPX file: WGS 84 degrees, its name, and what to know about it."""

    latitude_deg: float
    longitude_deg: float
    name: str
    about: str


def gpx_text(
    title: str, points: Sequence[Waypoint], *, about: str = "", as_route: bool = False
) -> str:
    """Return GPX 1.1.

    Args:
        title: Name of the file.
        points: Its waypoints.
        about: Description of the file; none if empty.
        as_route: Also join the waypoints to a route, in their order.
    """
    root = ElementTree.Element("gpx", xmlns=GPX, version="1.1", creator="Bearings")
    metadata = ElementTree.SubElement(root, "metadata")
    add_text(metadata, "name", title)
    if about:
        add_text(metadata, "desc", about)
    for point in points:
        _waypoint(root, "wpt", point)
    if as_route:
        route = ElementTree.SubElement(root, "rte")
        add_text(route, "name", title)
        for point in points:
            _waypoint(route, "rtept", point)
    return xml_document(root)


def _waypoint(parent: ElementTree.Element, tag: str, point: Waypoint) -> None:
    place = {"lat": f"{point.latitude_deg:.8f}", "lon": f"{point.longitude_deg:.8f}"}
    element = ElementTree.SubElement(parent, tag, place)
    add_text(element, "name", point.name)
    add_text(element, "desc", point.about)


def described(record: Record) -> str:
    """Return one record in words: region, heading and radius, or why the photo is refused."""
    parts = [str(record["region_name"])] if record.get("region_name") else []
    if record.get("angle_refined") is not None:
        parts.append(f"heading {record['angle_refined']:.0f} degrees")
    if record.get("radius_90_m") is not None:
        parts.append(f"within {record['radius_90_m']:.0f} m (90 % confidence)")
    if record["refused"] and not parts:
        return str(record.get("reason") or "not this campus")
    return ", ".join(parts)


def check_form(form: str, labels: Collection[Label], frame: CoordinateFrame) -> None:
    """Raise if a format cannot hold what a model of these labels predicts.

    Raises:
        ConfigError: GeoJSON, KML and GPX need positions.
        FrameError: They need degrees.
    """
    if form not in _ON_EARTH:
        return
    named = {"geojson": "GeoJSON", "kml": "KML", "gpx": "GPX"}[form]
    if "position" not in labels:
        raise ConfigError(
            f"{named} holds positions, and this model predicts {listed(labels)} only: choose json "
            "or csv"
        )
    if not frame.has_degrees:
        raise FrameError(
            f"{named} holds degrees, and the labels of this model are planar metres: choose json "
            "or csv"
        )


def forms_of(labels: Collection[Label], frame: CoordinateFrame) -> tuple[Format, ...]:
    """Return the formats that can hold what a model of these labels predicts."""
    on_earth = "position" in labels and frame.has_degrees
    return tuple(form for form in FORMATS if on_earth or form not in _ON_EARTH)


def written(
    prediction: Prediction,
    gallery: Gallery | None,
    form: str,
    *,
    keep_refused: bool = False,
    raw: bool = False,
) -> str:
    """Return the text of a named format; ConfigError for any other name.

    `raw` keeps text that a spreadsheet takes for a formula as it is.
    """
    writers: dict[str, Callable[..., str]] = {
        "json": to_json,
        "csv": to_csv,
        "csv-short": to_csv_short,
        "geojson": to_geojson,
        "kml": to_kml,
        "gpx": to_gpx,
        "submission": to_submission,
    }
    if form not in writers:
        raise ConfigError(f"format {form!r} is unknown: choose {', '.join(FORMATS)}")
    # The other formats are no tables, and a program reads the submission.
    more = {"raw": raw} if form in ("csv", "csv-short") else {}
    return writers[form](prediction, gallery, keep_refused=keep_refused, **more)


def _placed(mark: ElementTree.Element, record: Record) -> None:
    """Add the pin of a record, and its area of 90 % if it is known."""
    shape = ElementTree.SubElement(mark, "MultiGeometry")
    place = [record["longitude_refined_deg"], record["latitude_refined_deg"]]
    point = ElementTree.SubElement(shape, "Point")
    add_text(point, "coordinates", _pair(place))
    for island in (record.get("region_90") or {"coordinates": []})["coordinates"]:
        polygon = ElementTree.SubElement(shape, "Polygon")
        for number, ring in enumerate(island):
            side = ElementTree.SubElement(
                polygon, "innerBoundaryIs" if number else "outerBoundaryIs"
            )
            line = ElementTree.SubElement(side, "LinearRing")
            add_text(line, "coordinates", " ".join(map(_pair, ring)))


def _pair(place: Sequence[float]) -> str:
    return f"{place[0]:.8f},{place[1]:.8f}"


def add_text(parent: ElementTree.Element, tag: str, text: str) -> None:
    """Add an element; what XML cannot hold becomes a replacement character."""
    ElementTree.SubElement(parent, tag).text = _NOT_XML.sub("\ufffd", text)


def xml_document(root: ElementTree.Element) -> str:
    """Return an element as the text of an XML file."""
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def csv_text(rows: Sequence[Record], *, raw: bool = False) -> str:
    """Return records as a table.

    Args:
        rows: One a line, with the same keys.
        raw: Keep text that a spreadsheet takes for a formula as it is; see `core.tables.formulas`.
    """
    text = io.StringIO()
    names = list(rows[0]) if rows else ["filename"]
    quoting = quoting_of(value for row in rows for value in row.values())
    writer = csv.DictWriter(text, names, lineterminator="\n", quoting=quoting)
    writer.writeheader()
    writer.writerows(
        row if raw else {key: inert_cell(value) for key, value in row.items()} for row in rows
    )
    return text.getvalue()


def _point(latitude: float, longitude: float) -> dict[str, Any]:
    return {
        "type": "Point", "coordinates": [round(float(longitude), 8), round(float(latitude), 8)],
    }  # fmt: skip


def _flat(record: Record, regions: tuple[str, ...]) -> Record:
    flat = {key: value for key, value in record.items() if key not in _NESTED}
    for prefix in ("", "_calibrated"):
        key = f"region_probabilities{prefix}"
        if key in record:
            shares = record[key] or {}
            flat |= {f"probability{prefix}_{name}": shares.get(name) for name in regions}
    if "not_predicted" in flat:
        flat["not_predicted"] = ";".join(flat["not_predicted"] or [])
    if "moved_by" in record:
        flat["moved_by"] = ";".join(record["moved_by"] or [])
    flat["neighbours"] = ";".join(neighbour["filename"] for neighbour in record["neighbours"])
    return flat


def json_document(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as the text of a JSON file; NaN is refused, as JSON has none."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
