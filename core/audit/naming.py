"""How a finding writes the row that it is about, and numbers."""

from core.audit.finding import Column, Finding
from core.audit.rows import LabelRows
from core.dataset.repairs import TEXT_OF


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
