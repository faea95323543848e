"""Rows that label one photo more than once."""

from collections.abc import Iterator

from core.audit.finding import Column, Finding
from core.audit.naming import row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig

KINDS = {
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


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
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
