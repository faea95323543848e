"""repairs.csv: what is applied, what is not and is told, and what counts as changed."""

import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.dataset.labels import Dataset, labels_hash, read_dataset
from core.dataset.repairs import (
    COLUMNS,
    REPAIRS_FILE,
    Decision,
    Repair,
    read_repairs,
    write_repairs,
)
from core.dataset.store import prepare_dataset
from core.errors import LabelError

AT = "2026-01-31T12:00:00+00:00"


def _repair(root: Path, row: int, column: str, new: str, decision: Decision = "accepted") -> Repair:
    labels = pd.read_csv(root / "labels.csv", dtype=str)
    title = {"position": "latitude", "": "filename"}.get(column, column)
    old = str(labels.loc[row, title])
    if column == "position":
        old += f" {labels.loc[row, 'longitude']}"
    name = str(labels.loc[row, "filename"])
    return Repair("labels.csv", name, "odd", column, old, new, decision, "person", AT)


def _photo(dataset: Dataset, row: int) -> pd.Series:
    return dataset.table.set_index("filename").loc[f"img_{row:04d}.jpg"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    made = [
        Repair("labels.csv", "a,b.jpg", "odd", "angle", "372", "12", "accepted", "rule", AT),
        Repair("labels.csv", 'c"d.jpg', "odd", "", "", "", "rejected", "person", AT),
    ]
    write_repairs(tmp_path, made)
    assert read_repairs(tmp_path) == tuple(made)
    write_repairs(tmp_path, [])
    assert not (tmp_path / REPAIRS_FILE).exists()
    assert read_repairs(tmp_path) == ()


def test_accepted_values_are_read_in_place_of_the_old_ones(small_campus: Path) -> None:
    before = (small_campus / "labels.csv").read_bytes()
    write_repairs(
        small_campus,
        [
            _repair(small_campus, 1, "angle", "12"),
            _repair(small_campus, 2, "Region_ID", "4"),
            _repair(small_campus, 3, "position", "17.4455 78.3495"),
            _repair(small_campus, 4, "timestamp", "23:59"),
            _repair(small_campus, 5, "angle", "99", "rejected"),
        ],
    )
    old = _photo(read_dataset(small_campus), 5)["heading_deg"]
    found = read_dataset(small_campus)
    assert _photo(found, 1)["heading_deg"] == 12.0
    assert _photo(found, 2)["region"] == "4"
    assert (_photo(found, 3)["latitude"], _photo(found, 3)["longitude"]) == (17.4455, 78.3495)
    assert _photo(found, 4)["minute"] == 23 * 60 + 59
    assert _photo(found, 5)["heading_deg"] == old != 99.0
    assert len(found.repairs) == 4
    assert any("4 repairs of repairs.csv were applied" in note for note in found.notes)
    assert (small_campus / "labels.csv").read_bytes() == before


def test_an_accepted_repair_without_a_value_leaves_the_row_out(small_campus: Path) -> None:
    rows = range(0, 12)
    write_repairs(small_campus, [_repair(small_campus, row, "angle", "") for row in rows])
    found = read_dataset(small_campus)  # 12 of 48 rows, and nobody has to allow it
    assert len(found) == 36
    assert set(found.excluded["reason"]) == {"left out by a repair: odd"}
    assert any("12 rows left out" in note for note in found.notes)


def test_rows_left_out_by_repairs_are_no_unreadable_photos(
    make_campus: Callable[..., Path], tmp_path: Path
) -> None:
    campus = make_campus(tmp_path / "campus", spots=14)
    write_repairs(campus, [_repair(campus, row, "angle", "") for row in range(5)])
    (campus / "images" / "img_0111.jpg").write_bytes(b"\xff\xd8\xff torn")
    dataset, _ = prepare_dataset(campus, 32)  # one of 107 is less than 1 %
    assert len(dataset) == 106
    assert len(dataset.excluded) == 6


def test_a_value_that_has_changed_since_is_not_replaced_and_that_is_told(
    small_campus: Path,
) -> None:
    stale = replace(_repair(small_campus, 1, "angle", "12"), old="13.5")
    write_repairs(small_campus, [stale])
    found = read_dataset(small_campus)
    assert _photo(found, 1)["heading_deg"] != 12.0
    assert found.repairs == ()
    assert any("1 accepted repairs were not applied" in note for note in found.notes)


def test_repairs_of_a_label_file_that_is_gone_are_told(small_campus: Path) -> None:
    write_repairs(small_campus, [replace(_repair(small_campus, 1, "angle", "12"), labels="x.csv")])
    assert any("label files that are not there" in n for n in read_dataset(small_campus).notes)


def test_the_last_decision_counts_and_a_deleted_line_is_undone(small_campus: Path) -> None:
    plain = labels_hash(read_dataset(small_campus))
    accepted = _repair(small_campus, 1, "angle", "12")
    write_repairs(small_campus, [accepted])
    changed = labels_hash(read_dataset(small_campus))
    assert changed != plain
    write_repairs(small_campus, [accepted, replace(accepted, decision="rejected")])
    assert labels_hash(read_dataset(small_campus)) == plain
    write_repairs(small_campus, [])
    assert labels_hash(read_dataset(small_campus)) == plain


def test_leaving_out_one_side_of_a_contradiction_keeps_the_other(small_campus: Path) -> None:
    labels = small_campus / "labels.csv"
    table = pd.read_csv(labels, dtype=str)
    again = table.loc[[7]].assign(angle="1")
    pd.concat([table, again]).to_csv(labels, index=False)
    with pytest.raises(LabelError, match="contradict"):
        read_dataset(small_campus)
    write_repairs(small_campus, [replace(_repair(small_campus, 7, "angle", ""), old="1")])
    assert _photo(read_dataset(small_campus), 7)["heading_deg"] == float(table.loc[7, "angle"])


def test_repairs_of_values_decode_no_photo_again(small_campus: Path) -> None:
    prepare_dataset(small_campus, 32)
    (index,) = (small_campus / ".bearings").glob("photos-32.json")
    before = index.read_bytes()
    write_repairs(small_campus, [_repair(small_campus, 1, "angle", "12")])
    decoded: list[int] = []
    prepare_dataset(small_campus, 32, progress=lambda done, total: decoded.append(done))
    assert index.read_bytes() == before
    assert decoded == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a,b\n1,2\n", "needs the header"),
        (",".join(COLUMNS) + "\nlabels.csv,a.jpg\n", "line 2: 2 values"),
        (",".join(COLUMNS) + "\nl.csv,a.jpg,odd,angle,1,2,maybe,person,x\n", "line 2: decision"),
        (",".join(COLUMNS) + "\nl.csv,a.jpg,odd,height,1,2,accepted,person,x\n", "no column"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(
    small_campus: Path, content: str, error: str
) -> None:
    (small_campus / REPAIRS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(LabelError, match=error):
        read_dataset(small_campus)


def test_repairs_that_leave_nothing_are_refused(small_campus: Path) -> None:
    write_repairs(small_campus, [_repair(small_campus, row, "angle", "") for row in range(48)])
    with pytest.raises(LabelError, match="repairs leave out every row"):
        read_dataset(small_campus)


def test_what_a_killed_writer_left_beside_the_repairs_is_swept(small_campus: Path) -> None:
    left = small_campus / f".{REPAIRS_FILE}.999999999@{platform.node()}.abcdefgh"
    left.touch()
    write_repairs(small_campus, [])
    assert not left.exists()
