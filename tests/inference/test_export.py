import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.areas import Area
from core.errors import ConfigError, FrameError
from core.geo import CoordinateFrame, LocalFrame
from core.inference.export import label_decimals, region_value, to_csv, to_geojson, to_json, written
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor

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
    with pytest.raises(ConfigError, match="choose json, csv, geojson"):
        written(prediction, None, "kml")
    assert written(prediction, None, "json") == to_json(prediction)
