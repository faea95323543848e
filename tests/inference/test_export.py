import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import gpxpy
import numpy as np
import pytest
import shapely

from core.areas import Area
from core.cli import predict as predict_command
from core.errors import ConfigError, FrameError
from core.geo import CoordinateFrame, LocalFrame
from core.inference.export import label_decimals, region_value
from core.inference.export_files import (
    FORMATS,
    Format,
    forms_of,
    to_csv,
    to_geojson,
    to_json,
    written,
)
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor
from core.labels import LABELS
from tests.confidence.answers import predicted, trust

NEEDED = (
    "filename", "region", "region_probabilities", "latitude", "longitude", "angle",
    "latitude_refined", "longitude_refined", "angle_refined", "neighbours",
)  # fmt: skip


@pytest.fixture(scope="module")
def prediction(predictor: Predictor, photo_files: list[Path]) -> Prediction:
    return predictor.predict_files(photo_files[:3]).prediction


def test_json_has_what_readers_rely_on(predictor: Predictor, prediction: Prediction) -> None:
    found = json.loads(to_json(prediction, predictor.gallery))
    assert len(found) == 3
    for row, record in enumerate(found):
        assert not set(NEEDED) - set(record)
        assert isinstance(record["region"], int)
        assert set(record["region_probabilities"]) == {"1", "2", "3", "4"}
        assert sum(record["region_probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert record["latitude"] == pytest.approx(prediction.positions[row, 0], abs=1e-8)
        assert record["longitude_refined"] == pytest.approx(
            prediction.positions_refined[row, 1], abs=1e-8
        )
        # This campus is labelled in degrees, so both say the same.
        assert record["latitude_deg"] == record["latitude"]


def test_neighbours_are_training_photos_nearest_first(
    predictor: Predictor, prediction: Prediction
) -> None:
    gallery = predictor.gallery
    assert gallery is not None
    for record in json.loads(to_json(prediction, gallery)):
        shown = record["neighbours"]
        assert len(shown) == 8
        assert [item["distance"] for item in shown] == sorted(item["distance"] for item in shown)
        first = gallery.filenames.index(shown[0]["filename"])
        assert shown[0]["angle"] == pytest.approx(gallery.heading_deg[first], abs=1e-3)
        place = prediction.local_frame.to_labels(gallery.position_m[[first]])[0]
        assert [shown[0]["latitude"], shown[0]["longitude"]] == pytest.approx(place, abs=1e-7)


def test_csv_is_one_flat_row_a_photo(predictor: Predictor, prediction: Prediction) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(prediction, predictor.gallery))))
    assert [row["filename"] for row in rows] == list(prediction.filenames)
    assert float(rows[1]["latitude_refined"]) == pytest.approx(prediction.positions_refined[1, 0])
    assert float(rows[0]["probability_2"]) == pytest.approx(
        prediction.region_probabilities[0, 1], abs=1e-6
    )
    assert len(rows[0]["neighbours"].split(";")) == 8


@pytest.mark.trap(name="latitude and longitude exchanged")
def test_geojson_is_longitude_first_in_degrees(
    predictor: Predictor, prediction: Prediction
) -> None:
    found = json.loads(to_geojson(prediction, predictor.gallery))
    assert found["type"] == "FeatureCollection"
    longitude, latitude = found["features"][0]["geometry"]["coordinates"]
    assert longitude == pytest.approx(78.35, abs=0.05)
    assert latitude == pytest.approx(17.445, abs=0.05)
    properties = found["features"][0]["properties"]
    assert properties["latitude_refined_deg"] == pytest.approx(latitude)


def test_polygons_of_the_regions_follow_the_photos(prediction: Prediction) -> None:
    ring = ((78.0, 17.0), (78.1, 17.0), (78.1, 17.1), (78.0, 17.0))
    area = Area(region=prediction.regions[1], polygons=((ring,),))
    named = {prediction.regions[1]: "Library"}
    features = json.loads(to_geojson(replace(prediction, areas=(area,), region_names=named)))[
        "features"
    ]
    assert len(features) == len(prediction) + 1
    assert (
        features[:-1] == json.loads(to_geojson(replace(prediction, region_names=named)))["features"]
    )
    assert features[-1]["geometry"]["coordinates"] == [[[list(corner) for corner in ring]]]
    assert features[-1]["properties"] == {
        "region": prediction.regions[1], "region_name": "Library",
    }  # fmt: skip


def planar(prediction: Prediction) -> Prediction:
    return replace(
        prediction, local_frame=LocalFrame(CoordinateFrame("planar_metres"), (1000.0, 2000.0))
    )


@pytest.mark.trap(name="geodesy on numbers that are no degrees")
def test_planar_positions_have_no_degrees(prediction: Prediction) -> None:
    flat = planar(prediction)
    with pytest.raises(FrameError, match="planar metres"):
        to_geojson(flat)
    record = json.loads(to_json(flat))[0]
    assert "latitude_deg" not in record
    assert record["latitude"] == pytest.approx(flat.position_m[0, 0] + 1000.0, abs=1e-3)
    assert record["neighbours"] == []


def test_an_angle_that_rounds_up_to_360_is_0(prediction: Prediction) -> None:
    turned = replace(prediction, heading_deg=np.array([359.9999, 0.0, 180.0]))
    assert [record["angle"] for record in json.loads(to_json(turned))] == [0.0, 0.0, 180.0]


@pytest.mark.parametrize(
    ("region", "regions", "expected"),
    [("7", ("7", "-1"), 7), ("7", ("7", "gate"), "7"), ("gate", ("7", "gate"), "gate")],
)
def test_regions_are_integers_where_all_are(
    region: str, regions: tuple[str, ...], expected: object
) -> None:
    assert region_value(region, regions) == expected


