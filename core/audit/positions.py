"""Positions off the campus or off their walk, and what may have been meant.

Walk neighbours of a row are rows of the same walk within a few minutes. A row is odd if it is on an
island off the campus (`rows.py`) or far from its walk neighbours. Every reading of its digits that
`typos.py` offers is tried; the one that puts the row beside its walk neighbours, or else into its
region, is the proposal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from core.audit.findings import Column, Finding, row_finding, written
from core.audit.rows import CampusExtent, LabelRows
from core.audit.schema import AuditConfig
from core.audit.typos import Axis, readings
from core.geo import Floats

# People do not walk far in three minutes; fewer than three neighbours may be wrong themselves.
WITHIN_MINUTES = 3.0
FEWEST = 3
# What counts as a leap, in long steps of the file and in reaches. A long step is one of the longest
# twentieth: if one row in a hundred is wrong, the longest hundredth would be the faults.
LEAP_STEPS = 4.0
LEAP_REACHES = 1.5
LONG_STEP = 0.95
# A proposed position must be beside the neighbours, not just within their reach: of the many
# readings of a number, some are within reach by chance.
BESIDE_REACHES = 0.25


@dataclass(frozen=True, eq=False)
class WalkNeighbours:
    """The walk neighbours of each of n rows, and the distance to the nearest.

    Attributes:
        of: Row numbers of each row's neighbours; empty arrays if there are too few.
        step: `(n,)` distance to the nearest neighbour, in the unit of the extent; NaN if unknown.
        leap: A longer step is not plausible.
        beside: A row this close to a neighbour is beside it.
    """

    of: tuple[np.ndarray, ...]
    step: Floats
    leap: float
    beside: float

    @property
    def leapt(self) -> np.ndarray:
        """`(n,)` whether a row is implausibly far from its walk neighbours."""
        return np.asarray(np.nan_to_num(self.step) > self.leap)


def find_walk_neighbours(rows: LabelRows) -> WalkNeighbours:
    """Find each row's walk neighbours among the rows on the campus; a row off it may have some."""
    extent = rows.extent
    timed = np.isfinite(rows.minute)
    of = [np.empty(0, np.int64)] * len(rows)
    step = np.full(len(rows), np.nan)
    on = timed & np.isfinite(extent.gap) & ~extent.on_island
    order = np.argsort(rows.walk, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(rows.walk[order])) + 1):
        sound = members[on[members]]
        for row in members[timed[members]]:
            near = sound[np.abs(rows.minute[sound] - rows.minute[row]) <= WITHIN_MINUTES]
            near = near[near != row]
            if len(near) < FEWEST:
                continue
            of[row] = near
            away = extent.position[near] - extent.position[row]
            step[row] = np.hypot(*away.T).min()
    sound_steps = step[on & np.isfinite(step)]
    long = float(np.quantile(sound_steps, LONG_STEP)) if len(sound_steps) else np.inf
    leap = max(LEAP_REACHES * extent.reach, LEAP_STEPS * long)
    beside = max(BESIDE_REACHES * extent.reach, min(long, extent.reach))
    return WalkNeighbours(tuple(of), step, leap, beside)


def nearest_neighbour(rows: LabelRows, neighbours: np.ndarray, places: Floats) -> Floats:
    """Return the distance `(m,)` from places `(m, 2)` to the nearest row, or infinity."""
    if not len(neighbours):
        return np.full(len(places), np.inf)
    return np.asarray(cKDTree(rows.extent.position[neighbours]).query(places)[0], np.float64)


# A proposal outside the row's region is more often right by chance only.
STRANGE_REGION = 0.7
SEVERAL_PLACES = 0.8
ON_CAMPUS = 0.75
# From this share on, the number of digits is a habit of the file.
SAME_DIGITS = 0.95
_NOWHERE = 1e12


@dataclass(frozen=True)
class Candidate:
    """A position that may have been meant.

    Attributes:
        kind: Name of the finding that it would be.
        column: What was misread: one coordinate or both.
        latitude: In label units.
        longitude: In label units.
        how: How it is read, as in `with 41973 read as 141973`.
        trust: How sure the finding is if the row is put in place and no other reading does it.
    """

    kind: str
    column: Column
    latitude: float
    longitude: float
    how: str
    trust: float


