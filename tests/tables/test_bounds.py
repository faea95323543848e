"""A table that would take minutes and gigabytes is refused, whatever format it has."""

import json
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from core.errors import LabelError
from core.tables import formats, raw
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


@pytest.mark.parametrize("corner", [(1_048_576, 16_384), (1_048_576, 100), (3, 2_001)])
def test_one_cell_far_away_makes_no_table_of_empty_ones(
    tmp_path: Path, corner: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(formats, "cell_text", lambda value: made.append(1) or "")
    book = openpyxl.Workbook()
    book.active.append(["filename", "latitude", "longitude"])
    book.active.cell(*corner, 1)
    book.save(tmp_path / "labels.xlsx")
    with pytest.raises(LabelError, match="is no label table: it has "):
        read_raw(tmp_path / "labels.xlsx")
    assert len(made) == 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize("end", ["", ".jpg"])
def test_a_long_word_in_a_placemark_is_read_once(tmp_path: Path, end: str) -> None:
    # Tried from each of its characters, it takes many minutes.
    word = "x" * 1_000_000 + end
    mark = f"<Placemark><name>{word}</name><coordinates>78,17</coordinates></Placemark>"
    (tmp_path / "labels.kml").write_text(f"<kml>{mark}</kml>")
    assert read_raw(tmp_path / "labels.kml").rows[0].tolist() == [word]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('see <img src="a/b.JPG"/> and c.png', "a/b.JPG"), ("1.jpg.txt", "1.jpg"),
        ("1.jpgs .png x", ""), ("a.jpg.png,b", "a.jpg.png"), ("no photo", ""),
    ],
)  # fmt: skip
def test_the_first_name_of_a_photo_in_a_text(text: str, name: str) -> None:
    assert formats._photo_name(text) == name
