"""Visits: photos of one walk, which share its light, its camera and its way.

What the label file names counts first: its `walk` column (within `visit`, where both are there),
else `visit`. Otherwise the clock decides: a new visit begins after a pause without photos longer
than a gap. Who took a photo is unknown, so two people who walk at the same time make one visit.
Every doubt joins visits, none divides one: a date whose day and month are ambiguous counts as
both, and times without a date are those of one single day.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from core.errors import SplitError
from core.geo import Floats

GAP_MINUTES = 10.0
# More than this share without a walk, a time or a date are no longer a few.
FEW_SHARE = 0.01
FEW = 3
# A larger visit leaves too little for the other parts.
LARGEST_SHARE = 1 / 3
UNKNOWN = ""

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NAMED = "|".join(_MONTHS)
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.:](?P<a>\d{1,2})[-/.:](?P<b>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d{2})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<a>\d{{1,2}})[ -]*(?P<b>{_NAMED})[a-z]*\.?[ ,-]*(?P<y>\d{{4}})"),
    re.compile(
        rf"(?P<b>{_NAMED})[a-z]*\.?[ -]*(?P<a>\d{{1,2}})(?:st|nd|rd|th)?[ ,-]+(?P<y>\d{{4}})"
    ),
)


@dataclass(frozen=True)
class Visits:
    """The visits of n photos.

    Attributes:
        groups: Visit of each photo `(n,)`, int64.
        gap_minutes: Longest gap within a visit, if visits come from the clock; else None.
        notes: What was assumed, with counts.
    """

    groups: np.ndarray
    gap_minutes: float | None
    notes: tuple[str, ...]

    @property
    def largest(self) -> int:
        """Photos of the largest visit."""
        return int(np.bincount(self.groups).max())


def find_visits(table: pd.DataFrame, position_m: Floats, gap_minutes: float) -> Visits:
    """Group photos into visits of which none holds more than a third of them.

    A few photos (at most 1 %, or three) may lack a walk or a time; each joins the visit of the
    nearest photo. Alone it could be tested while its own walk is in the training part.

    Args:
        table: Photos with the columns walk, visit, timestamp and minute.
        position_m: Local metres `(n, 2)` of the same photos; NaN without a position.
        gap_minutes: Minutes without a photo that end a visit, if visits come from the clock.

    Raises:
        SplitError: Too many photos lack a time, or nearly all photos are of one visit.
    """
    names, gap, notes = _named(table), None, list[str]()
    if names is None:
        names, notes = _timed(table, gap_minutes)
        gap = gap_minutes
    groups, joined = _with_the_nearest(names, position_m)
    visits = Visits(groups, gap, (*notes, *joined))
    if visits.largest > LARGEST_SHARE * len(groups):
        raise SplitError(_too_large(visits))
    return visits


def day_key(timestamp: str) -> str:
    """Return the day of a free-form time, `""` if it holds no date.

    05/03/2024 may be in March or in May: both, and 2024-03-05 and 2024-05-03, have one key.
    """
    for pattern in _DATES:
        if found := pattern.search(timestamp.lower()):
            year, a, b = found["y"], found["a"], found["b"]
            month = _MONTHS.index(b) + 1 if b in _MONTHS else int(b)
            low, high = sorted((int(a), month))
            return f"{int(year) + 2000 * (len(year) == 2)}-{low}-{high}"
    return UNKNOWN


def _few(missing: int, photos: int) -> bool:
    return missing <= max(FEW, FEW_SHARE * photos)


def _named(table: pd.DataFrame) -> pd.Series | None:
    """Visits by the columns of the label file; None if it does not name them."""
    for column in ("walk", "visit"):
        blank = table[column] == ""
        if not blank.all() and _few(int(blank.sum()), len(table)):
            names = table["visit"] + "\t" + table["walk"] if column == "walk" else table["visit"]
            return names.mask(blank, UNKNOWN)
    return None


def _timed(table: pd.DataFrame, gap_minutes: float) -> tuple[pd.Series, list[str]]:
    """Visits by the clock: within a day, a gap longer than `gap_minutes` begins a new one."""
    minute = table["minute"].to_numpy(np.float64)
    untimed = np.isnan(minute)
    if not _few(int(untimed.sum()), len(table)):
        first = ", ".join(table.loc[untimed, "photo_id"].head(3))
        raise SplitError(
            f"the visit split needs to know when photos were taken: {int(untimed.sum())} of "
            f"{len(table)} have no time (first: {first}). Give timestamps, or a column walk, in "
            "the label file, or choose the spot split"
        )
    days = table["timestamp"].map(day_key)
    dated = ~untimed & (days != UNKNOWN).to_numpy()
    notes: list[str] = []
    if _few(int((~dated).sum()), len(table)):
        untimed = ~dated
    else:
        days = days.where(days == "", "")
        notes.append(
            f"{int((~dated).sum()):,} of {len(table):,} timestamps hold no date, so photos of the "
            "same hour count as one visit, whatever the day"
        )
    names = pd.Series(UNKNOWN, index=table.index)
    for day, rows in pd.Series(minute[~untimed], index=table.index[~untimed]).groupby(
        days[~untimed]
    ):
        ordered = rows.sort_values(kind="stable")
        number = np.cumsum(np.diff(ordered.to_numpy(), prepend=-np.inf) > gap_minutes)
        names[ordered.index] = [f"{day}\t{each}" for each in number]
    return names, notes


def _with_the_nearest(names: pd.Series, position_m: Floats) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the visits; photos without one join that of the nearest photo that has one."""
    known = (names != UNKNOWN).to_numpy()
    groups = np.zeros(len(names), np.int64)
    groups[known] = np.unique(names[known], return_inverse=True)[1]
    if known.all():
        return groups, ()
    placed = np.isfinite(position_m).all(axis=1)
    asked, there = ~known & placed, known & placed
    if asked.any() and there.any():
        nearest = cKDTree(position_m[there]).query(position_m[asked])[1]
        groups[asked] = groups[there][nearest]
    # Photos of one walk usually follow one another in a folder.
    rest = ~known & ~(asked & there.any())
    before = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    groups[rest] = groups[np.where(before < 0, known.argmax(), before)[rest]]
    beside = f", {int(rest.sum())} of them of the photo before it in the folder"
    return groups, (
        f"{int((~known).sum()):,} photos without a time or walk were put into the visit of the "
        f"photo that stands nearest{beside if rest.any() else ''}",
    )


def _too_large(visits: Visits) -> str:
    largest, all_photos = f"{visits.largest:,}", f"{len(visits.groups):,} photos"
    large = f"one visit holds {largest} of {all_photos}, too many to share out"
    if visits.gap_minutes is None:
        return f"{large}: name the walks in the label file's column walk, or choose the spot split"
    return (
        f"{large}: no gap between its photos is longer than {visits.gap_minutes:g} minutes"
        f"{''.join(f' ({note})' for note in visits.notes)}. Give dates or a column walk in the "
        "label file, lower split.gap_minutes, or choose the spot split"
    )
