"""A table of strings with a header, found among title lines, blank lines and `sep=` lines.

Python's csv module splits the lines. Its Sniffer is not used: it takes the comma of a quoted
decimal number, or a letter, for the separator. Instead every usual separator is tried, and the one
whose header names the most known columns is taken.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from core.errors import LabelError
from core.tables.columns import count_roles

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# So many records are read to find the separator and the header.
_SAMPLE = 60
_HEADER_WITHIN = 20
# A table of a million photos has some 20 columns, and its lines some 200 characters: a file beyond
# these is none, and would take minutes and gigabytes.
_LONGEST_LINE = 1_000_000
_MOST_COLUMNS = 2_000
_MOST_CELLS = 20_000_000
_SEP_LINE = re.compile(r"\s*\"?sep=(.|\\t)\"?[ ;,\t]*\r?(?:\n|$)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table of strings.

    Attributes:
        path: The file.
        format: Its format, such as `csv` or `xlsx`.
        header: Names of the columns, blanks stripped.
        rows: One column of strings for each name, numbered from 0 both ways.
        encoding: Of a text file; empty for others.
        separator: Of a text file; empty for others.
        notes: What was passed over, with line numbers.
    """

    path: Path
    format: str
    header: tuple[str, ...]
    rows: pd.DataFrame
    encoding: str = ""
    separator: str = ""
    notes: tuple[str, ...] = ()


def read_delimited(path: Path, content: bytes, encoding: str, separator: str) -> RawTable:
    """Read a text file of separated values; `encoding` and `separator` are recognised if empty.

    Raises:
        LabelError: The text cannot be decoded, or is no table.
    """
    text, encoding = decode(path, content, encoding)
    first_line = 1
    if found := _SEP_LINE.match(text):
        separator = separator or found[1].replace("\\t", "\t")
        text, first_line = text[found.end() :], 2
    if not text.strip():
        raise LabelError(f"{path} is empty: it needs a header and one row per photo")
    _check_lines(path, text)
    separator = separator or _separator(text)
    try:
        records, cells = list[list[str]](), 0
        for record in _records(text, separator):
            cells += len(record)
            check_cells(path, cells, len(record))
            records.append(record)
    except csv.Error as error:
        raise LabelError(
            f"{path} cannot be read as a table separated by {SEPARATORS.get(separator, separator)}:"
            f" {error}. Look for a quotation mark that is not closed"
        ) from error
    table = table_of(path, "csv", records, first_line)
    notes = list(table.notes)
    if encoding == "cp1252" and (example := re.search(r"\w*[\x80-\uffff]\w*", text)):
        notes.append(
            f"{path.name}: it is not UTF-8 and was read as Windows-1252, as in {example[0]!r}; if "
            "letters look wrong, save it as UTF-8"
        )
    return RawTable(path, table.format, table.header, table.rows, encoding, separator, tuple(notes))


def _check_lines(path: Path, text: str) -> None:
    """Refuse a line that is too long, before it becomes as many values as it has characters."""
    end = "\n" if "\n" in text else "\r"
    start = 0
    while len(text) - start > _LONGEST_LINE:
        stop = text.rfind(end, start, start + _LONGEST_LINE + 1)
        if stop < 0:
            number = text.count(end, 0, start) + 1
            raise LabelError(
                f"{path} is no label table: line {number} is longer than {_LONGEST_LINE:,} "
                "characters"
            )
        start = stop + 1


def check_cells(path: Path, cells: int, columns: int = 0) -> None:
    """Raise LabelError for more cells or columns than a label table has."""
    if columns > _MOST_COLUMNS:
        raise LabelError(
            f"{path} is no label table: it has a line of {columns:,} values, more than "
            f"{_MOST_COLUMNS:,}"
        )
    if cells > _MOST_CELLS:
        raise LabelError(f"{path} is no label table: it has more than {_MOST_CELLS:,} values")


