"""repairs.csv: decisions about labels, stored beside the label files, which are never changed.

A line holds the label file, row, column, old and new value, who decided and when. The last line
about a value counts; deleting a line takes the decision back. Repairs are applied when labels are
read, and only while the label file still has the old value; what was applied is noted.
"""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from core.dataset.layout import STORE_FOLDER
from core.errors import LabelError
from core.files import read_lines, sweep, write_text
from core.locks import Lock
from core.tables.numbers import numbers

REPAIRS_FILE = "repairs.csv"
LEFT_OUT = "left out by a repair"
"""Begins the reason of a row that an accepted repair without a new value leaves out."""
Decision = Literal["accepted", "rejected"]
Decider = Literal["rule", "person"]
Key = tuple[str, str, str, str, str]
TEXT_OF = {
    "filename": "filename",
    "timestamp": "timestamp",
    "latitude": "latitude",
    "longitude": "longitude",
    "angle": "heading_deg",
    "Region_ID": "region",
}
"""Columns under the course's name, and what `read_label_table` calls them."""


@dataclass(frozen=True)
class Repair:
    """One decision about one finding.

    Attributes:
        labels: The label file, relative to the dataset folder.
        filename: The photo as the label file names it.
        finding: Name of the finding that was decided about.
        column: The column meant, under the course's name; `position` for `latitude longitude`.
        old: The value that the label file had.
        new: The value that replaces it; empty: an accepted repair leaves the row out.
        decision: Whether the repair counts.
        by: Who decided.
        at: When, in UTC, as `2026-01-31T12:00:00+00:00`.
    """

    labels: str
    filename: str
    finding: str
    column: str
    old: str
    new: str
    decision: Decision
    by: Decider
    at: str

    @property
    def key(self) -> Key:
        """What was decided about; a later decision with the same key replaces this one."""
        return (self.labels, self.filename, self.finding, self.column, self.old)

    @property
    def leaves_out(self) -> bool:
        """Whether it takes the row out of the dataset."""
        return self.decision == "accepted" and not self.new


COLUMNS = tuple(field.name for field in fields(Repair))


