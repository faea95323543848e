"""What a person says about a table: tried without writing, stored without losing anything."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.dataset.campus import campus_text, read_table_settings
from core.dataset.labels import read_dataset
from core.dataset.mapping import (
    campus_with,
    read_as,
    said_columns,
    save_reading,
    tables_to_read,
    try_reading,
)
from core.errors import LabelError
from core.geo import CoordinateFrame
from core.tables.read import recognise
from core.tables.settings import TableSettings
from tests.tables.folders import campus_rows, folder, numbers, photos

ROWS = campus_rows()
GERMAN = {
    "filename": "Bildname des Fotos", "timestamp": "Wann", "latitude": "Y_Wert",
    "longitude": "X_Wert", "angle": "Kamera", "Region_ID": "Abschnitt",
}  # fmt: skip
COLUMNS = {
    "filename": "Bildname des Fotos", "latitude": "Y_Wert", "longitude": "X_Wert",
    "heading": "Kamera", "region": "Abschnitt", "timestamp": "Wann",
}  # fmt: skip
PLAIN = TableSettings()
CHANGED = TableSettings(
    columns={"latitude": "Breite", "longitude": 'Länge "östlich"', "region": ""},
    encoding="cp1251", separator=";", decimal=",", heading="mils", heading_from="east",
    heading_clockwise=False,
)  # fmt: skip
SCALED = CoordinateFrame("scaled_degrees", 1e-6, 17.2, 78.2)


def unknown(root: Path, **options: str) -> Path:
    """A folder whose only table has column names that nobody knows."""
    return folder(root, ROWS.rename(columns=GERMAN), separator=";", name="standorte.csv", **options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# my campus\nname = 'X' # note\n\n[regions]\n7 = 'Lib' # the library\n",
        "heading = 'radians'\n[columns]\nlat = 'A'\nlon = 'B'  # keep\n[frame]\nkind = 'degrees'\n",
        "name = 'x'\r\n[columns]\r\nlat = 'A'\r\n",
        "columns.lat = 'Q'\nname = 'x'\n",
        "columns = {lat = 'Q'}\n",
        "declination_deg = 1.5\njoin_case = true\n[table]\n# dialect\nencoding = 'utf-8'\n"
        "[camera]\nhfov_deg = 65.0\n[demo]\nseed = 3",
    ],
)
def test_what_is_written_reads_back_and_keeps_the_rest(text: str) -> None:
    now, frame = read_table_settings(Path(), text)
    wanted = replace(
        CHANGED, declination_deg=now.declination_deg, join_case=now.join_case,
        real_regions=now.real_regions,
    )  # fmt: skip
    new = campus_with(text, wanted, SCALED)
    assert read_table_settings(Path(), new) == (wanted, SCALED)
    kept = [line for line in text.splitlines() if "#" in line or ("=" in line and "'X'" in line)]
    for line in kept:
        assert line.split("#")[-1] in new
    assert ("hfov_deg = 65.0" in new) == ("hfov_deg" in text)
    assert read_table_settings(Path(), campus_with(new, now, frame)) == (now, frame)
    # Nothing said anew, nothing touched.
    assert campus_with(text, now, frame) == text


def test_an_unknown_table_is_shown_tried_saved_and_read(tmp_path: Path) -> None:
    root = unknown(tmp_path)
    with pytest.raises(LabelError, match=r"standorte\.csv, whose columns are not known"):
        read_dataset(root)
    (table,) = tables_to_read(root)
    found = recognise(table)
    assert found.raw.header == tuple(GERMAN.values())
    assert dict(found.columns) == {}
    assert found.suggested["filename"] == "Bildname des Fotos"
    source = read_as(root, table)
    assert source == table
    assert "lacks needed columns" in try_reading(source, "").fault

    settings = replace(PLAIN, columns=said_columns(COLUMNS, found.columns, {}))
    trial = try_reading(source, campus_with("", settings, None))
    assert trial.fault == ""
    assert trial.points is not None
    assert trial.points.region[:3] == ("1", "2", "3")
    np.testing.assert_allclose(
        trial.points.frame.to_labels(trial.points.position_m)[:, 1], numbers(ROWS, "longitude"),
        atol=1e-9,
    )  # fmt: skip
    assert not (root / "campus.toml").exists()

    assert save_reading(source, settings, None) == root / "campus.toml"
    assert read_as(root, table) == root
    dataset = read_dataset(root)
    np.testing.assert_allclose(dataset.positions[:, 0], numbers(ROWS, "latitude"))
    np.testing.assert_allclose(dataset.headings_deg, numbers(ROWS, "angle"))


def test_points_are_shown_while_the_unit_of_headings_is_in_doubt(tmp_path: Path) -> None:
    rows = ROWS.assign(angle=[f"{np.deg2rad(float(value)):.6f}" for value in ROWS["angle"]])
    root = folder(tmp_path, rows)
    doubtful = try_reading(root, "")
    assert "look like radians" in doubtful.fault
    assert doubtful.points is not None
    assert doubtful.dataset is None
    said = campus_with("", replace(PLAIN, heading="radians"), None)
    trial = try_reading(root, said)
    assert trial.fault == ""
    assert trial.points is not None
    np.testing.assert_allclose(trial.points.heading_deg, numbers(ROWS, "angle"), atol=1e-3)


def test_points_are_shown_without_photos_and_without_a_frame_there_are_none(tmp_path: Path) -> None:
    root = folder(tmp_path / "a", ROWS)
    for photo in (root / "images").iterdir():
        photo.unlink()
    trial = try_reading(root, "")
    assert "photo missing" in trial.fault
    assert trial.points is not None
    assert len(trial.points.region) == len(ROWS)
    metres = ROWS.assign(latitude=[str(1000 + 5 * row) for row in range(len(ROWS))],
                         longitude=[str(2000 + 3 * row) for row in range(len(ROWS))])  # fmt: skip
    root = folder(tmp_path / "b", metres)
    assert try_reading(root, "").points is None
    trial = try_reading(root, campus_with("", PLAIN, CoordinateFrame("planar_metres")))
    assert trial.fault == ""
    assert trial.points is not None
    np.testing.assert_allclose(np.ptp(trial.points.position_m, axis=0), [195.0, 117.0])


def test_a_column_that_is_not_meant_is_not_read(tmp_path: Path) -> None:
    root = folder(tmp_path, ROWS)
    found = recognise(root / "labels.csv")
    wanted: dict[str, str | None] = {**found.columns, "region": None}
    columns = said_columns(wanted, found.columns, {})
    assert columns == {"region": ""}
    save_reading(root, replace(PLAIN, columns=columns), None)
    dataset = read_dataset(root)
    assert "region" not in dataset.sources[0].columns
    # Taken back, the name leaves the file again.
    assert said_columns({"region": None}, {}, columns) == {}
    assert said_columns(dict(found.columns), found.columns, {"walk": "W"}) == {"walk": "W"}


def test_two_columns_for_one_role_are_a_question(tmp_path: Path) -> None:
    root = folder(tmp_path, ROWS.assign(lat=ROWS["longitude"]))
    found = recognise(root / "labels.csv")
    assert "latitude" not in found.columns
    assert "both mean latitude" in found.doubts[0]
    said = recognise(root / "labels.csv", replace(PLAIN, columns={"latitude": "lat"}))
    assert said.doubts == ()
    assert said.columns["latitude"] == "lat"


def test_a_column_that_campus_toml_names_and_the_table_lacks_is_a_question(tmp_path: Path) -> None:
    root = folder(tmp_path, ROWS, campus='[columns]\nlatitude = "Breite"\n')
    settings, _ = read_table_settings(root)
    found = recognise(root / "labels.csv", settings)
    assert "has no such column" in found.doubts[0]
    assert found.columns["longitude"] == "longitude"


def test_tables_are_offered_likeliest_first(tmp_path: Path) -> None:
    photos(tmp_path, ["a.jpg"])
    for name in ("a.csv", "b.csv", "notes.txt", "repairs.csv", "predictions.csv"):
        pd.DataFrame({"x": ["1"]}).to_csv(tmp_path / name, index=False)
    assert [path.name for path in tables_to_read(tmp_path)] == ["a.csv", "b.csv", "notes.txt"]
    assert read_as(tmp_path, tmp_path / "b.csv") == tmp_path / "b.csv"
    with pytest.raises(LabelError, match="no label file"):
        tables_to_read(photos(tmp_path / "none", ["a.jpg"]))


def test_a_byte_order_mark_of_campus_toml_is_no_mistake(tmp_path: Path) -> None:
    root = folder(tmp_path, ROWS)
    (root / "campus.toml").write_bytes(b"\xef\xbb\xbfname = 'North'\r\n# mine\r\n")
    assert read_dataset(root).campus.name == "North"
    save_reading(root, replace(PLAIN, columns={"walk": "Region_ID"}), None)
    assert campus_text(root).startswith("name = 'North'\r\n# mine\r\n")
    assert read_dataset(root).table["walk"].iloc[0] == "1"
