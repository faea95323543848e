"""Labels of real tables that say nothing, or are not recognised, and must not pass in silence."""

from pathlib import Path

import numpy as np
import pytest

from core.dataset.labels import read_dataset
from core.errors import LabelError
from tests.tables.folders import campus_rows, folder

ROWS = campus_rows(40)
PLANE = '[frame]\nkind = "planar_metres"\n'


@pytest.mark.parametrize("error", ["#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#WERT!", "#NV"])
def test_an_error_of_a_spreadsheet_is_no_label(tmp_path: Path, error: str) -> None:
    rows = ROWS.copy()
    rows.loc[0, "Region_ID"] = error
    rows.loc[1, "angle"] = error
    rows.loc[2, ["latitude", "longitude"]] = error
    dataset = read_dataset(folder(tmp_path, rows))
    assert dataset.regions == ("1", "2", "3")
    lacking = [
        np.flatnonzero(~dataset.labelled(label)).tolist()
        for label in ("region", "heading", "position")
    ]
    assert lacking == [[0], [1], [2]]


def test_the_headings_that_phones_write_for_none_are_none(tmp_path: Path) -> None:
    angle = [["10", "-1", "200", "-999", "999"][row % 5] for row in range(40)]
    dataset = read_dataset(folder(tmp_path, ROWS.assign(angle=angle)))
    known = dataset.labelled("heading")
    assert known.tolist() == [row % 5 in (0, 2) for row in range(40)]
    assert any("24 headings are -999, -1, 999" in note for note in dataset.notes)


def test_minus_one_among_signed_headings_is_a_heading(tmp_path: Path) -> None:
    angle = [["10", "-1", "-90", "170"][row % 4] for row in range(40)]
    dataset = read_dataset(folder(tmp_path, ROWS.assign(angle=angle)))
    assert dataset.headings_deg[:4].tolist() == [10.0, 359.0, 270.0, 170.0]


def test_unknown_columns_of_numbers_are_named_if_there_is_no_position(tmp_path: Path) -> None:
    rows = ROWS.rename(columns={"latitude": "N", "longitude": "E"})
    dataset = read_dataset(folder(tmp_path / "plain", rows))
    assert any("not used: N, E. If two of them" in note for note in dataset.notes)
    with pytest.raises(LabelError, match="these columns of numbers are not used: N, E"):
        read_dataset(folder(tmp_path / "framed", rows, campus=PLANE))
    named = PLANE + '[columns]\nlatitude = "N"\nlongitude = "E"\n'
    assert read_dataset(folder(tmp_path / "named", rows, campus=named)).labelled("position").all()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"latitude": "12.05", "longitude": "77.01"}, "have a position have the same one"),
        ({"angle": "0"}, "have a heading have the same one (0)"),
    ],
)
def test_one_value_for_all_photos_is_said(
    tmp_path: Path, columns: dict[str, str], said: str
) -> None:
    notes = read_dataset(folder(tmp_path, ROWS.assign(**columns))).notes
    assert sum(said in note for note in notes) == 1
    notes = read_dataset(folder(tmp_path / "plain", ROWS)).notes
    assert not any("the same one" in note for note in notes)


def test_a_table_without_a_header_is_told_so(tmp_path: Path) -> None:
    root = folder(tmp_path, ROWS)
    text = (root / "labels.csv").read_text()
    (root / "labels.csv").write_text(text.split("\n", 1)[1])
    with pytest.raises(LabelError, match="has no header"):
        read_dataset(root)


def test_headings_alone_are_told_of_both_ways_on(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"latitude.*or, in place of both, region") as refused:
        read_dataset(folder(tmp_path, ROWS[["filename", "angle"]]))
    assert '= "angle"' not in str(refused.value)


def test_fewer_regions_than_asked_are_said(tmp_path: Path) -> None:
    bare = ROWS[["filename", "latitude", "longitude"]]
    dataset = read_dataset(folder(tmp_path, bare, campus="regions = 100\n"))
    assert any(
        "40 regions were made from the positions (100 were asked" in n for n in dataset.notes
    )


def test_headings_with_units_of_their_own_are_converted_with_a_note(tmp_path: Path) -> None:
    angle = [["90°", "1.5707963 rad", "180"][row % 3] for row in range(40)]
    dataset = read_dataset(folder(tmp_path, ROWS.assign(angle=angle)))
    np.testing.assert_allclose(dataset.headings_deg[:3], [90.0, 90.0, 180.0], atol=1e-5)
    assert (
        sum("13 headings were converted from a unit of their own" in n for n in dataset.notes) == 1
    )