@pytest.mark.parametrize(
    ("frame", "decimals"),
    [
        (CoordinateFrame("degrees"), 8),
        (CoordinateFrame("scaled_degrees", 1e-6, 17.0, 78.0), 2),
        (CoordinateFrame("planar_metres"), 3),
    ],
)
def test_label_units_keep_millimetres(frame: CoordinateFrame, decimals: int) -> None:
    assert label_decimals(frame) == decimals


def test_an_unknown_format_is_refused(prediction: Prediction) -> None:
    with pytest.raises(ConfigError, match="choose json, csv, csv-short, geojson, kml, gpx"):
        written(prediction, None, "shp")
    assert written(prediction, None, "json") == to_json(prediction)


def test_the_command_line_offers_every_format() -> None:
    assert predict_command.FORMATS == FORMATS


NASTY = 'a&b <i>"c"\x01.jpg'
ON_EARTH = LocalFrame(CoordinateFrame("degrees"), (17.44, 78.35))


def answer(*, refused: bool = False) -> Prediction:
    """One calibrated answer at the origin of its frame, with a name that is markup."""
    found = replace(predicted(trust(refused=refused)), local_frame=ON_EARTH)
    return replace(found, filenames=(NASTY,))


def test_gpx_is_read_by_a_gps_library() -> None:
    [point] = gpxpy.parse(written(answer(), None, "gpx")).waypoints
    assert (point.latitude, point.longitude) == pytest.approx((17.44, 78.35), abs=1e-7)
    assert point.name == NASTY.replace("\x01", "\ufffd")
    assert point.description == "Main Gate, heading 3 degrees, within 16 m (90 % confidence)"
    assert point.time is None


def test_gpx_names_refused_photos_and_gives_them_no_place() -> None:
    found = gpxpy.parse(written(answer(refused=True), None, "gpx"))
    assert not found.waypoints
    assert "a&b" in str(found.description)
    [kept] = gpxpy.parse(written(answer(refused=True), None, "gpx", keep_refused=True)).waypoints
    assert kept.latitude == pytest.approx(17.44, abs=1e-7)


def test_kml_has_a_pin_and_the_area_around_it() -> None:
    root = ElementTree.fromstring(written(answer(), None, "kml"))
    assert root.tag == "{http://www.opengis.net/kml/2.2}kml"
    [mark] = root.iterfind("{*}Document/{*}Placemark")
    assert mark.findtext("{*}name") == NASTY.replace("\x01", "\ufffd")
    point = mark.findtext("{*}MultiGeometry/{*}Point/{*}coordinates")
    assert point == "78.35000000,17.44000000", "longitude first"
    rings = mark.findall("{*}MultiGeometry/{*}Polygon/{*}outerBoundaryIs/{*}LinearRing")
    corners = [
        [
            tuple(map(float, pair.split(",")))
            for pair in str(ring.findtext("{*}coordinates")).split()
        ]
        for ring in rings
    ]
    assert shapely.Point(78.35, 17.44).within(shapely.union_all([*map(shapely.Polygon, corners)]))
    assert all(ring[0] == ring[-1] for ring in corners), "rings are closed"
    data = {each.attrib["name"]: each.findtext("{*}value") for each in mark.iter() if "name" in
            each.attrib}  # fmt: skip
    assert data["within_m"] == "16.2"
    [kept] = ElementTree.fromstring(written(answer(refused=True), None, "kml")).iterfind(
        "{*}Document/{*}Placemark"
    )
    assert kept.find("{*}MultiGeometry") is None
    assert str(kept.findtext("{*}description")).startswith("not this campus")


def test_geojson_is_read_by_a_geometry_library() -> None:
    [feature] = json.loads(written(answer(), None, "geojson"))["features"]
    assert shapely.geometry.shape(feature["geometry"]).equals(shapely.Point(78.35, 17.44))
    area = shapely.geometry.shape(feature["properties"]["region_90"])
    assert area.is_valid
    assert area.contains(shapely.Point(78.35, 17.44))


def test_the_short_table_says_what_people_read() -> None:
    [row] = csv.DictReader(io.StringIO(written(answer(), None, "csv-short")))
    assert row == {
        "filename": NASTY, "region": "Main Gate", "latitude": "17.44", "longitude": "78.35",
        "within_m": "16.2", "heading_deg": "3.0", "heading_within_deg": "20.0", "refused": "False",
    }  # fmt: skip
    [row] = csv.DictReader(io.StringIO(written(answer(refused=True), None, "csv-short")))
    assert (row["latitude"], row["refused"]) == ("", "True")


def test_a_submission_has_an_answer_for_every_photo_in_label_units() -> None:
    for refused in (False, True):
        [row] = csv.DictReader(io.StringIO(written(answer(refused=refused), None, "submission")))
        assert row == {
            "id": "0", "Latitude": "17.44", "Longitude": "78.35", "angle": "3.0", "Region_ID": "1",
        }  # fmt: skip


@pytest.mark.parametrize("form", ["geojson", "kml", "gpx"])
def test_formats_of_positions_need_positions_in_degrees(form: Format) -> None:
    without = predicted(trust(), labels=("region",))
    with pytest.raises(ConfigError, match="holds positions"):
        written(without, None, form)
    with pytest.raises(FrameError, match="planar metres"):
        written(predicted(trust()), None, form)
    assert form in forms_of(LABELS, ON_EARTH.frame)
    assert form not in forms_of(LABELS[2:], ON_EARTH.frame)
