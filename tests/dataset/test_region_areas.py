"""Regions of photos from the polygons of regions.geojson."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.dataset.labels import Dataset, read_dataset
from core.dataset.layout import dataset_state
from core.dataset.region_areas import with_regions_in
from core.errors import LabelError
from tests.dataset.grid import EAST, NORTH, RIGHT, WEST, feature, photos, ring
from tests.tables.folders import folder


def read(
    path: Path, features: object, rows: pd.DataFrame | None = None, campus: str = ""
) -> Dataset:
    root = folder(path, photos() if rows is None else rows, campus=campus)
    content = features
    if isinstance(features, list):
        content = {"type": "FeatureCollection", "features": features}
    (root / "regions.geojson").write_text(json.dumps(content), encoding="utf-8")
    return read_dataset(root, allow_missing=True)


def region(dataset: Dataset) -> np.ndarray:
    """Regions on the grid `(5, 6)`."""
    of = dataset.table.set_index("filename")["region"]
    return np.array([[of.get(f"{n}_{e}.jpg", "gone") for e in range(6)] for n in range(5)])


def test_a_photo_has_the_region_of_the_area_around_it(tmp_path: Path) -> None:
    dataset = read(tmp_path, [feature("West", WEST), feature("East", ring(-0.5, 2.5, 3.5, 5.5))])
    wanted = np.full((5, 6), "West", object)
    wanted[:, 3:] = "East"
    wanted[4, 3:] = ""
    assert (region(dataset) == wanted).all()
    assert dataset.regions == ("East", "West")
    assert dataset.regions_from == "polygons"
    assert [area.region for area in dataset.areas] == ["East", "West"]
    notes = "\n".join(dataset.notes)
    assert "27 photos have the region of regions.geojson" in notes
    assert "3 photos lie in no area of regions.geojson and have no region: 4_3.jpg" in notes
    assert "2 from the polygons of regions.geojson" in dataset.summary()


def test_holes_and_several_polygons_make_one_area(tmp_path: Path) -> None:
    hole = ring(0.5, 0.5, 3.5, 1.5)
    park = feature("Park", WEST, hole)
    island = feature("Park", ring(-0.5, 4.5, 0.5, 5.5))
    many = {
        "type": "Feature", "properties": {"name": "Halls"},
        "geometry": {"type": "MultiPolygon", "coordinates": [
            [ring(1.5, 2.5, 2.5, 5.5)], [ring(3.5, 2.5, 4.5, 5.5)]]},
    }  # fmt: skip
    dataset = read(tmp_path, [park, island, many])
    wanted = np.full((5, 6), "", object)
    wanted[:, :3] = "Park"
    wanted[1:4, 1] = ""
    wanted[0, 5] = "Park"
    wanted[[2, 4], 3:] = "Halls"
    assert (region(dataset) == wanted).all()
    park_m = dataset.areas[1].polygons_m(dataset.local_frame())
    assert sorted(len(polygon) for polygon in park_m) == [1, 2]
    sides = np.ptp(np.concatenate([rings[0] for rings in park_m]), axis=0)
    assert sides == pytest.approx([5 * 110.6, 6 * 108.9], rel=2e-3)


def test_rings_that_cross_themselves_are_read_even_odd(tmp_path: Path) -> None:
    # A bow tie over the grid: both triangles are inside.
    tie = [[77.125 + x * 1e-3, 12.25 + y * 1e-3] for x, y in
           ((-0.5, -0.5), (5.5, 4.5), (5.5, -0.5), (-0.5, 4.5), (-0.5, -0.5))]  # fmt: skip
    dataset = read(tmp_path, [feature("Tie", tie)])
    wanted = np.full((5, 6), "", object)
    for n, e in zip(NORTH.ravel(), EAST.ravel(), strict=True):
        # Left or right of the middle, where the diagonals leave more width than height.
        if abs(e - 2.5) / 3 > abs(n - 2) / 2.5:
            wanted[n, e] = "Tie"
    assert (region(dataset) == wanted).all()
    assert any("cross themselves" in note for note in dataset.notes)


@pytest.mark.parametrize("split", [False, True])
def test_areas_may_lie_across_the_antimeridian(tmp_path: Path, split: bool) -> None:
    at = 179.998
    whole = [[min(x, 360 + x, key=lambda v: abs(v - 180)), y] for x, y in
             ring(-0.5, 0.5, 4.5, 4.5, at)]  # fmt: skip
    shape: dict[str, Any] = {"type": "Polygon", "coordinates": [whole]}
    if split:  # as RFC 7946 asks
        left, right = ring(-0.5, 0.5, 4.5, 2.0, at), ring(-0.5, 2.0, 4.5, 4.5, at)
        left = [[180.0 if x == -180 else x, y] for x, y in left]
        shape = {"type": "MultiPolygon", "coordinates": [[left], [right]]}
    features = [{"type": "Feature", "properties": {"name": "Both"}, "geometry": shape}]
    dataset = read(tmp_path, features, photos(at))
    wanted = np.full((5, 6), "", object)
    wanted[:, 1:5] = "Both"
    assert (region(dataset) == wanted).all()
    corners = np.concatenate([p[0] for p in dataset.areas[0].polygons_m(dataset.local_frame())])
    assert np.ptp(corners, axis=0) == pytest.approx([5 * 110.6, 4 * 108.9], rel=2e-3)


def test_labels_win_over_polygons_and_blanks_are_filled(tmp_path: Path) -> None:
    rows = photos(Region_ID="West")
    rows.loc[:3, "Region_ID"] = "East"
    rows.loc[12:, "Region_ID"] = ""
    dataset = read(tmp_path, [feature("West", WEST), feature("East", RIGHT)], rows)
    got = region(dataset)
    assert got[0].tolist() == ["East"] * 4 + ["West"] * 2
    assert (got[1] == "West").all()
    assert (got[2:, :3] == "West").all()
    assert (got[2:, 3:] == "East").all()
    assert dataset.regions_from == "labels"


def test_ids_of_the_labels_and_names_of_areas_meet_in_campus_toml(tmp_path: Path) -> None:
    rows = photos(Region_ID=["7", "8", "", "", "", ""] * 5)
    toml = '[regions]\n7 = "West"\n8 = "East"\n'
    dataset = read(tmp_path, [feature("West", WEST), feature("East", RIGHT)], rows, campus=toml)
    assert (region(dataset)[:, 2:] == ["7", "8", "8", "8"]).all()
    assert dataset.regions == ("7", "8")


@pytest.mark.parametrize(
    ("key", "names", "toml", "regions"),
    [
        ("Region_ID", (7, 8.0), "", ("7", "8")),
        ("Name", ("A ", "B"), "", ("A", "B")),
        ("GEB_NR", ("x", "y"), '[areas]\nproperty = "GEB_NR"\n', ("x", "y")),
    ],
)
def test_the_property_that_names_areas(
    tmp_path: Path, key: str, names: tuple[Any, Any], toml: str, regions: tuple[str, str]
) -> None:
    features = [feature(n, r, key=key) for n, r in zip(names, (WEST, RIGHT), strict=True)]
    assert read(tmp_path, features, campus=toml).regions == regions


def test_an_id_and_a_name_give_the_display_name(tmp_path: Path) -> None:
    features = [
        feature(7, WEST, key="zone", name="Park"),
        feature(8, RIGHT, key="zone", name="Hall"),
    ]
    dataset = read(tmp_path, features)
    assert dataset.regions == ("7", "8")
    assert dataset.campus.region_names == {"7": "Park", "8": "Hall"}


def test_a_few_photos_in_two_areas_have_no_region(tmp_path: Path) -> None:
    rows = pd.concat([photos(), *[photos(77.125 + k * 1e-5) for k in range(1, 6)]])
    rows["filename"] = [f"{number}.jpg" for number in range(len(rows))]
    overlap = ring(-0.2, 2.045, 0.2, 5.5)
    dataset = read(tmp_path, [feature("West", WEST), feature("East", overlap)], rows)
    assert any("1 photos lie in several areas" in note for note in dataset.notes)
    assert (dataset.table["region"] == "West").sum() == 6 * 15 - 1


def test_many_photos_in_two_areas_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"5 of 30 photos lie in several areas \(East and West\)"):
        read(tmp_path, [feature("West", WEST), feature("East", ring(-0.5, 1.5, 4.5, 5.5))])


def test_a_photo_on_a_shared_border_is_in_the_first_area(tmp_path: Path) -> None:
    left, right = ring(-1, -1, 5, 2), ring(-1, 2, 5, 6)
    dataset = read(tmp_path, [feature("B", right), feature("A", left)])
    assert (region(dataset)[:, 2] == "A").all()


SQUARE = feature("West", WEST)
SWAPPED = feature("West", [[y, x] for x, y in WEST])
CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25832"}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "holds no areas"),
        ([{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}], "no areas"),
        ([feature("A")], "no areas"),
        ([feature("A", [[77.125, 12.25]] * 5)], "no areas"),
        ([{**SQUARE, "geometry": {"type": "Polygon", "coordinates": 3}}], "damaged"),
        ([feature("", WEST), SQUARE], r"1 of 2 areas have no name \(areas 1\)"),
        ([feature("A", WEST, key="height")], "no property names the areas"),
        ([SWAPPED], "latitude first"),
        ([feature("A", ring(20, 20, 25, 25))], "no photo lies in any of its areas"),
        ([feature("A", [[5e5, 4e6], [5e5, 5e6], [6e5, 5e6], [5e5, 4e6]])], "WGS 84"),
        ([feature("A", [[77.0, 12.0], [77.1, 12.1]])], "feature 1 is damaged"),
        ({"type": "FeatureCollection", "crs": CRS, "features": [SQUARE]}, "25832"),
    ],
)
def test_files_that_cannot_be_followed_are_refused(
    tmp_path: Path, content: object, why: str
) -> None:
    with pytest.raises(LabelError, match=why):
        read(tmp_path, content)


def test_a_torn_file_and_planar_metres_are_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "a", photos())
    (root / "regions.geojson").write_text('{"type": "Feature')
    with pytest.raises(LabelError, match="damaged"):
        read_dataset(root)
    planar = '[frame]\nkind = "planar_metres"\n'
    with pytest.raises(LabelError, match="planar metres"):
        read(tmp_path / "b", [SQUARE], photos(), campus=planar)


def test_areas_without_positions_are_not_used(tmp_path: Path) -> None:
    rows = photos(Region_ID="West")[["filename", "Region_ID"]]
    dataset = read(tmp_path, [SQUARE], rows)
    assert dataset.areas == ()
    assert any("is not used: no photo has a position" in note for note in dataset.notes)


def test_a_change_of_the_polygons_is_a_change_of_the_dataset(tmp_path: Path) -> None:
    root = folder(tmp_path, photos())
    before = dataset_state(root)
    (root / "regions.geojson").write_text("{}")
    assert dataset_state(root) != before


@pytest.mark.parametrize("at", [77.125, 179.998])
def test_photos_get_the_regions_of_areas_that_a_model_keeps(tmp_path: Path, at: float) -> None:
    boxes = [ring(-0.5, west, 4.5, east, at) for west, east in ((-0.5, 2.5), (2.5, 4.5))]
    features = [feature(name, box) for name, box in zip(("West", "East"), boxes, strict=True)]
    with_polygons = read(tmp_path / "a", features, photos(at))
    plain = read_dataset(folder(tmp_path / "b", photos(at), campus="regions = 3\n"))
    assert plain.regions_from == "positions"
    same = with_regions_in(plain, with_polygons.areas, {"West": "The west"})
    assert (region(same) == region(with_polygons)).all()
    assert (region(same)[:, 5] == "").all()
    assert (same.regions, same.regions_from) == (("East", "West"), "polygons")
    assert same.campus.region_names == {"West": "The west"}
