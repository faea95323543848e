"""Regions, timestamps, values that are no numbers, duplicates and missing photos."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.audit.findings import NOTATION_SCORE, Finding
from core.audit.run import audit
from core.audit.schema import AuditConfig

Audited = Callable[..., list[Finding]]


def test_a_region_that_no_neighbour_has_is_contradicted(audited: Audited) -> None:
    (found,) = audited({130: {"Region_ID": "4"}})
    assert (found.filename, found.finding, found.column) == (
        "img_0130.jpg", "region_neighbours", "Region_ID",
    )  # fmt: skip
    assert (found.value, found.proposal) == ("4", "2")
    assert found.score > 0.8


def test_an_empty_region_is_named(audited: Audited) -> None:
    (found,) = audited({130: {"Region_ID": " "}})
    assert (found.finding, found.score) == ("region_empty", 1.0)


def test_a_position_far_from_its_walk_is_put_back(audited: Audited, labels: pd.DataFrame) -> None:
    true = labels.loc[10, "longitude"]
    place = len(true) - 3
    typed = true[:place] + str((int(true[place]) + 1) % 10) + true[place + 1 :]
    (found,) = audited({10: {"longitude": typed, "Region_ID": labels.loc[10, "Region_ID"]}})
    assert found.finding in {"wrong_digit", "off_walk", "dropped_digit"}
    assert found.filename == "img_0010.jpg"
    assert "walk" in found.evidence


@pytest.mark.parametrize(
    ("text", "proposal"), [(" 9:05", "09:05"), ("9:05", "09:05"), ("09:05:30", "09:05")]
)
def test_other_formats_of_time_are_notations(audited: Audited, text: str, proposal: str) -> None:
    (found,) = audited({1: {"timestamp": text}})
    assert (found.finding, found.value, found.proposal) == ("timestamp_format", text, proposal)
    assert found.score <= NOTATION_SCORE


def test_a_time_that_is_none_is_named(audited: Audited) -> None:
    found = audited({1: {"timestamp": "noon"}, 2: {"timestamp": ""}})
    assert {f.filename: f.finding for f in found} == {
        "img_0001.jpg": "timestamp_unreadable",
        "img_0002.jpg": "timestamp_missing",
    }


def test_a_night_hour_becomes_the_afternoon_where_the_walk_says_so(
    audited: Audited, labels: pd.DataFrame
) -> None:
    row = int(labels.index[labels["timestamp"].str.startswith("15:")][5])
    text = "03" + labels.loc[row, "timestamp"][2:]
    (found,) = audited({row: {"timestamp": text}})
    assert found.finding == "implausible_hour"
    assert found.proposal == labels.loc[row, "timestamp"]
    assert found.score > 0.8
    (late,) = audited({row: {"timestamp": "23:59"}})
    assert (late.finding, late.score < 0.7) == ("implausible_hour", True)


@pytest.mark.parametrize(
    ("column", "text", "proposal"),
    [
        ("angle", "~ 133 deg?", "133"),
        ("latitude", "~17.4412?", "17.4412"),
        ("latitude", "about 17.4412 S", ""),
        ("longitude", "east", ""),
    ],
)
def test_texts_that_are_no_numbers(audited: Audited, column: str, text: str, proposal: str) -> None:
    (found,) = audited({1: {column: text}})
    assert (found.finding, found.column, found.proposal) == ("not_a_number", column, proposal)


@pytest.mark.parametrize(
    ("column", "text", "proposal"),
    [
        ("angle", "133°", "133"),
        ("angle", "NE", "45"),
        ("latitude", "17,4412", "17.4412"),
        ("latitude", "17.4412 S", "-17.4412"),
        ("latitude", "17.4412 N", "17.4412"),
    ],
)
def test_an_odd_notation_is_read_with_its_sign_and_named(
    audited: Audited, column: str, text: str, proposal: str
) -> None:
    found = next(each for each in audited({1: {column: text}}) if each.finding == "notation")
    assert (found.column, found.proposal) == (column, proposal)
    assert found.score <= 0.3


def test_repeats_but_the_first_and_every_contradiction(
    audited: Audited, labels: pd.DataFrame
) -> None:
    same = {column: labels.loc[3, column] for column in labels.columns}
    contradicted = {"filename": "img_0200.jpg"}
    found = audited({4: same, 201: contradicted})
    repeats = [f for f in found if f.finding == "duplicate_row"]
    assert [f.filename for f in repeats] == ["img_0003.jpg"]
    assert len([f for f in found if f.finding == "contradiction"]) == 2


def test_missing_and_unlabelled_photos(small_campus: Path) -> None:
    images = small_campus / "images"
    shutil.move(images / "img_0007.jpg", images / "other.jpg")
    found = {f.finding: f for f in audit(AuditConfig(dataset=small_campus)).findings}
    assert found["missing_photo"].photo_id == "images/img_0007.jpg"
    assert found["unlabelled_photo"].photo_id == "images/other.jpg"
