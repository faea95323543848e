"""Checks of single rows: values that are no numbers, rows labelled twice, missing photos."""

import re
from collections.abc import Iterator

import numpy as np

from core.audit.findings import HABIT_SHARE, NOTATION_SCORE, Column, Finding, row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.dataset.repairs import TEXT_OF
from core.tables.numbers import is_placeholder

VALUE_KINDS = {
    "not_a_number": "a coordinate or heading that is no number, or is not there",
    "notation": "a number written with signs, letters or separators, which is read all the same",
    "heading_unit": "a column of headings that is not in degrees, by all its values",
}
_COLUMNS: tuple[Column, ...] = ("latitude", "longitude", "angle")
# All that may stand around a number in a coordinate: a letter may be a hemisphere, a sign a sign.
_AROUND = re.compile(r"[\s~≈?!*#°'\"]*(?:deg|degrees)?[\s~≈?!*#°'\"]*", re.IGNORECASE)


def find_values(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find texts that are no numbers, odd notations, missing labels, and headings of another unit.

    What a row lacks is no fault of the labels that it has: such a row is kept.
    """
    del config
    yield from _missing(rows)
    if rows.values.heading.doubt:
        yield _about_files(rows, "heading_unit", "angle", rows.values.heading.doubt, 1.0)
    values = (rows.latitude, rows.longitude, rows.heading_deg)
    for number, column in enumerate(_COLUMNS):
        text = rows.text[TEXT_OF[column]].str.strip()
        blank = is_placeholder(text)
        if blank.all():
            continue
        absent = rows.values.no_heading if column == "angle" else rows.values.no_position
        for row in np.flatnonzero(np.isnan(values[number]) & ~absent):
            proposal = _number_in(str(text.iat[row]), column)
            reason = str(rows.values.faults[row])
            said = f"{column} is empty" if blank[row] else f"{column} is no number"
            if reason.startswith(column) and not blank[row]:
                said = reason
            evidence = f"{said}, so Bearings leaves the row out"
            yield row_finding(rows, int(row), "not_a_number", column, proposal, 1.0, evidence)
        yield from _notations(rows, column, values[number], rows.values.odd[:, number])


def _missing(rows: LabelRows) -> Iterator[Finding]:
    """Name rows that lack a label which others have; where many do, say so once."""
    lacks: dict[Column, np.ndarray] = {
        "position": rows.values.no_position, "angle": rows.values.no_heading,
    }  # fmt: skip
    nothing = lacks["position"] & lacks["angle"] & (rows.region == "")
    for row in np.flatnonzero(nothing).tolist():
        evidence = "the row has no position, no heading and no region, so Bearings leaves it out"
        yield row_finding(rows, row, "not_a_number", "position", "", 1.0, evidence)
    for column, without in lacks.items():
        kept = without & ~nothing
        if without.all() or not kept.any():
            continue
        label = "heading" if column == "angle" else "position"
        if kept.mean() > HABIT_SHARE:
            evidence = (
                f"{int(kept.sum()):,} of {len(rows):,} rows have no {label}; they count for the "
                "labels that they have"
            )
            yield _about_files(rows, "not_a_number", column, evidence, NOTATION_SCORE)
            continue
        evidence = f"the row has no {label}; it counts for the labels that it has"
        for row in np.flatnonzero(kept).tolist():
            yield row_finding(rows, row, "not_a_number", column, "", NOTATION_SCORE, evidence)


def _notations(
    rows: LabelRows, column: Column, values: np.ndarray, odd: np.ndarray
) -> Iterator[Finding]:
    """Name values that are more than plain numbers, or say once that the whole file writes so."""
    if odd.mean() > HABIT_SHARE:
        first = int(np.flatnonzero(odd)[0])
        example = str(rows.text[TEXT_OF[column]].iat[first]).strip()
        evidence = (
            f"{int(odd.sum()):,} values are written like {example!r}, which is read as "
            f"{values[first]:.9g}"
        )
        yield _about_files(rows, "notation", column, evidence, NOTATION_SCORE)
        return
    for row in np.flatnonzero(odd):
        text = str(rows.text[TEXT_OF[column]].iat[row]).strip()
        proposal = f"{values[row]:.10g}"
        evidence = f"{text} is read as {proposal}"
        yield row_finding(rows, int(row), "notation", column, proposal, NOTATION_SCORE, evidence)


def _about_files(
    rows: LabelRows, kind: str, column: Column, evidence: str, score: float
) -> Finding:
    names = ", ".join(file.path.name for file in rows.files)
    return Finding(names, kind, column, "", "", score, evidence)


def _number_in(text: str, column: Column) -> str:
    """The one number in a text such as `133°` or `~ 90 deg`; `""` without just one.

    A letter or a separator of a coordinate may change its sign or its size, so nothing is proposed
    for a coordinate that has any.
    """
    digits = re.sub(r"(?<=[\d.])[Oo](?=[\d.])", "0", text)
    if column == "angle":
        digits = digits.replace("O", "0").replace("o", "0")
    found = re.findall(r"[-+]?\d+(?:[.,]\d+)?", digits)
    if len(found) != 1:
        return ""
    rest = digits.replace(found[0], "", 1)
    if column != "angle" and ("," in found[0] or not _AROUND.fullmatch(rest)):
        return ""
    return str(found[0]).replace(",", ".")


DUPLICATE_KINDS = {
    "duplicate_row": "a row that repeats another",
    "contradiction": "rows that label one photo differently",
}
_COLUMN: dict[str, Column] = {
    "latitude": "latitude",
    "longitude": "longitude",
    "heading_deg": "angle",
    "region": "Region_ID",
}
_SAID = list(_COLUMN)


def find_duplicates(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find photos with several rows: repeats but the first, and every row of a contradiction."""
    del config
    again = rows.text["photo_id"].duplicated(keep=False)
    for _, group in rows.text[again].groupby("photo_id", sort=False):
        said = group[_SAID].apply(lambda column: column.str.strip())
        numbers = [int(row) for row in group.index]
        if len(said.drop_duplicates()) == 1:
            for row in numbers[1:]:
                evidence = f"{len(group):,} rows say the same of this photo; the first is kept"
                yield row_finding(rows, row, "duplicate_row", "filename", "", 0.3, evidence)
            continue
        differing = [name for name in _SAID if said[name].nunique() > 1]
        column = _COLUMN[differing[0]]
        shown = ", ".join(_COLUMN[name] for name in differing)
        for row in numbers:
            evidence = (
                f"{len(group):,} rows label this photo and differ in {shown}; Bearings leaves all "
                "of them out"
            )
            yield row_finding(rows, row, "contradiction", column, "", 1.0, evidence)


MISSING_PHOTO_KINDS = {
    "missing_photo": "a row whose photo is not there or cannot be one",
    "unlabelled_photo": "a photo that no row names",
}


def find_missing_photos(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Compare the rows with the folders of photos."""
    del config
    for row in np.flatnonzero((rows.text["path"] == "").to_numpy()):
        evidence = f"{rows.text['photo_fault'].iat[row]}, so Bearings leaves the row out"
        yield row_finding(rows, int(row), "missing_photo", "filename", "", 1.0, evidence)
    for found in rows.found:
        for name in found.unlabelled:
            photo_id = (found.folder / name).relative_to(rows.root).as_posix()
            yield Finding(
                name, "unlabelled_photo", "filename", "", "", 0.3,
                f"the photo lies in {found.folder.name}/ and no row of the label file names it",
                photo_id,
            )  # fmt: skip
