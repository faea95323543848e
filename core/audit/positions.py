"""Coordinates off the campus: what was meant where a reading puts the row back, else only that."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from core.audit.finding import Column, Finding
from core.audit.ground import Ground
from core.audit.naming import row_finding, written
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
}
# Slips that happen to both coordinates of a row alike.
BOTH = {"sexagesimal", "wrong_scale", "wrong_sign"}
# A row that is put back where its region is not is put back by chance more often.
STRANGE_REGION = 0.7
SEVERAL_PLACES = 0.8


@dataclass(frozen=True)
class _Meant:
    """A position that may have been meant."""

    kind: str
    column: Column
    latitude: float
    longitude: float
    how: str
    trust: float


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Explain every row that stands off the campus."""
    del config
    ground = rows.ground
    off = np.flatnonzero(ground.on_island)
    if not len(off):
        return
    home = _Home(rows, ground)
    for row in off:
        best = home.best(int(row), _candidates(rows, int(row)))
        yield best or _unexplained(rows, ground, int(row))


class _Home:
    """The rows on the campus, which say where a row may belong."""

    def __init__(self, rows: LabelRows, ground: Ground) -> None:
        self.rows, self.ground = rows, ground
        on = np.isfinite(ground.gap) & ~ground.on_island
        self.campus = cKDTree(ground.position[on])
        self.of_region = {
            region: cKDTree(ground.position[on & (rows.region == region)])
            for region in set(rows.region[on])
        }
        self.decimals = max(
            (_decimals(text) for text in rows.text["latitude"][on].head(200)), default=0
        )

    def best(self, row: int, candidates: list[_Meant]) -> Finding | None:
        """The reading that puts a row nearest to its own region; None where none does."""
        places = self.ground.place(np.array([(c.latitude, c.longitude) for c in candidates]))
        far = ~np.isfinite(places).all(axis=1)
        places[far] = 1e12
        near = self.campus.query(places)[0]
        own = self.of_region.get(str(self.rows.region[row]))
        nearest = own.query(places)[0] if own else np.full(len(places), np.inf)
        score = np.array([c.trust for c in candidates])
        score = np.where(nearest <= self.ground.reach, score, score * STRANGE_REGION)
        score[near > self.ground.reach] = 0.0
        if not score.any():
            return None
        order = np.lexsort([np.where(nearest < np.inf, nearest, near), -score])
        first = int(order[0])
        rivals = (score > 0.95 * score[first]) & (
            np.hypot(*(places - places[first]).T) > self.ground.reach
        )
        sure = float(score[first]) * (SEVERAL_PLACES if rivals.any() else 1.0)
        # Just off the campus, a photo may well stand where it says, whatever a digit could do.
        sure = min(sure, _surely_off(self.ground, row))
        return self._finding(row, candidates[first], sure, float(nearest[first]))

    def _finding(self, row: int, meant: _Meant, score: float, nearest: float) -> Finding:
        gap = self.ground.length(float(self.ground.gap[row]))
        region = self.rows.region[row]
        lies = (
            f"{self.ground.length(nearest)} from the nearest photo of region {region}"
            if nearest <= self.ground.reach
            else f"on the campus, though not in region {region}"
        )
        latitude = written(meant.latitude, self.decimals)
        longitude = written(meant.longitude, self.decimals)
        proposal = {"latitude": latitude, "longitude": longitude}.get(
            meant.column, f"{latitude} {longitude}"
        )
        evidence = f"{gap} off the campus as it stands; {meant.how} it lies {lies}"
        return row_finding(self.rows, row, meant.kind, meant.column, proposal, score, evidence)


def _candidates(rows: LabelRows, row: int) -> list[_Meant]:
    """Every reading of one coordinate or of both alike, and the two exchanged."""
    north, east = float(rows.latitude[row]), float(rows.longitude[row])
    latitude, longitude = _axes(rows)
    norths = list(readings(rows.text["latitude"].iat[row].strip(), north, latitude))
    easts = list(readings(rows.text["longitude"].iat[row].strip(), east, longitude))
    found = [_Meant("swapped", "position", east, north, "with the two exchanged", 0.97)]
    found += [_Meant(r.kind, "latitude", r.value, east, f"with {r.how}", r.trust) for r in norths]
    found += [_Meant(r.kind, "longitude", north, r.value, f"with {r.how}", r.trust) for r in easts]
    found += [
        _Meant(
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
    score = _surely_off(ground, row)
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


def _surely_off(ground: Ground, row: int) -> float:
    """How sure it is that a row on an island is wrong: 0.4 one reach off, 0.92 at five."""
    return 1.0 - float(np.exp(-float(ground.gap[row]) / (2.0 * ground.reach)))


def _decimals(text: str) -> int:
    whole, _, part = text.strip().partition(".")
    return len(part) if whole else 0
