"""The fellows of a row: rows of the same walk within a few minutes, which stand where it stood."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from core.audit.findings import Column, Finding, row_finding, written
from core.audit.rows import Ground, LabelRows
from core.audit.schema import AuditConfig
from core.audit.typos import Axis, readings
from core.geo import Floats

# Nobody walks far in three minutes; fewer fellows than three may be wrong themselves.
WITHIN_MINUTES = 3.0
FEWEST = 3
# What counts as a leap, in long steps of the file and in reaches. A long step is one of the longest
# twentieth: where one row in a hundred is wrong, the longest hundredth would be the faults.
LEAP_STEPS = 4.0
LEAP_REACHES = 1.5
LONG_STEP = 0.95
# A row that is put back must stand beside its fellows, not just within their reach: among the many
# readings of a number, some land within reach by chance.
BESIDE_REACHES = 0.25


@dataclass(frozen=True, eq=False)
class Fellows:
    """For each of n rows, how far its nearest fellow stands.

    Attributes:
        of: Row numbers of each row's fellows; empty arrays where there are too few.
        step: `(n,)` distance to the nearest fellow, in the unit of the ground; NaN where unknown.
        leap: A step that is longer than this is no step.
        beside: A row this close to a fellow stands beside it.
    """

    of: tuple[np.ndarray, ...]
    step: Floats
    leap: float
    beside: float

    @property
    def leapt(self) -> np.ndarray:
        """`(n,)` whether a row stands farther from its fellows than anybody steps."""
        return np.asarray(np.nan_to_num(self.step) > self.leap)


def find_fellows(rows: LabelRows) -> Fellows:
    """Find each row's fellows among the rows on the campus; a row off it may have fellows too."""
    ground = rows.ground
    timed = np.isfinite(rows.minute)
    of = [np.empty(0, np.int64)] * len(rows)
    step = np.full(len(rows), np.nan)
    on = timed & np.isfinite(ground.gap) & ~ground.on_island
    order = np.argsort(rows.walk, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(rows.walk[order])) + 1):
        sound = members[on[members]]
        for row in members[timed[members]]:
            near = sound[np.abs(rows.minute[sound] - rows.minute[row]) <= WITHIN_MINUTES]
            near = near[near != row]
            if len(near) < FEWEST:
                continue
            of[row] = near
            away = ground.position[near] - ground.position[row]
            step[row] = np.hypot(*away.T).min()
    sound_steps = step[on & np.isfinite(step)]
    long = float(np.quantile(sound_steps, LONG_STEP)) if len(sound_steps) else np.inf
    leap = max(LEAP_REACHES * ground.reach, LEAP_STEPS * long)
    beside = max(BESIDE_REACHES * ground.reach, min(long, ground.reach))
    return Fellows(tuple(of), step, leap, beside)


def nearest_fellow(rows: LabelRows, fellows: np.ndarray, places: Floats) -> Floats:
    """Distance `(m,)` from places `(m, 2)` to the nearest of some rows; infinite without any."""
    if not len(fellows):
        return np.full(len(places), np.inf)
    return np.asarray(cKDTree(rows.ground.position[fellows]).query(places)[0], np.float64)


# Where a row that is off belongs: beside its fellows, or else in its region.


# A row that is put back where its region is not is put back by chance more often.
STRANGE_REGION = 0.7
SEVERAL_PLACES = 0.8
ON_CAMPUS = 0.75
# From this share on, the number of digits is a habit of the file.
SAME_DIGITS = 0.95
_NOWHERE = 1e12


@dataclass(frozen=True)
class Meant:
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


