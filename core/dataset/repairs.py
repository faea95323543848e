"""repairs.csv: decisions about labels that lie beside the label files, which stay as they are.

A line says which value of which row is replaced by what, who decided so and when. The last line
about a value counts; deleting a line takes a decision back. A value is replaced only while the
label file still has the one that was decided about.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from core.dataset.layout import STORE_FOLDER
from core.errors import LabelError
from core.files import write_text
from core.locks import Lock

REPAIRS_FILE = "repairs.csv"
LEFT_OUT = "left out by a repair"
"""How the reason of a row begins that an accepted repair without a new value leaves out."""
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
"""Columns under the course's name, and what `read_columns` calls them."""


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
        """What was decided about; a later decision about the same replaces this one."""
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
    """Read every decision of a dataset folder, the oldest first; none where there is no file.

    Raises:
        LabelError: The file is no table of repairs; names the line.
    """
    path = folder / REPAIRS_FILE
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path} cannot be read ({error}): mend it or delete it") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise LabelError(f"{path} needs the header {','.join(COLUMNS)}: mend it or delete it")
    return tuple(
        _parsed(path, number, line) for number, line in enumerate(lines[1:], start=2) if line
    )


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
    except OSError as error:
        raise _unwritable(folder, error) from error


@contextmanager
def changing_repairs(folder: Path) -> Iterator[None]:
    """Keep other processes from deciding while this one reads, adds and writes.

    The page and the command line may be at work on one dataset: without this, the later writer
    would take back what the other had just decided.

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
        f"{folder / REPAIRS_FILE} cannot be written ({error.strerror}): decisions lie beside the "
        "labels, so copy the dataset to a folder that you may write to"
    )


def standing(repairs: Sequence[Repair]) -> dict[Key, Repair]:
    """The decision that counts for each thing decided about: the last one."""
    return {repair.key: repair for repair in repairs}


def _parsed(path: Path, number: int, line: list[str]) -> Repair:
    where = f"{path}, line {number}"
    if len(line) != len(COLUMNS):
        raise LabelError(f"{where}: {len(line)} values, {len(COLUMNS)} are needed: mend the line")
    values = dict(zip(COLUMNS, line, strict=True))
    for name, words in (("decision", get_args(Decision)), ("by", get_args(Decider))):
        if values[name] not in words:
            raise LabelError(f"{where}: {name} is {' or '.join(words)}, not {values[name]!r}")
    if values["column"] not in TEXT_OF and values["column"] not in ("", "position"):
        raise LabelError(f"{where}: there is no column {values['column']!r}")
    return Repair(**values)  # type: ignore[arg-type]
