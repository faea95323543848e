"""Headings that are none: out of range, 360 for 0, and how coarsely the file rounds them."""

from collections.abc import Iterator

import numpy as np

from core.amounts import percent
from core.audit.findings import NOTATION_SCORE, Finding, row_finding, written
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.geo import wrap_heading_deg

KINDS = {
    "heading_out_of_range": "a heading below 0 or above 360 degrees",
    "heading_360": "a heading of exactly 360, which is 0",
    "heading_signed": "a file that writes headings from -180 to 180",
    "heading_rounding": "a file whose headings are rounded more coarsely than it seems",
}
# So many headings below zero are a convention, not slips.
SIGNED_SHARE = 0.05
# Of whole degrees, one in ten is a multiple of ten.
TENTH = 0.1
ROUNDED_SHARE = 0.15


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find headings out of range, and say once how the file rounds."""
    del config
    heading = rows.heading_deg
    known = np.isfinite(heading)
    signed = known & (heading >= -180.0) & (heading < 0.0)
    convention = bool(signed.sum() > SIGNED_SHARE * max(int(known.sum()), 1))
    for row in np.flatnonzero(known & ((heading < 0.0) | (heading >= 360.0))):
        if convention and signed[row]:
            continue
        yield _out_of_range(rows, int(row))
    if convention:
        yield _about_files(
            rows,
            "heading_signed",
            f"{int(signed.sum()):,} headings lie between -180 and 0; they are read modulo 360",
        )
    yield from _rounding(rows, heading[known])


def _out_of_range(rows: LabelRows, row: int) -> Finding:
    value = float(rows.heading_deg[row])
    proposal = written(float(wrap_heading_deg(value)))
    if value == 360.0:
        evidence = "360 and 0 are one heading; Bearings reads it as 0"
        return row_finding(rows, row, "heading_360", "angle", proposal, NOTATION_SCORE, evidence)
    return row_finding(
        rows, row, "heading_out_of_range", "angle", proposal, 0.9,
        f"a heading lies in [0, 360), this is {value:g}; modulo 360 it is {proposal}",
    )  # fmt: skip


def _rounding(rows: LabelRows, heading: np.ndarray) -> Iterator[Finding]:
    """Say how many headings are multiples of ten, where it is more than whole degrees give."""
    if len(heading) < 50 or (heading != np.round(heading)).mean() > 0.5:
        return
    tens = heading % 10.0 == 0.0
    share = float(tens.mean())
    spread = float(np.sqrt(TENTH * (1.0 - TENTH) / len(heading)))
    if share < ROUNDED_SHARE or share < TENTH + 4.0 * spread:
        return
    yield _about_files(
        rows,
        "heading_rounding",
        f"{percent(share)} of the headings are multiples of 10 where 10 % would be, so about "
        f"{percent((share - TENTH) / (1.0 - TENTH))} were rounded to 10 degrees",
    )


def _about_files(rows: LabelRows, kind: str, evidence: str) -> Finding:
    names = ", ".join(file.path.name for file in rows.files)
    return Finding(names, kind, "angle", "", "", NOTATION_SCORE, evidence)
