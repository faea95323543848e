"""Coordinates off the campus: what was meant where a reading puts the row back, else only that."""

from collections.abc import Iterator

import numpy as np

from core.audit.fellows import WITHIN_MINUTES, Fellows, find_fellows
from core.audit.finding import Column, Finding
from core.audit.ground import Ground
from core.audit.home import Home, Meant
from core.audit.naming import row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.audit.typos import Axis, readings

KINDS = {
    "sexagesimal": "degrees, minutes and seconds typed as the digits of decimal degrees",
    "swapped": "latitude and longitude exchanged",
    "wrong_scale": "a coordinate in another unit",
    "wrong_sign": "a coordinate with the wrong sign",
    "dropped_digit": "a coordinate that lacks a digit",
    "added_digit": "a coordinate with a digit too many",
    "wrong_digit": "a coordinate with one wrong digit",
    "swapped_digits": "a coordinate with two neighbouring digits exchanged",
    "zero": "a coordinate of exactly 0, off the campus",
    "outside_campus": "a position off the campus",
    "isolated": "a position near the campus, far from every other photo",
    "off_walk": "a position on the campus, far from the photos of the same walk and minutes",
}
# Slips that happen to both coordinates of a row alike.
BOTH = {"sexagesimal", "wrong_scale", "wrong_sign"}


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Explain every row that stands off the campus, or far from its walk."""
    del config
    ground, fellows = rows.ground, find_fellows(rows)
    leapt = ~ground.on_island & fellows.leapt
    odd = np.flatnonzero(ground.on_island | leapt)
    if not len(odd):
        return
    home = Home(rows, leapt, fellows.beside)
    for row in odd:
        own = fellows.of[row]
        sure = _leap_sure(fellows, int(row)) if leapt[row] else _off_sure(ground, int(row))
        best = home.best(int(row), own[~leapt[own]], _candidates(rows, int(row), home), sure)
        if best is None and leapt[row]:
            best = _off_walk(rows, fellows, int(row), sure)
        yield best or _unexplained(rows, ground, int(row))


def _candidates(rows: LabelRows, row: int, home: Home) -> list[Meant]:
    """Every reading of one coordinate or of both alike, and the two exchanged."""
    north, east = float(rows.latitude[row]), float(rows.longitude[row])
    latitude, longitude = _axes(rows)
    texts = [rows.text[name].iat[row].strip() for name in ("latitude", "longitude")]
    norths = list(readings(texts[0], north, latitude, home.usual_digits[0]))
    easts = list(readings(texts[1], east, longitude, home.usual_digits[1]))
    found = [Meant("swapped", "position", east, north, "with the two exchanged", 0.97)]
    found += [Meant(r.kind, "latitude", r.value, east, f"with {r.how}", r.trust) for r in norths]
    found += [Meant(r.kind, "longitude", north, r.value, f"with {r.how}", r.trust) for r in easts]
    found += [
        Meant(
            a.kind, "position", a.value, b.value, f"with {a.how} and {b.how}",
            min(a.trust, b.trust),
        )
        for a in norths if a.kind in BOTH for b in easts if b.kind == a.kind
    ]  # fmt: skip
    return found


def _axes(rows: LabelRows) -> tuple[Axis, Axis]:
    frame = rows.frame
    if frame is None or not frame.has_degrees:
        return Axis(0.0, 0.0), Axis(0.0, 0.0)
    if frame.kind == "degrees":
        return Axis(1.0, 0.0), Axis(1.0, 0.0)
    return Axis(frame.scale, frame.origin_latitude), Axis(frame.scale, frame.origin_longitude)


def _unexplained(rows: LabelRows, ground: Ground, row: int) -> Finding:
    gap = float(ground.gap[row])
    score = _off_sure(ground, row)
    off = f"{ground.length(gap)} from the nearest photo on the campus"
    zeros = [
        name for name, value in (
            ("latitude", rows.latitude[row]), ("longitude", rows.longitude[row])
        ) if value == 0.0
    ]  # fmt: skip
    if zeros:
        column: Column = "latitude" if zeros == ["latitude"] else "longitude"
        column = "position" if len(zeros) == 2 else column
        return row_finding(
            rows, row, "zero", column, "", score, f"{' and '.join(zeros)} of exactly 0, {off}"
        )
    outside = gap > ground.spread
    usual = f"the campus's photos lie a median {ground.length(ground.spread)} from its middle"
    kind = "outside_campus" if outside else "isolated"
    return row_finding(rows, row, kind, "position", "", score, f"{off}; {usual}")


def _off_walk(rows: LabelRows, fellows: Fellows, row: int, sure: float) -> Finding:
    count, step = len(fellows.of[row]), rows.ground.length(float(fellows.step[row]))
    evidence = (
        f"the nearest of {count} photos of the same walk within {WITHIN_MINUTES:g} minutes stands "
        f"{step} away; others of this file stand at most {rows.ground.length(fellows.leap)} apart"
    )
    return row_finding(rows, row, "off_walk", "position", "", sure, evidence)


def _leap_sure(fellows: Fellows, row: int) -> float:
    """How sure it is that a row far from its fellows is wrong: 0.45 at a leap, 0.86 at two."""
    return 1.0 - float(np.exp(-1.4 * (float(fellows.step[row]) / fellows.leap) ** 2 + 0.8))


def _off_sure(ground: Ground, row: int) -> float:
    """How sure it is that a row on an island is wrong: 0.4 one reach off, 0.92 at five."""
    return 1.0 - float(np.exp(-float(ground.gap[row]) / (2.0 * ground.reach)))
