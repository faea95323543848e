import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.data.review.scene import Scene, review_deck, row_of, scene_of
from app.theme import LIGHT
from core.areas import Area
from core.audit.findings import Column, Finding
from core.audit.rows import LabelRows, read_rows
from core.dataset.base_layer import BaseLayer, Shape


@pytest.fixture(scope="module")
def rows(shared_campus: Path) -> LabelRows:
    return read_rows(shared_campus)


def finding(rows: LabelRows, row: int, column: Column, proposal: str) -> Finding:
    name, labels = rows.text["filename"].iat[row], rows.text["file"].iat[row]
    return Finding(name, "zero", column, "", proposal, 1.0, "why", labels=labels)


def drawn(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    made = json.loads(review_deck(scene, LIGHT, online=False).to_json())
    return {layer["id"]: layer["data"] for layer in made["layers"]}


def scene(rows: LabelRows, row: int, column: Column, new: str) -> Scene:
    made = scene_of(rows, finding(rows, row, column, new), new)
    assert made is not None
    return made


def test_a_moved_photo_is_drawn_at_both_places(rows: LabelRows) -> None:
    other = rows.position_text(20)
    made = scene(rows, 0, "position", other)
    layers = drawn(made)
    latitude, longitude = (float(part) for part in other.split())
    assert layers["new"][0]["p"] == pytest.approx([longitude, latitude], abs=1e-5)
    assert layers["old"][0]["p"] == pytest.approx([rows.longitude[0], rows.latitude[0]], abs=1e-5)
    assert len(layers["move"]) == 1
    assert {"old-arrow", "new-arrow", "around"} <= set(layers)
    assert row_of(rows, finding(rows, 0, "angle", "")) == 0
    assert rows.text["filename"].iat[0] not in made.filenames


def test_the_place_is_drawn_below_the_labels_in_place_of_a_grid(rows: LabelRows) -> None:
    made = scene(rows, 5, "angle", "90")
    house = made.frame.to_degrees(made.around_m[0] + np.array([(0, 0), (0, 5), (5, 5), (5, 0)]))
    base = BaseLayer((Shape("building", (house,), 2),))
    ids = [layer.id for layer in review_deck(made, LIGHT, online=False, base=base).layers]
    assert ids.index("base-buildings") < ids.index("scale") < ids.index("old")
    assert "grid" not in ids
    assert "grid" in drawn(made)


def test_a_turned_photo_has_two_arrows_at_one_place(rows: LabelRows) -> None:
    made = scene(rows, 5, "angle", "90")
    layers = drawn(made)
    assert layers["old"][0]["p"] == layers["new"][0]["p"]
    assert made.new_deg == 90.0
    assert layers["old-arrow"] != layers["new-arrow"]
    assert "move" not in layers
    assert "new" not in drawn(scene(rows, 5, "angle", ""))


def test_photos_of_the_regions_meant_are_coloured(rows: LabelRows) -> None:
    made = scene(rows, 0, "Region_ID", "3")
    assert made.own == ("1", "3")
    colours = {tuple(dot["c"]): dot["t"] for dot in drawn(made)["around"]}
    assert len(colours) == 3


def test_a_label_far_away_is_named_and_not_drawn(shared_campus: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shared_campus, tmp_path / "campus"))
    table = pd.read_csv(folder / "labels.csv", dtype=str)
    right = table.loc[1, "latitude"]
    table.loc[1, "latitude"] = "71.4"
    table.to_csv(folder / "labels.csv", index=False)
    spoiled = read_rows(folder)
    made = scene(spoiled, 1, "latitude", right)
    assert "outside the map" in made.off_map
    layers = drawn(made)
    assert "old" not in layers
    assert layers["new"][0]["p"][1] == pytest.approx(float(right), abs=1e-5)
    spread = np.ptp([dot["p"][1] for dot in layers["around"]])
    assert spread < 0.01
    blind = scene(spoiled, 1, "latitude", "")
    assert "new" not in drawn(blind)
    assert len(blind.region)


def test_no_map_where_nobody_knows_what_the_numbers_mean(
    shared_campus: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(shared_campus, tmp_path / "campus"))
    (folder / "campus.toml").unlink()
    table = pd.read_csv(folder / "labels.csv")
    table["latitude"] *= 1000
    table.to_csv(folder / "labels.csv", index=False)
    unknown = read_rows(folder)
    assert scene_of(unknown, finding(unknown, 0, "angle", "3"), "3") is None


def test_photos_without_a_position_are_not_drawn(shared_campus: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shared_campus, tmp_path / "campus"))
    table = pd.read_csv(folder / "labels.csv", dtype=str)
    table.loc[::2, ["latitude", "longitude"]] = ""
    table.loc[4, "Region_ID"] = ""
    table.to_csv(folder / "labels.csv", index=False)
    half = read_rows(folder)
    unplaced = set(table["filename"][::2])
    findings: list[tuple[int, Column, str]] = [
        (4, "angle", "90"), (4, "Region_ID", "3"), (5, "Region_ID", "3"),
        (4, "position", half.position_text(5)), (4, "latitude", "17.4"),
    ]  # fmt: skip
    for row, column, new in findings:
        made = scene(half, row, column, new)
        assert made.old_m is None if row == 4 else made.old_m is not None
        assert made.filenames
        assert not unplaced & set(made.filenames)
        assert "" not in made.own
        assert "NaN" not in review_deck(made, LIGHT, online=False).to_json()


def test_the_areas_of_regions_lie_below_the_photos(rows: LabelRows) -> None:
    west, south = rows.longitude[0], rows.latitude[0]
    corners = ((west, south), (west + 1e-3, south), (west, south + 1e-3), (west, south))
    made = scene(rows, 0, "Region_ID", "3")
    content = json.loads(
        review_deck(
            made, LIGHT, online=False, areas=[Area(region="3", polygons=((corners,),))]
        ).to_json()
    )
    layers = {layer["id"]: layer["data"] for layer in content["layers"]}
    order = list(layers)
    assert order.index("regions") < order.index("around") < order.index("region-names")
    [shape] = layers["regions"]
    assert shape["s"][0] == pytest.approx(np.array(corners), abs=1e-6)
    assert [one["w"] for one in layers["region-names"]] == ["3"]
    assert "regions" not in drawn(made)
