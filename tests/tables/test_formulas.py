"""Exported cells are inert in spreadsheets, and read back to the letter."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.evaluation.table import write_table
from core.inference.export_files import csv_text
from core.tables.formulas import inert_cell, original_cell, raw_cell
from core.tables.stored import inert_csv, read_frame

HOSTILE = ("=cmd|' /C calc'!A0", "+1+1.jpg", "@SUM(A1)", "-2+3", "\tx", "\rx", " =1", "''=1")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_spreadsheet_computes_an_exported_cell(text: str) -> None:
    assert inert_cell(text).startswith("'")
    cell = next(csv.DictReader(io.StringIO(csv_text([{"filename": text}]), newline="")))
    assert cell["filename"] == "'" + text
    assert next(
        csv.DictReader(io.StringIO(csv_text([{"filename": text}], raw=True), newline=""))
    ) == {"filename": text}


@pytest.mark.parametrize("value", ["-12.5", "+3", "-1e-5", ".5", "a=1", "", "img-1.jpg", "'a"])
def test_numbers_and_other_text_stay(value: str) -> None:
    assert inert_cell(value) == value


@settings(max_examples=200)
@given(st.text(alphabet="=+-@\t\r' a1.", max_size=8))
def test_what_was_exported_is_read_back(text: str) -> None:
    assert original_cell(inert_cell(text)) == text
    assert original_cell(raw_cell(text)) == text


def test_a_table_of_photos_comes_back_to_the_letter(tmp_path: Path) -> None:
    names = [*HOSTILE, "a.jpg"]
    table = pd.DataFrame({"photo_id": names, "error_m": [-1.5] * len(names)})
    write_table(table, tmp_path / "predictions.csv")
    text = (tmp_path / "predictions.csv").read_bytes().decode()
    assert text == inert_csv(table)
    assert all(cell not in text.split(",") for cell in HOSTILE)
    assert ",-1.5" in text
    back = read_frame(tmp_path / "predictions.csv", "", ConfigError, text=["photo_id"])
    pd.testing.assert_frame_equal(back, table)


def test_a_raw_table_has_the_names_as_they_are_and_comes_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"photo_id": [*HOSTILE, "'a.jpg"]})
    write_table(table, tmp_path / "predictions.csv", raw=True)
    written = list(csv.reader(io.StringIO((tmp_path / "predictions.csv").read_bytes().decode(),
                                          newline="")))  # fmt: skip
    assert [cell for (cell,) in written[1:]] == [*HOSTILE[:-1], "'''=1", "'a.jpg"]
    back = read_frame(tmp_path / "predictions.csv", "", ConfigError, text=["photo_id"])
    pd.testing.assert_frame_equal(back, table)