def now() -> str:
    """The time to write into a decision."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_repairs(folder: Path) -> tuple[Repair, ...]:
    """Read every decision of a dataset folder, the oldest first; none if there is no file.

    Raises:
        LabelError: The file is no table of repairs; names the line.
    """
    path = folder / REPAIRS_FILE
    lines = read_lines(path, COLUMNS, error=LabelError) or []
    return tuple(_parsed(path, number, line) for number, line in enumerate(lines, start=2) if line)


def write_repairs(folder: Path, repairs: Sequence[Repair]) -> None:
    """Replace the decisions of a dataset folder at once; none removes the file.

    Raises:
        LabelError: The folder cannot be written to.
    """
    path = folder / REPAIRS_FILE
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(repair) for repair in repairs)
    try:
        if repairs:
            write_text(path, text.getvalue())
        else:
            path.unlink(missing_ok=True)
        sweep(folder, REPAIRS_FILE)
    except OSError as error:
        raise _unwritable(folder, error) from error


@contextmanager
def changing_repairs(folder: Path) -> Iterator[None]:
    """Hold a lock while decisions are read, changed and written.

    The page and the command line may change one dataset: without the lock, the later writer would
    overwrite the decision of the other.

    Raises:
        LabelError: The folder cannot be written to.
        LockHeld: Another process has been deciding for longer than a second.
    """
    try:
        lock = Lock.take(folder / STORE_FOLDER / "repairs")
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.close()


def _unwritable(folder: Path, error: OSError) -> LabelError:
    return LabelError(
        f"{folder / REPAIRS_FILE} cannot be written ({error.strerror}): decisions are stored "
        "beside the labels, so copy the dataset to a folder that you may write to"
    )


def standing(repairs: Sequence[Repair]) -> dict[Key, Repair]:
    """Return the decision that counts for each key: the last one."""
    return {repair.key: repair for repair in repairs}


def _parsed(path: Path, number: int, line: list[str]) -> Repair:
    where = f"{path}, line {number}"
    if len(line) != len(COLUMNS):
        raise LabelError(f"{where}: {len(line):,} values, {len(COLUMNS)} are needed: mend the line")
    values = dict(zip(COLUMNS, line, strict=True))
    for name, words in (("decision", get_args(Decision)), ("by", get_args(Decider))):
        if values[name] not in words:
            raise LabelError(f"{where}: {name} is {' or '.join(words)}, not {values[name]!r}")
    if values["column"] not in TEXT_OF and values["column"] not in ("", "position"):
        raise LabelError(f"{where}: there is no column {values['column']!r}")
    return Repair(**values)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Repaired:
    """Label rows after the repairs.

    Attributes:
        text: The rows as text, accepted values in place.
        left_out: `(n,)` why a repair leaves a row out; `""` if none does.
        applied: Repairs that changed something.
        stale: Accepted repairs whose old value the label file no longer has.
    """

    text: pd.DataFrame
    left_out: pd.Series
    applied: tuple[Repair, ...]
    stale: tuple[Repair, ...]


def apply_repairs(text: pd.DataFrame, labels: str, repairs: Sequence[Repair]) -> Repaired:
    """Apply the decisions that count to the rows of one label file, in the order of their lines.

    Args:
        text: Rows as `read_label_table` gives them.
        labels: The label file, relative to the dataset folder.
        repairs: All decisions of the dataset.
    """
    text = text.copy()
    left_out = pd.Series("", index=text.index)
    applied, stale = list[Repair](), list[Repair]()
    rows_of = text.groupby("filename", sort=False).indices
    for repair in standing(repairs).values():
        if repair.labels != labels or repair.decision != "accepted":
            continue
        named = np.asarray(rows_of.get(repair.filename, []), np.int64)
        rows = named[_still(text.iloc[named], repair)]
        (applied if len(rows) else stale).append(repair)
        if not repair.new:
            # Of rows that repeat one another, leaving out means leaving out the repeats.
            rows = rows[1:] if repair.column == "filename" and len(rows) > 1 else rows
            left_out.iloc[rows] = f"{LEFT_OUT}: {repair.finding}"
        else:
            for name, value in zip(_columns(repair), _values(repair, repair.new), strict=True):
                text.iloc[rows, text.columns.get_loc(name)] = value
    return Repaired(text, left_out, tuple(applied), tuple(stale))


def repair_notes(folder: Path, repairs: Sequence[Repair], done: Sequence[Repaired]) -> list[str]:
    """Return notes on how many repairs were applied, how many were not, and why."""
    applied = [repair for each in done for repair in each.applied]
    stale = [repair for each in done for repair in each.stale]
    notes = []
    if applied:
        out = sum(repair.leaves_out for repair in applied)
        rule = sum(repair.by == "rule" for repair in applied)
        notes.append(
            f"{len(applied):,} repairs of {REPAIRS_FILE} were applied: {len(applied) - out:,} "
            f"values replaced, {out:,} rows left out; {rule} decided by rule, "
            f"{len(applied) - rule} by a person"
        )
    if stale:
        notes.append(
            f"{len(stale):,} accepted repairs were not applied, as the label file no longer has "
            f"the values that they replace: {_shown(stale)}"
        )
    # A rejected finding about a photo without a row, or about a whole file, names no label file.
    about_rows = [repair for repair in standing(repairs).values() if repair.labels]
    lost = [repair for repair in about_rows if not os.path.isfile(folder / repair.labels)]
    if lost:
        notes.append(
            f"{len(lost):,} repairs are about label files that are not there: {_shown(lost)}"
        )
    return notes


def _still(rows: pd.DataFrame, repair: Repair) -> np.ndarray:
    """Flag rows whose value is the one that was decided about."""
    same = np.ones(len(rows), bool)
    for name, old in zip(_columns(repair), _values(repair, repair.old), strict=True):
        value = rows[name].str.strip()
        number = numbers(pd.Series([old]))[0]
        same &= (value == old).to_numpy() | (numbers(value) == number)
    return same


def _columns(repair: Repair) -> tuple[str, ...]:
    if repair.column == "position":
        return ("latitude", "longitude")
    return (TEXT_OF[repair.column],) if repair.column else ()


def _values(repair: Repair, value: str) -> tuple[str, ...]:
    """The value by column; a position is written with a blank between."""
    if repair.column == "position":
        north, _, east = value.strip().partition(" ")
        return north, east.strip()
    return (value.strip(),) if repair.column else ()


def _shown(repairs: Sequence[Repair]) -> str:
    shown = [f"{r.filename} ({r.column or r.finding} {r.old})" for r in repairs[:3]]
    return ", ".join(shown) + (", ..." if len(repairs) > len(shown) else "")
