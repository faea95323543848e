import math

import numpy as np
import pandas as pd
import pytest

from core.dataset.label_table import (
    fields_of_view,
    natural_order,
    wrapped_headings,
)
from core.labels import written_regions
from core.tables.numbers import numbers
from core.tables.regions import region_ids
from core.tables.times import minute_of_day


@pytest.mark.parametrize(
    ("text", "minute"),
    [
        ("15:03", 903.0),
        ("6:37", 397.0),
        (" 16:36", 996.0),
        ("16:36 ", 996.0),
        ("17:20:01", 1040 + 1 / 60),
        ("3:05 PM", 905.0),
        ("12:10 am", 10.0),
        ("12:10 p.m.", 730.0),
        ("2024-05-01 15:03:30", 903.5),
        ("2024-05-01T15:03:00+05:30", 903.0),
        ("2024:05:01 15:03:00", 903.0),
        ("01/05/2024 9:00", 540.0),
    ],
)
def test_free_form_times_become_minutes(text: str, minute: float) -> None:
    assert minute_of_day(pd.Series([text]))[0] == pytest.approx(minute)


@pytest.mark.parametrize("text", ["", "noon", "25:10", "12:75", "13:00 PM", "0:30 am", "1503", "-"])
def test_what_is_no_time_is_unknown(text: str) -> None:
    assert math.isnan(minute_of_day(pd.Series([text]))[0])


def test_only_finite_numbers_are_numbers() -> None:
    parsed = numbers(pd.Series(["12.5", "1e3", "", "north", "inf", "nan", "17,4"]))
    np.testing.assert_array_equal(parsed[:2], [12.5, 1000.0])
    assert np.isnan(parsed[2:]).all()


@pytest.mark.trap(name="angles that wrap")
def test_headings_past_a_turn_are_wrapped_and_named() -> None:
    table = pd.DataFrame(
        {"filename": list("abcdef"), "heading_deg": [372.0, 750.0, 360.0, -10.0, 0.0, 359.9]}
    )
    notes: list[str] = []
    np.testing.assert_allclose(wrapped_headings(table, notes), [12, 30, 0, 350, 0, 359.9])
    assert notes[0].startswith("4 headings outside")
    assert "a 372 -> 12" in notes[0]


def test_headings_in_range_make_no_note() -> None:
    notes: list[str] = []
    wrapped_headings(pd.DataFrame({"filename": ["a"], "heading_deg": [12.0]}), notes)
    assert notes == []


def test_impossible_fields_of_view_count_as_unknown() -> None:
    table = pd.DataFrame({"filename": list("abc"), "hfov_deg": ["66.5", "", "9000"]})
    notes: list[str] = []
    parsed = fields_of_view(table, notes)
    assert parsed[0] == 66.5
    assert np.isnan(parsed[1:]).all()
    assert notes[0].startswith("1 fields of view")


def test_regions_are_written_one_way() -> None:
    ids = region_ids(pd.Series(["7", "07", "7.0", "-3", "Library", "7b", "7.5"]))
    assert ids.tolist() == ["7", "7", "7", "-3", "Library", "7b", "7.5"]


def test_regions_keep_their_natural_order() -> None:
    assert natural_order(["10", "9", "b", "-1", "a", "9"]) == ("-1", "9", "10", "a", "b")


def test_regions_are_integers_in_files_only_where_all_are() -> None:
    assert written_regions(["2", "10"], ["2", "10", "-1"]) == [2, 10, -1][:2]
    assert written_regions(["2", "10"], ["2", "10", "gate"]) == ["2", "10"]


def test_thousands_of_digits_are_a_name() -> None:
    long = "7" * 5_000
    assert natural_order([long, "b", "12"]) == ("12", long, "b")
    assert written_regions([long], [long]) == [long]