class PositionFix:
    """Proposals for the position of an odd row, from the rows whose position is plausible."""

    def __init__(self, rows: LabelRows, leapt: np.ndarray, beside: float) -> None:
        """Use the rows on the campus but those that `leapt` `(n,)` from their walk."""
        self.rows, self.extent, self._beside = rows, rows.extent, beside
        on = np.isfinite(self.extent.gap) & ~self.extent.on_island & ~leapt
        self._campus = cKDTree(self.extent.position[on])
        self._of_region = {
            region: cKDTree(self.extent.position[on & (rows.region == region)])
            for region in set(rows.region[on])
        }
        texts = rows.text["latitude"][on].head(200)
        self._decimals = max((len(text.strip().partition(".")[2]) for text in texts), default=0)
        self.usual_digits = tuple(
            _usual_digits(rows.text[name][on]) for name in ("latitude", "longitude")
        )

    def best(
        self, row: int, neighbours: np.ndarray, candidates: list[Candidate], sure: float
    ) -> Finding | None:
        """Return the reading nearest to the row's walk neighbours or, without any, to its region.

        Args:
            row: The row.
            neighbours: Rows of the same walk and minutes; may be none.
            candidates: What may have been meant.
            sure: How sure it is that the row is wrong at all.

        Returns:
            The finding; None if no reading gives a plausible position.
        """
        places = self.extent.place(np.array([(c.latitude, c.longitude) for c in candidates]))
        places[~np.isfinite(places).all(axis=1)] = _NOWHERE
        trust = np.array([candidate.trust for candidate in candidates])
        away = nearest_neighbour(self.rows, neighbours, places)
        beside = bool((away <= self._beside).any())
        if beside:
            trust[away > self._beside] = 0.0
            # From a step that is too long, some reading leads back by chance.
            trust *= 1.0 if self.extent.on_island[row] else ON_CAMPUS
        elif len(neighbours) and not self.extent.on_island[row]:
            # Any reading puts a row on the campus that is on it already.
            return None
        else:
            away, trust = self._in_region(row, places, trust)
        if not trust.any():
            return None
        first = int(np.lexsort([away, -trust])[0])
        rivals = trust > 0.95 * trust[first]
        rivals &= np.hypot(*(places - places[first]).T) > self.extent.reach
        # Just off the campus, a photo may well stand where it says, whatever a digit could do.
        score = min(float(trust[first]) * (SEVERAL_PLACES if rivals.any() else 1.0), sure)
        lies = self._lies(row, float(away[first]), beside)
        return self._finding(row, candidates[first], score, lies)

    def _in_region(self, row: int, places: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """Distance of places `(m, 2)` to the row's region, and what trust is left in each."""
        reach = self.extent.reach
        own = self._of_region.get(str(self.rows.region[row]))
        away = own.query(places)[0] if own else np.full(len(places), np.inf)
        left = np.where(away <= reach, trust, trust * STRANGE_REGION)
        left[self._campus.query(places)[0] > reach] = 0.0
        return np.asarray(away, np.float64), left

    def _lies(self, row: int, away: float, beside: bool) -> str:
        if beside:
            return f"{self.extent.length(away)} from a photo of the same walk and minutes"
        region = self.rows.region[row]
        if away <= self.extent.reach:
            return f"{self.extent.length(away)} from the nearest photo of region {region}"
        return f"on the campus, though not in region {region}"

    def _finding(self, row: int, meant: Candidate, score: float, lies: str) -> Finding:
        gap = float(self.extent.gap[row])
        stands = f"{self.extent.length(gap)} off the campus" if gap else "far from its walk"
        latitude = written(meant.latitude, self._decimals)
        longitude = written(meant.longitude, self._decimals)
        proposal = {"latitude": latitude, "longitude": longitude}.get(
            meant.column, f"{latitude} {longitude}"
        )
        evidence = f"{stands} as it is written; {meant.how} it lies {lies}"
        return row_finding(self.rows, row, meant.kind, meant.column, proposal, score, evidence)


def _usual_digits(texts: pd.Series) -> int | None:
    """How many digits the values of a column have; None if they differ."""
    counts = texts.str.count(r"\d").value_counts(normalize=True)
    return int(counts.index[0]) if len(counts) and counts.iloc[0] >= SAME_DIGITS else None


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
    "no_position": "numbers that programs write for no position",
    "outside_campus": "a position off the campus",
    "isolated": "a position near the campus, far from every other photo",
    "off_walk": "a position on the campus, far from the photos of the same walk and minutes",
}
# Slips that happen to both coordinates of a row alike.
BOTH = {"sexagesimal", "wrong_scale", "wrong_sign"}


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Explain every row that stands off the campus, or far from its walk."""
    del config
    for blank in np.flatnonzero(rows.no_position).tolist():
        kind = "zero" if rows.latitude[blank] == 0.0 else "no_position"
        evidence = f"{rows.position_text(blank)} stands for no position, so Bearings leaves it out"
        yield row_finding(rows, blank, kind, "position", "", 1.0, evidence)
    extent, neighbours = rows.extent, find_walk_neighbours(rows)
    leapt = ~extent.on_island & neighbours.leapt
    odd = np.flatnonzero(extent.on_island | leapt)
    if not len(odd):
        return
    fix = PositionFix(rows, leapt, neighbours.beside)
    for row in odd:
        own = neighbours.of[row]
        sure = _leap_sure(neighbours, int(row)) if leapt[row] else _off_sure(extent, int(row))
        best = fix.best(int(row), own[~leapt[own]], _candidates(rows, int(row), fix), sure)
        if best is None and leapt[row]:
            best = _off_walk(rows, neighbours, int(row), sure)
        yield best or _unexplained(rows, extent, int(row))


def _candidates(rows: LabelRows, row: int, fix: PositionFix) -> list[Candidate]:
    """Every reading of one coordinate or of both alike, and the two exchanged."""
    north, east = float(rows.latitude[row]), float(rows.longitude[row])
    latitude, longitude = _axes(rows)
    texts = [rows.text[name].iat[row].strip() for name in ("latitude", "longitude")]
    norths = list(readings(texts[0], north, latitude, fix.usual_digits[0]))
    easts = list(readings(texts[1], east, longitude, fix.usual_digits[1]))
    found = [Candidate("swapped", "position", east, north, "with the two exchanged", 0.97)]
    found += [
        Candidate(r.kind, "latitude", r.value, east, f"with {r.how}", r.trust) for r in norths
    ]
    found += [
        Candidate(r.kind, "longitude", north, r.value, f"with {r.how}", r.trust) for r in easts
    ]
    found += [
        Candidate(
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


def _unexplained(rows: LabelRows, extent: CampusExtent, row: int) -> Finding:
    gap = float(extent.gap[row])
    score = _off_sure(extent, row)
    off = f"{extent.length(gap)} from the nearest photo on the campus"
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
    outside = gap > extent.spread
    usual = f"the campus's photos lie a median {extent.length(extent.spread)} from its middle"
    kind = "outside_campus" if outside else "isolated"
    return row_finding(rows, row, kind, "position", "", score, f"{off}; {usual}")


def _off_walk(rows: LabelRows, neighbours: WalkNeighbours, row: int, sure: float) -> Finding:
    count, step = len(neighbours.of[row]), rows.extent.length(float(neighbours.step[row]))
    usual = rows.extent.length(neighbours.leap)
    evidence = (
        f"the nearest of {count:,} photos of the same walk within {WITHIN_MINUTES:g} minutes "
        f"stands {step} away; others of this file stand at most {usual} apart"
    )
    return row_finding(rows, row, "off_walk", "position", "", sure, evidence)


def _leap_sure(neighbours: WalkNeighbours, row: int) -> float:
    """How sure it is that a row far from its neighbours is wrong: 0.45 at a leap, 0.86 at two."""
    return 1.0 - float(np.exp(-1.4 * (float(neighbours.step[row]) / neighbours.leap) ** 2 + 0.8))


def _off_sure(extent: CampusExtent, row: int) -> float:
    """How sure it is that a row on an island is wrong: 0.4 one reach off, 0.92 at five."""
    return 1.0 - float(np.exp(-float(extent.gap[row]) / (2.0 * extent.reach)))
