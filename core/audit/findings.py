"""Findings and checks.

A `Finding` is what looks wrong with one row of a label file, the evidence and a proposal; it is
stored as a line of `findings.csv`. A `Check` has a name, the kinds of finding it makes, what it
needs, and a function from rows to findings.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.dataset.repairs import TEXT_OF
from core.errors import LabelError
from core.files import read_lines, write_text

Column = Literal[
    "", "filename", "timestamp", "latitude", "longitude", "angle", "Region_ID", "position"
]
"""What a finding is about: a column under the course's name, `position` for latitude and longitude
together, or nothing where it is about the photo as a whole."""

NOTATION_SCORE = 0.3
# From this share on, what rows do alike is the habit of the file, and said once.
HABIT_SHARE = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong.

    Attributes:
        filename: The photo as the label file names it.
        finding: Name of the kind of finding, such as `sexagesimal`.
        column: Which value is meant.
        value: The value as the file has it; `latitude longitude` for a position.
        proposal: What it should be, in the same form; empty where nothing can be proposed.
        score: How sure it is that the value, as Bearings reads it, is wrong, in `[0, 1]`; an odd
            notation that is read right all the same scores at most `NOTATION_SCORE`.
        evidence: One sentence that a person can check.
        photo_id: Key of the photo in its dataset; empty where the finding is about a whole label
            file, whose name is then in `filename`.
        labels: The label file that has the row, relative to the dataset folder; empty where no row
            is meant, and in findings that were read back from a file.
    """

    filename: str
    finding: str
    column: Column
    value: str
    proposal: str
    score: float
    evidence: str
    photo_id: str = ""
    labels: str = ""

    def __post_init__(self) -> None:
        """Refuse a finding without a name, evidence or a usable score."""
        if not self.finding or not self.evidence:
            raise ValueError(f"a finding needs a name and its evidence, got {self}")
        if not (np.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise ValueError(f"a score lies in [0, 1], got {self.score}")


CSV_COLUMNS = ("filename", "finding", "column", "value", "proposal", "score", "evidence")
"""Columns of `findings.csv`, in this order."""


def row_finding(
    rows: LabelRows,
    row: int,
    kind: str,
    column: Column,
    proposal: str,
    score: float,
    evidence: str,
) -> Finding:
    """Make a finding about a row, with the value as the file has it."""
    if column == "position":
        value = rows.position_text(row)
    else:
        value = str(rows.text[TEXT_OF[column]].iat[row]) if column else ""
    return Finding(
        filename=str(rows.text["filename"].iat[row]).strip(),
        finding=kind,
        column=column,
        value=value,
        proposal=proposal,
        score=round(float(score), 3),
        evidence=evidence,
        photo_id=str(rows.text["photo_id"].iat[row]),
        labels=str(rows.text["file"].iat[row]),
    )


def written(value: float, decimals: int | None = None) -> str:
    """Write a number as a label file would: whole numbers without a point."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return str(int(value)) if value == int(value) else f"{value:.9g}"


Find = Callable[[LabelRows, AuditConfig], Iterator[Finding]]
Needs = Callable[[LabelRows, AuditConfig], str]


def nothing(rows: LabelRows, config: AuditConfig) -> str:
    """Return `""`: the check needs only rows."""
    del rows, config
    return ""


def photos(rows: LabelRows, config: AuditConfig) -> str:
    """Return why the photos cannot be read, or `""`."""
    if not config.photos:
        return "looking at photos is switched off"
    if not rows.has_photos:
        there = int((rows.text["path"] != "").sum())
        return f"the photos are not there: {there:,} of {len(rows):,} rows have theirs"
    return ""


@dataclass(frozen=True)
class Check:
    """One check of the audit.

    Attributes:
        name: Its name in messages.
        kinds: Every name that its findings may have, with one sentence for people.
        find: Returns the findings; reads rows and photos, changes nothing.
        needs: Returns why the check cannot be made, or `""`; such a check is skipped.
    """

    name: str
    kinds: dict[str, str]
    find: Find
    needs: Needs = nothing


# findings.csv: written whole, and read back beside the rows that it is about.


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Replace a `findings.csv`: columns `CSV_COLUMNS`, one row a finding."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for found in findings:
        writer.writerow(
            [f"{found.score:.3f}" if name == "score" else getattr(found, name)
             for name in CSV_COLUMNS]
        )  # fmt: skip
    write_text(path, text.getvalue())


def read_findings(path: Path, rows: LabelRows) -> tuple[Finding, ...]:
    """Read a `findings.csv` and tell which photos it is about.

    A file name may stand in several label files; the finding then belongs to every row of that
    name, as the stored columns do not tell them apart.

    Raises:
        LabelError: It cannot be read, or is no table of findings.
    """
    lines = read_lines(path, CSV_COLUMNS, "run the audit again", LabelError)
    if lines is None:
        raise LabelError(f"there is no {path}: run the audit again")
    places: dict[str, list[tuple[str, str]]] = {}
    names = rows.text["filename"].str.strip()
    for name, photo_id, labels in zip(names, rows.text["photo_id"], rows.text["file"], strict=True):
        place = (str(photo_id), str(labels))
        if place not in places.setdefault(str(name), []):
            places[str(name)].append(place)
    found: list[Finding] = []
    for number, line in enumerate(lines, start=2):
        finding = _parsed(path, number, line)
        for photo_id, labels in places.get(finding.filename, [("", "")]):
            found.append(replace(finding, photo_id=photo_id, labels=labels))
    return tuple(found)


def _parsed(path: Path, number: int, line: list[str]) -> Finding:
    try:
        filename, kind, column, value, proposal, score, evidence = line
        return Finding(filename, kind, column, value, proposal, float(score), evidence)  # type: ignore[arg-type]
    except ValueError as error:
        raise LabelError(
            f"{path}, line {number} is no finding ({error}): run the audit again"
        ) from error