class Home:
    """The rows that stand where they should, which say where another row may belong."""

    def __init__(self, rows: LabelRows, leapt: np.ndarray, beside: float) -> None:
        """Learn from rows on the campus but those that `leapt` `(n,)` from their walk."""
        self.rows, self.ground, self._beside = rows, rows.ground, beside
        on = np.isfinite(self.ground.gap) & ~self.ground.on_island & ~leapt
        self._campus = cKDTree(self.ground.position[on])
        self._of_region = {
            region: cKDTree(self.ground.position[on & (rows.region == region)])
            for region in set(rows.region[on])
        }
        texts = rows.text["latitude"][on].head(200)
        self._decimals = max((len(text.strip().partition(".")[2]) for text in texts), default=0)
        self.usual_digits = tuple(
            _usual_digits(rows.text[name][on]) for name in ("latitude", "longitude")
        )

    def best(
        self, row: int, fellows: np.ndarray, candidates: list[Meant], sure: float
    ) -> Finding | None:
        """The reading that puts a row nearest to its fellows, or without any to its region.

        Args:
            row: The row.
            fellows: Rows of the same walk and minutes; may be none.
            candidates: What may have been meant.
            sure: How sure it is that the row is wrong at all.

        Returns:
            The finding; None where no reading puts the row back.
        """
        places = self.ground.place(np.array([(c.latitude, c.longitude) for c in candidates]))
        places[~np.isfinite(places).all(axis=1)] = _NOWHERE
        trust = np.array([candidate.trust for candidate in candidates])
        away = nearest_fellow(self.rows, fellows, places)
        beside = bool((away <= self._beside).any())
        if beside:
            trust[away > self._beside] = 0.0
            # From a step that is too long, some reading leads back by chance.
            trust *= 1.0 if self.ground.on_island[row] else ON_CAMPUS
        elif len(fellows) and not self.ground.on_island[row]:
            # Any reading puts a row on the campus that is on it already.
            return None
        else:
            away, trust = self._in_region(row, places, trust)
        if not trust.any():
            return None
        first = int(np.lexsort([away, -trust])[0])
        rivals = trust > 0.95 * trust[first]
        rivals &= np.hypot(*(places - places[first]).T) > self.ground.reach
        # Just off the campus, a photo may well stand where it says, whatever a digit could do.
        score = min(float(trust[first]) * (SEVERAL_PLACES if rivals.any() else 1.0), sure)
        lies = self._lies(row, float(away[first]), beside)
        return self._finding(row, candidates[first], score, lies)

    def _in_region(self, row: int, places: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """Distance of places `(m, 2)` to the row's region, and what trust is left in each."""
        reach = self.ground.reach
        own = self._of_region.get(str(self.rows.region[row]))
        away = own.query(places)[0] if own else np.full(len(places), np.inf)
        left = np.where(away <= reach, trust, trust * STRANGE_REGION)
        left[self._campus.query(places)[0] > reach] = 0.0
        return np.asarray(away, np.float64), left

    def _lies(self, row: int, away: float, beside: bool) -> str:
        if beside:
            return f"{self.ground.length(away)} from a photo of the same walk and minutes"
        region = self.rows.region[row]
        if away <= self.ground.reach:
            return f"{self.ground.length(away)} from the nearest photo of region {region}"
        return f"on the campus, though not in region {region}"

    def _finding(self, row: int, meant: Meant, score: float, lies: str) -> Finding:
        gap = float(self.ground.gap[row])
        stands = f"{self.ground.length(gap)} off the campus" if gap else "far from its walk"
        latitude = written(meant.latitude, self._decimals)
        longitude = written(meant.longitude, self._decimals)
        proposal = {"latitude": latitude, "longitude": longitude}.get(
            meant.column, f"{latitude} {longitude}"
        )
        evidence = f"{stands} as it is written; {meant.how} it lies {lies}"
        return row_finding(self.rows, row, meant.kind, meant.column, proposal, score, evidence)


def _usual_digits(texts: pd.Series) -> int | None:
    """How many digits the values of a column have; None where they differ in that."""
    counts = texts.str.count(r"\d").value_counts(normalize=True)
    return int(counts.index[0]) if len(counts) and counts.iloc[0] >= SAME_DIGITS else None


# Coordinates off the campus: what was meant where a reading puts the row back, else only that.


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
