"""A table that would take minutes and gigabytes is refused, whatever format it has."""

import json
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from core.errors import LabelError
from core.tables import raw
from core.tables.formats import read_raw


def test_a_line_of_too_many_values_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("filename,latitude,longitude\n" + "," * 2_000 + "\n")
    with pytest.raises(LabelError, match=r"labels.csv is no .* a line of 2,001 values, more than"):
        read_raw(file)


def test_a_line_of_too_many_characters_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("filename,latitude,longitude\n1.jpg,1,2\n" + "a" * 1_000_001 + ",1,2\n")
    with pytest.raises(LabelError, match=r"line 3 is longer than 1,000,000 characters"):
        read_raw(file)


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "json"])
def test_too_many_values_are_refused_in_every_format(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"labels.{suffix}"
    rows = [{"filename": f"{n}.jpg", "latitude": 17.0 + n, "longitude": 78.0} for n in range(20)]
    if suffix == "csv":
        lines = [",".join(map(str, row.values())) for row in rows]
        file.write_text("\n".join(["filename,latitude,longitude", *lines]))
    elif suffix == "xlsx":
        book = openpyxl.Workbook()
        for line in ([*rows[0]], *([*row.values()] for row in rows)):
            book.active.append(line)
        book.save(file)
    elif suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    else:
        file.write_text(json.dumps(rows))
    assert len(read_raw(file).rows) == 20
    monkeypatch.setattr(raw, "_MOST_CELLS", 50)
    with pytest.raises(LabelError, match="it has more than 50 values"):
        read_raw(file)
