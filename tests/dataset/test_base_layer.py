"""The base layer of maps: what exports are read as, and what hostile files do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.dataset import base_layer
from core.dataset.base_layer import BaseLayer, read_base_layer
from core.dataset.layout import find_label_files
from core.errors import LabelError
from core.geo import CoordinateFrame, LocalFrame

HERE = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))
EXTENT_M = (-200.0, -200.0, 200.0, 200.0)


def square(middle_m: tuple[float, float] = (0.0, 0.0), half_m: float = 10.0) -> list[list[float]]:
    corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)]) * half_m + middle_m
    return HERE.to_degrees(corners)[:, ::-1].tolist()


def feature(form: str, coordinates: Any, **properties: Any) -> dict[str, Any]:  # noqa: ANN401
    geometry = {"type": form, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def read(root: Path, *features: Any, **more: Any) -> BaseLayer:  # noqa: ANN401
    content = {"type": "FeatureCollection", "features": list(features), **more}
    (root / "campus.geojson").write_text(json.dumps(content), encoding="utf-8")
    found = read_base_layer(root)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ({"kind": "paving", "building": "yes"}, "paving"),
        ({"building": "yes", "amenity": "university"}, "building"),
        ({"tags": {"natural": "water"}, "@id": "way/1"}, "water"),
        ({"other_tags": '"building"=>"dormitory","name"=>"A, \\"B\\""'}, "building"),
        ({"landuse": "forest"}, "wood"),
        ({"leisure": "pitch", "surface": "grass"}, "pitch"),
        ({"amenity": "parking"}, "paving"),
    ],
)
def test_a_feature_is_what_its_kind_or_its_tags_say(
    tmp_path: Path, properties: dict[str, Any], kind: str
) -> None:
    found = read(tmp_path, feature("Polygon", [square()], **properties))
    assert [shape.kind for shape in found.shapes] == [kind]


def test_ways_have_the_width_that_they_state_or_a_usual_one(tmp_path: Path) -> None:
    line = square()[:2]
    found = read(
        tmp_path,
        feature("LineString", line, highway="service", width="7 m"),
        feature("LineString", line, highway="footway"),
        feature("MultiLineString", [line, line], highway="residential", width="1e999"),
        feature("LineString", line, highway="proposed"),
        feature("LineString", line, building="no"),
    )
    assert [(shape.kind, shape.width_m) for shape in found.shapes] == [
        ("road", 7.0), ("path", 2.2), ("road", 5.5), ("road", 5.5),
    ]  # fmt: skip
    assert found.notes == ("campus.geojson: 2 features passed over: of no kind that is drawn",)


def test_a_map_gets_the_part_it_shows_in_metres_and_the_ground_first(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        feature("Polygon", [square(), square(half_m=4.0)], building="yes"),
        feature("Polygon", [square((190.0, 0.0), 40.0)], landuse="grass"),
        feature("Polygon", [square((5000.0, 0.0))], building="yes"),
        feature("Point", square((20.0, 30.0))[0], natural="tree"),
    )
    clipped = found.within(HERE, EXTENT_M)
    assert [shape.kind for shape in clipped.shapes] == ["lawn", "building", "tree"]
    lawn, building, _ = clipped.shapes
    assert lawn.parts[0][:, 0].max() == pytest.approx(200.0)
    assert lawn.parts[0][:, 0].min() == pytest.approx(150.0, abs=0.01)
    assert [np.abs(ring).max() for ring in building.parts] == pytest.approx([10.0, 4.0], abs=0.01)
    assert clipped.left_out == 0


def test_points_along_ways_are_a_few_metres_apart(tmp_path: Path) -> None:
    corners = HERE.to_degrees([(0.0, 0.0), (0.0, 30.0), (10.0, 30.0)])[:, ::-1].tolist()
    found = read(
        tmp_path,
        feature("LineString", corners, highway="footway"),
        feature("LineString", square((50.0, 50.0)), barrier="wall"),
    )
    points = found.within(HERE, EXTENT_M).ways_m(4.0)
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps.max() <= 4.001
    assert steps.sum() == pytest.approx(40.0, abs=0.1)
    assert base_layer.Clipped(()).ways_m().shape == (0, 2)


def test_small_features_are_left_out_and_counted_where_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [3.0, 9.0, 5.0, 7.0]
    found = read(tmp_path, *(feature("Polygon", [square(half_m=s)], building="yes") for s in sizes))
    monkeypatch.setattr(base_layer, "MOST_DRAWN", 12)
    clipped = found.within(HERE, EXTENT_M)
    widths = sorted(np.abs(shape.parts[0]).max() for shape in clipped.shapes)
    assert widths == pytest.approx([7.0, 9.0], abs=0.01)
    assert clipped.left_out == 2


def test_a_place_across_the_antimeridian_is_one_place(tmp_path: Path) -> None:
    here = LocalFrame(CoordinateFrame("degrees"), (-16.8, 179.9999))
    corners = [[179.9998, -16.8], [-179.9999, -16.8], [-179.9999, -16.7999], [179.9998, -16.7999]]
    found = read(tmp_path, feature("Polygon", [corners], building="yes"))
    (shape,) = found.within(here, EXTENT_M).shapes
    assert np.ptp(shape.parts[0][:, 1]) == pytest.approx(32.0, abs=1.0)


def test_the_source_is_named(tmp_path: Path) -> None:
    house = feature("Polygon", [square()], building="yes")
    assert read(tmp_path, house).attribution == ""
    assert read(tmp_path, house, attribution=" City \n survey ").attribution == "City survey"
    assert len(read(tmp_path, house, attribution="x" * 9000).attribution) == 200
    overpass = "The data included in this document is from www.openstreetmap.org."
    assert read(tmp_path, house, copyright=overpass).attribution == "© OpenStreetMap contributors"
    tagged = feature("Polygon", [square()], building="yes", **{"@id": "way/12"})
    assert read(tmp_path, tagged).attribution == "© OpenStreetMap contributors"


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        [],
        "Polygon",
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, "x"], [2, 2], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1], [2, 2], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [0, float("nan")], [2, 2], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [10**400, 1], [2, 2], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[{"a": 1}, {"b": 2}, {}, {}]]},
        {"type": "MultiPolygon", "coordinates": 7},
        {"type": "Polygon", "coordinates": [[[500000, 1900000], [500010, 1900000], [1, 1]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection"}]},
        {"type": "Point", "coordinates": [0, 0]},
    ],
)
def test_a_damaged_feature_is_passed_over_and_the_others_drawn(
    tmp_path: Path,
    geometry: Any,  # noqa: ANN401
) -> None:
    damaged = {"type": "Feature", "properties": {"building": "yes"}, "geometry": geometry}
    found = read(tmp_path, damaged, None, 5, feature("Polygon", [square()], building="yes"))
    assert len(found.shapes) == 1
    assert sum(int(note.split()[1]) for note in found.notes) == 3


def test_a_polygon_that_crosses_itself_is_drawn(tmp_path: Path) -> None:
    ring = square()
    found = read(tmp_path, feature("Polygon", [[ring[0], ring[2], ring[1], ring[3], ring[0]]],
                                   building="yes"))  # fmt: skip
    assert found.within(HERE, EXTENT_M).shapes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[1, 2]", "holds no JSON object"),
        (b"{}", "no GeoJSON FeatureCollection"),
        (b'{"features": 3}', "no GeoJSON FeatureCollection"),
        (b'{"features": []}', "nothing to draw"),
        (b'{"features":' + b"[" * 100_000, "is damaged"),
    ],
)
def test_a_damaged_file_is_named_with_a_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "campus.geojson").write_bytes(content)
    with pytest.raises(LabelError, match=words):
        read_base_layer(tmp_path)


def test_metres_of_a_national_grid_are_named_as_the_cause(tmp_path: Path) -> None:
    ring = [[500000, 1900000], [500010, 1900000], [500010, 1900010], [500000, 1900000]]
    with pytest.raises(LabelError, match=r"nothing to draw \(not in degrees"):
        read(tmp_path, feature("Polygon", [ring], building="yes"))


def test_size_and_corners_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = feature("Polygon", [square()], building="yes")
    monkeypatch.setattr(base_layer, "MOST_CORNERS", 9)
    with pytest.raises(LabelError, match="over 9 corners"):
        read(tmp_path, house, house)
    monkeypatch.setattr(base_layer, "MOST_BYTES", 50)
    with pytest.raises(LabelError, match="smaller area"):
        read(tmp_path, house)


def test_a_folder_without_the_file_has_none_and_the_file_is_no_label_table(tmp_path: Path) -> None:
    assert read_base_layer(tmp_path) is None
    read(tmp_path, feature("Polygon", [square()], building="yes"))
    (tmp_path / "fixes.csv").write_text("filename,latitude,longitude\na.jpg,1,2\n")
    files, _ = find_label_files(tmp_path)
    assert [file.path.name for file in files] == ["fixes.csv"]