def decode(path: Path, content: bytes, encoding: str = "") -> tuple[str, str]:
    """Return the text of a file and its encoding.

    A byte order mark decides; else UTF-8 if all bytes are valid UTF-8, UTF-16 if every second byte
    is zero, and Windows-1252, which Excel writes, otherwise.
    """
    tried = encoding or next((name for bom, name in _BOMS if content.startswith(bom)), "")
    if not tried:
        tried = _utf16(content) or "utf-8"
    try:
        return content.decode(tried), tried
    except LookupError as error:
        raise LabelError(
            f"campus.toml: there is no encoding {encoding!r}: write utf-8, utf-16 or cp1252"
        ) from error
    except UnicodeDecodeError as error:
        if encoding or tried != "utf-8":
            raise LabelError(f"{path} is not a CSV file in UTF-8 or {tried}: {error}") from error
    try:
        return content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{path} is not a CSV file in UTF-8, UTF-16 or Windows-1252 ({error}): save it as "
            'UTF-8, or name its encoding in campus.toml, such as encoding = "cp1251" under '
            "[table]"
        ) from error


def _utf16(content: bytes) -> str:
    """UTF-16 without a byte order mark: nearly every second byte of Latin text is zero."""
    head = content[:4096]
    if len(head) < 4 or head.count(0) < 0.3 * len(head):
        return ""
    return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"


def _records(text: str, separator: str) -> Iterator[list[str]]:
    # Strict: a quote that is never closed would swallow the rest of the file.
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _separator(text: str) -> str:
    """The separator whose records have the most known column names, else the steadiest one."""
    best, best_score = ",", (-1.0, -1.0, -1.0)
    for separator in SEPARATORS:
        try:
            records = list(islice(_records(text, separator), _SAMPLE))
        except csv.Error:
            continue
        records = [record for record in records if any(cell.strip() for cell in record)]
        if not records:
            continue
        roles = max(count_roles(record) for record in records[:_HEADER_WITHIN])
        counts = [len(record) for record in records]
        usual = max(counts, key=counts.count)
        steady = counts.count(usual) / len(counts) if usual > 1 else 0.0
        score = (float(roles), steady, float(usual > 1))
        if score > best_score:
            best, best_score = separator, score
    return best


def table_of(
    path: Path, form: str, records: Sequence[Sequence[str]], first_line: int = 1
) -> RawTable:
    """Find the header among records and return the rows below it.

    Blank records and repeated headers are left out with a note, as are the lines above the header.

    Args:
        path: The file, for messages.
        form: Its format.
        records: Cells as text, line by line.
        first_line: Number of the first record in the file.

    Raises:
        LabelError: There are no rows, or a row is longer than the header.
    """
    check_cells(path, sum(map(len, records)), max(map(len, records), default=0))
    filled = [any(cell.strip() for cell in record) for record in records]
    if not any(filled):
        raise LabelError(f"{path} is empty: it needs a header and one row per photo")
    head = _header_row(records, filled)
    header = tuple(cell.strip() for cell in records[head])
    while header and not header[-1]:
        header = header[:-1]
    notes = []
    titles = [" ".join(cell.strip() for cell in records[row] if cell.strip())
              for row in range(head) if filled[row]]  # fmt: skip
    if titles:
        notes.append(f"{path.name}: text above the header was passed over: {titles[0][:80]!r}")
    rows: list[list[str]] = []
    blank = repeated = 0
    for number in range(head + 1, len(records)):
        record = records[number]
        if not filled[number]:
            blank += bool(record)
            continue
        if tuple(cell.strip() for cell in record[: len(header)]) == header:
            repeated += 1
            continue
        if any(cell.strip() for cell in record[len(header) :]):
            raise LabelError(
                f"{path} is not a CSV file that can be read: record {number + first_line} has "
                f"{len(record):,} values under a header of {len(header)} columns. Values "
                "that hold the separator need quotation marks, such as a decimal comma in a file "
                "separated by commas"
            )
        rows.append([*record[: len(header)], *[""] * (len(header) - len(record))])
    if blank:
        notes.append(f"{path.name}: {blank:,} empty rows were passed over")
    if repeated:
        notes.append(f"{path.name}: {repeated} repeated headers were passed over")
    if not rows:
        raise LabelError(f"{path} has a header but no rows")
    frame = pd.DataFrame(rows, columns=range(len(header)), dtype=str)
    return RawTable(path, form, header, frame, notes=tuple(notes))


def _header_row(records: Sequence[Sequence[str]], filled: Sequence[bool]) -> int:
    """The record with the most known column names, else the first of the usual width."""
    rows = [row for row in range(min(len(records), _HEADER_WITHIN)) if filled[row]]
    if not rows:
        return filled.index(True)
    scores = {row: count_roles(records[row]) for row in rows}
    best = max(rows, key=lambda row: (scores[row], -row))
    return best if scores[best] >= 2 else rows[0]
