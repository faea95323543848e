"""Checks of single rows: values that are no numbers, rows labelled twice, missing photos."""

import re
from collections.abc import Iterator

import numpy as np

from core.audit.findings import Column, Finding, row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.dataset.label_table import numbers
from core.dataset.repairs import TEXT_OF

VALUE_KINDS = {"not_a_number": "a coordinate or heading that is no number"}
_COLUMNS: tuple[Column, ...] = ("latitude", "longitude", "angle")


def find_values(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find texts that Bearings cannot read as a number; it leaves such rows out."""
    del config
    for column in _COLUMNS:
        text = rows.text[TEXT_OF[column]].str.strip()
        for row in np.flatnonzero(np.isnan(numbers(text))):
            proposal = _number_in(str(text.iat[row]))
            said = "is empty" if text.iat[row] == "" else "is no number"
            evidence = f"{column} {said}, so Bearings leaves the row out"
            yield row_finding(rows, int(row), "not_a_number", column, proposal, 1.0, evidence)


def _number_in(text: str) -> str:
    """The one number in a text such as `133°`, `17,4412` or `~ 90 deg`; `""` without just one."""
    found = re.findall(r"[-+]?\d+(?:[.,]\d+)?", text.replace("O", "0").replace("o", "0"))
    return found[0].replace(",", ".") if len(found) == 1 else ""


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
                evidence = f"{len(group)} rows say the same of this photo; the first is kept"
                yield row_finding(rows, row, "duplicate_row", "filename", "", 0.3, evidence)
            continue
        differing = [name for name in _SAID if said[name].nunique() > 1]
        column = _COLUMN[differing[0]]
        shown = ", ".join(_COLUMN[name] for name in differing)
        for row in numbers:
            evidence = (
                f"{len(group)} rows label this photo and differ in {shown}; Bearings leaves all "
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
