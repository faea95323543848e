"""findings.csv: written whole, and read back beside the rows that it is about."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.audit.finding import CSV_COLUMNS, Finding
from core.audit.rows import LabelRows
from core.errors import LabelError
from core.files import write_text


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
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path} cannot be read ({error}): run the audit again") from error
    if not lines or tuple(lines[0]) != CSV_COLUMNS:
        raise LabelError(f"{path} needs the header {','.join(CSV_COLUMNS)}: run the audit again")
    places: dict[str, list[tuple[str, str]]] = {}
    names = rows.text["filename"].str.strip()
    for name, photo_id, labels in zip(names, rows.text["photo_id"], rows.text["file"], strict=True):
        place = (str(photo_id), str(labels))
        if place not in places.setdefault(str(name), []):
            places[str(name)].append(place)
    found: list[Finding] = []
    for number, line in enumerate(lines[1:], start=2):
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
