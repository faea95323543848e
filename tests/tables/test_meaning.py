"""Units of headings, rows without a position, regions: nothing wrong is taken for right."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.__main__ import main
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.dataset.labels import read_dataset
from core.errors import LabelError
from core.geo import heading_error_deg
from tests.tables.folders import campus_rows, folder, numbers

ROWS = campus_rows(120)
TRUE_DEG = numbers(ROWS, "angle")
UNITS = {"radians": np.pi / 180, "turns": 1 / 360, "mils": 6400 / 360, "grads": 400 / 360}


def written(values: np.ndarray) -> list[str]:
    return [f"{value:.6f}" for value in values]


@pytest.mark.trap(name="headings in another unit")
@pytest.mark.parametrize("unit", UNITS)
def test_headings_in_another_unit_are_refused_until_they_are_named(
    tmp_path: Path, unit: str
) -> None:
    root = folder(tmp_path, ROWS.assign(angle=written(TRUE_DEG * UNITS[unit])))
    with pytest.raises(LabelError, match=f'heading = "{unit}"'):
        read_dataset(root)
    findings = audit(AuditConfig(dataset=root, photos=False)).findings
    assert (findings[0].finding, findings[0].score) == ("heading_unit", 1.0)
    (root / "campus.toml").write_text(f'heading = "{unit}"\n')
    dataset = read_dataset(root)
    assert heading_error_deg(dataset.headings_deg, TRUE_DEG).max() < 0.01
    assert f"headings were converted from {unit}, as campus.toml says" in dataset.notes


def test_headings_that_are_degrees_all_the_same_are_read_when_said(tmp_path: Path) -> None:
    rows = ROWS.assign(angle=written(np.linspace(0.0, 6.0, 120)))
    dataset = read_dataset(folder(tmp_path, rows, campus='heading = "degrees"\n'))
    np.testing.assert_allclose(dataset.headings_deg, np.linspace(0.0, 6.0, 120), atol=1e-6)


def test_one_heading_beyond_360_of_few_is_a_slip_and_no_unit(tmp_path: Path) -> None:
    root = folder(
        tmp_path, campus_rows(30).assign(angle=["372"] + [str(12 * k) for k in range(29)])
    )
    findings = audit(AuditConfig(dataset=root, photos=False)).findings
    assert [one.finding for one in findings if one.column == "angle"] == ["heading_out_of_range"]
    assert read_dataset(root).headings_deg[0] == 12.0


@pytest.mark.trap(name="mathematical and compass angles")
def test_headings_counted_counterclockwise_from_east(tmp_path: Path) -> None:
    rows = ROWS.assign(angle=written(np.mod(90.0 - TRUE_DEG, 360.0)))
    dataset = read_dataset(folder(tmp_path, rows, campus='counterclockwise_from = "east"\n'))
    assert heading_error_deg(dataset.headings_deg, TRUE_DEG).max() < 0.01


@pytest.mark.parametrize(
    ("text", "heading"),
    [("N", 0.0), ("ne", 45.0), ("SSW", 202.5), ("north-west", 315.0), ("N30E", 30.0),
     ("S 30° W", 210.0), ("53°", 53.0), ("53,5", 53.5), ("0.5 rad", 28.6479), ("53 T", 53.0)],
)  # fmt: skip
def test_words_and_marks_of_headings(tmp_path: Path, text: str, heading: float) -> None:
    rows = ROWS.copy()
    rows.loc[3, "angle"] = text
    assert read_dataset(folder(tmp_path, rows)).headings_deg[3] == pytest.approx(heading, abs=1e-3)


def test_headings_from_magnetic_north(tmp_path: Path) -> None:
    rows = ROWS.assign(GPSImgDirectionRef="Magnetic North")
    root = folder(tmp_path, rows)
    assert any("magnetic north" in note for note in read_dataset(root).notes)
    (root / "campus.toml").write_text("declination_deg = -2.5\n")
    headings = read_dataset(root).headings_deg
    np.testing.assert_allclose(headings, np.mod(TRUE_DEG - 2.5, 360.0))


@pytest.mark.trap(name="zeros that stand for no position")
@pytest.mark.parametrize("pair", [("0.0", "0.0"), ("0", "-0"), ("999", "999"), ("-1", "-1")])
def test_placeholders_are_no_positions(tmp_path: Path, pair: tuple[str, str]) -> None:
    rows = ROWS.copy()
    rows.loc[::6, ["latitude", "longitude"]] = pair
    root = folder(tmp_path, rows)
    with pytest.raises(LabelError, match="20 x no position"):
        read_dataset(root)
    dataset = read_dataset(root, allow_missing=True)
    assert len(dataset) == 100
    assert dataset.excluded["reason"].str.startswith("no position").all()
    findings = audit(AuditConfig(dataset=root, photos=False)).findings
    own = [each for each in findings if each.finding in ("zero", "no_position")]
    assert len(own) == 20
    assert {each.score for each in own} == {1.0}


def test_the_origin_of_a_plane_and_a_campus_at_null_island_are_positions(tmp_path: Path) -> None:
    rows = campus_rows(60, 0.0, 0.0)
    rows.loc[3, ["latitude", "longitude"]] = "0.0"
    assert len(read_dataset(folder(tmp_path / "degrees", rows))) == 60
    metres = np.random.default_rng(1).integers(-200, 200, (60, 2)).astype(str)
    rows["latitude"], rows["longitude"] = metres[:, 0], metres[:, 1]
    rows.loc[3, ["latitude", "longitude"]] = "0"
    plane = '[frame]\nkind = "planar_metres"\n'
    assert len(read_dataset(folder(tmp_path / "plane", rows, campus=plane))) == 60


def test_placeholders_are_no_regions(tmp_path: Path) -> None:
    rows = ROWS.copy()
    names = ["nan", "None", "N/A", "NULL", "#N/A", "-", "?", ""]
    rows.loc[: len(names) - 1, "Region_ID"] = names
    dataset = read_dataset(folder(tmp_path, rows))
    assert dataset.regions == ("1", "2", "3")
    assert (len(dataset), int(dataset.labelled("region").sum())) == (120, 112)
    assert any("8 of 120 photos have no region" in note for note in dataset.notes)
    root = folder(tmp_path / "real", rows, campus='[regions]\nNone = "Nonesuch House"\n')
    assert read_dataset(root, allow_missing=True).regions == ("1", "2", "3", "None")


def test_the_neighbours_propose_the_region_of_a_row_without_one(tmp_path: Path) -> None:
    rows = ROWS.assign(Region_ID=np.where(numbers(ROWS, "latitude") > 12.0, "north", "south"))
    most = int(np.argmax(numbers(rows, "latitude")))
    rows.loc[most, "Region_ID"] = "nan"
    findings = audit(AuditConfig(dataset=folder(tmp_path, rows), photos=False)).findings
    (found,) = (each for each in findings if each.finding == "region_empty")
    assert (found.filename, found.proposal) == (rows["filename"][most], "north")
    alone = folder(tmp_path / "none", ROWS[["filename", "latitude", "longitude"]])
    assert "region_empty" not in audit(AuditConfig(dataset=alone, photos=False)).by_kind


def test_region_names_are_written_in_one_way(tmp_path: Path) -> None:
    rows = ROWS.assign(Region_ID="Café  Nord")
    rows.loc[:9, "Region_ID"] = "Cafe\u0301\u00a0Nord"
    rows.loc[10:11, "Region_ID"] = "café nord"
    root = folder(tmp_path, rows)
    dataset = read_dataset(root)
    assert set(dataset.regions) == {"Café Nord", "café nord"}
    assert any("differ only in case" in note for note in dataset.notes)
    (root / "campus.toml").write_text("join_case = true\n")
    assert read_dataset(root).regions == ("Café Nord",)


def test_numbers_of_regions_that_are_written_in_two_ways_are_named(tmp_path: Path) -> None:
    rows = ROWS.assign(Region_ID="1")
    rows.loc[:9, "Region_ID"] = "001"
    dataset = read_dataset(folder(tmp_path / "both", rows))
    assert dataset.regions == ("1",)
    assert any("001 / 1 is region 1" in note for note in dataset.notes)
    # 1.0 is how programs write a column of whole numbers with gaps.
    rows.loc[:9, "Region_ID"] = "1.0"
    notes = read_dataset(folder(tmp_path / "one", rows)).notes
    assert not any("several ways" in note for note in notes)


def look(root: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str, str]:
    code = main(["look", str(root), *flags])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_look_says_what_was_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = campus_rows(60, -16.8, 180.0)
    east = numbers(rows, "longitude")
    rows["longitude"] = written(np.where(east > 180.0, east - 360.0, east))
    root = folder(tmp_path, rows.rename(columns={"latitude": "Breite"}), separator=";")
    code, out, _ = look(root, capsys, "--json")
    seen = json.loads(out)
    assert code == 0
    assert (seen["photos"], seen["left_out"], seen["regions"]) == (60, {}, ["1", "2", "3"])
    assert (seen["with_heading"], seen["with_position"]) == (60, 60)
    assert (seen["heading_unit"], seen["encoding"], seen["separator"]) == ("degrees", "utf-8", ";")
    assert seen["columns"]["latitude"] == "Breite"
    low, high = seen["longitude_range_deg"]
    assert 179.99 < low < 180.0 < high < 180.01
    assert 400 < seen["extent_m"][0] < 445
    assert 390 < seen["extent_m"][1] < 427
    code, out, _ = look(root, capsys)
    assert code == 0
    assert "separated by semicolon" in out
    assert "python -m core train" in out


def test_look_fails_where_train_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = ROWS.assign(latitude="", longitude="", Region_ID="-")
    code, out, err = look(folder(tmp_path, bare), capsys, "--json")
    assert code == 1
    assert json.loads(out)["with_heading"] == 120
    assert "no photo has a position, and none a region" in err
    assert "latitude and a column longitude" in err


def test_a_notebook_gets_the_same(tmp_path: Path) -> None:
    text = read_dataset(folder(tmp_path, ROWS)).summary()
    assert "120 photos" in text
    assert "headings   120 in degrees" in text


def test_far_rows_do_not_stretch_what_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.concat([ROWS, campus_rows(2, 12.3, 77.0, seed=5)], ignore_index=True)
    rows["filename"] = [f"photo_{row}.jpg" for row in range(122)]
    _, out, _ = look(folder(tmp_path, rows), capsys, "--json")
    seen = json.loads(out)
    assert max(seen["extent_m"]) < 500
    assert seen["far"] == ["images/photo_120.jpg", "images/photo_121.jpg"]


def test_look_names_the_columns_of_which_nothing_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ROWS.rename(columns={"angle": "Zielrichtung"}).assign(remark="door")
    root = folder(tmp_path, rows)
    code, out, _ = look(root, capsys, "--json")
    assert code == 0
    assert json.loads(out)["unused_columns"] == ["Zielrichtung", "remark"]
    _, out, _ = look(root, capsys)
    assert "not used   Zielrichtung, remark" in out
