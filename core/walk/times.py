"""When the photos of a walk were taken, in seconds, from free-form times.

- Photos are ordered by time, equal times by their order in the list (that of their names).
- Photos of one and the same time are spread evenly over the resolution of the clock: four photos of
  `12:09` count as taken at 0, 15, 30 and 45 s of that minute.
- Times without a date are of one single day. Since nobody knows where that day began, the walk
  begins after the longest pause, so that a walk past midnight stays whole.
- A photo without a time has no place in the order, and is left out of the track.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.dataset.exif import read_exif
from core.errors import ConfigError, ImageError
from core.geo import Floats
from core.splits.visits import UNKNOWN, day_key
from core.tables.columns import NAMES, meaning
from core.tables.formats import read_raw
from core.tables.raw import RawTable
from core.tables.times import iso_day, joined_dates, minute_of_day, plain_times

_DAY_S = 86_400.0
_SECONDS = re.compile(r"\d:\d{2}:\d{2}")
_SHOWN = 3


@dataclass(frozen=True)
class Moments:
    """When the photos of a walk were taken.

    Attributes:
        rows: `(m,)` index of each photo that has a time, in the order of time.
        seconds: `(m,)` since the first of them, never falling.
        resolution_s: The clock's steps: two times may be this much farther apart than they say.
        texts: Time of every photo as it was given, `n` of them; empty where unknown.
        notes: What was assumed, with counts.
    """

    rows: NDArray[np.int64]
    seconds: Floats
    resolution_s: float
    texts: tuple[str, ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check every shape, and the order."""
        if self.rows.shape != self.seconds.shape or (np.diff(self.seconds) < 0.0).any():
            raise ValueError("times of a walk must be one a photo, and never fall")


def exif_times(photos: Sequence[Path]) -> list[str]:
    """Return when each photo was taken, as its EXIF says; empty where it does not."""
    texts = []
    for photo in photos:
        try:
            texts.append(read_exif(photo).taken)
        except ImageError:
            texts.append("")
    return texts


def table_times(path: Path, names: Sequence[str]) -> list[str]:
    """Return the time of each photo from a table of names and times; empty where it has none.

    Photos are found by their whole name, else by their file name without folders.

    Raises:
        LabelError: The file is no table.
        ConfigError: It has no column with names or none with times, names two photos alike, or
            knows none of the photos.
    """
    raw = read_raw(path)
    columns = _columns(raw)
    times = columns.get("timestamp", pd.Series("", index=raw.rows.index, dtype=str)).str.strip()
    if "date" in columns:
        times = joined_dates(times, columns["date"])
    keys = columns["filename"].str.strip().str.replace("\\", "/", regex=False)
    whole, bare = dict[str, set[str]](), dict[str, set[str]]()
    for key, time in zip(keys, times, strict=True):
        whole.setdefault(key, set()).add(time)
        bare.setdefault(PurePosixPath(key).name, set()).add(time)
    texts = []
    for name in names:
        found = whole.get(name) or bare.get(PurePosixPath(name).name) or {""}
        if len(found) > 1:
            raise ConfigError(
                f"{path} names {name} with different times ({', '.join(sorted(found)[:_SHOWN])}): "
                "keep one row a photo, or write the folder before the file name"
            )
        texts.append(next(iter(found)))
    if names and not any(texts):
        raise ConfigError(f"{path} has no time for any of these photos (first: {names[0]})")
    return texts


def _columns(raw: RawTable) -> dict[str, pd.Series]:
    """Columns by role; the best name of a role counts."""
    best: dict[str, tuple[int, int]] = {}
    for number, title in enumerate(raw.header):
        found = meaning(title)
        if found and found.role in ("filename", "timestamp", "date"):
            best[found.role] = min(best.get(found.role, (found.tier, number)), (found.tier, number))
    for roles in (("filename",), ("timestamp", "date")):
        if not best.keys() & set(roles):
            known = ", ".join(NAMES[roles[0]][0].split())
            raise ConfigError(
                f"{raw.path} has no column {roles[0]} (or {known}); found: "
                f"{', '.join(raw.header[:20])}"
            )
    return {role: raw.rows[number] for role, (_, number) in best.items()}


def order_of_files(count: int, interval_s: float) -> Moments:
    """Take photos to be in the order of the list, one every `interval_s` seconds."""
    seconds = interval_s * np.arange(count, dtype=np.float64)
    note = f"photos are taken to be in the order of the list, {interval_s:g} s apart"
    return Moments(np.arange(count), seconds, interval_s, ("",) * count, (note,))


def order_of_times(texts: Sequence[str], names: Sequence[str]) -> Moments:
    """Order n photos by their times.

    Args:
        texts: Free-form time of each photo; empty or unreadable: unknown.
        names: Their names, for messages.

    Raises:
        ConfigError: No photo has a time, or dates cannot be compared.
    """
    plain, notes = plain_times(pd.Series(list(texts), dtype=str))
    minute = minute_of_day(plain)
    timed = np.flatnonzero(np.isfinite(minute))
    if not len(timed):
        raise ConfigError(
            "none of these photos has a time, so their order is unknown: give a table of names and "
            "times, or take the order of their names"
        )
    if len(timed) < len(names):
        missing = [names[int(row)] for row in np.flatnonzero(np.isnan(minute))]
        more = ", ..." if len(missing) > _SHOWN else ""
        notes.append(
            f"{len(missing):,} photos without a time are left out of the track: "
            f"{', '.join(missing[:_SHOWN])}{more}"
        )
    days, dated = _days([plain.iat[row] for row in timed])
    seconds = _DAY_S * days + 60.0 * minute[timed]
    if not dated:
        seconds = _after_longest_pause(seconds)
        notes.append("times have no date: all of them are taken to be of one walk within 24 hours")
    fine = any(_SECONDS.search(plain.iat[row]) for row in timed)
    resolution_s = 1.0 if fine else 60.0
    early = int((np.diff(seconds) < 0.0).sum())
    if early:
        notes.append(f"{early:,} photos are earlier than the one before by name: ordered by time")
    order = np.argsort(seconds, kind="stable")
    spread, equal = _spread_equal(seconds[order] - seconds.min(), resolution_s)
    if equal:
        notes.append(
            f"{equal:,} photos share their time with another: kept in the order of their names, "
            f"spread over {resolution_s:g} s"
        )
    given = tuple(text if np.isfinite(at) else "" for text, at in zip(plain, minute, strict=True))
    return Moments(timed[order].astype(np.int64), spread, resolution_s, given, tuple(notes))


def _days(texts: Sequence[str]) -> tuple[Floats, bool]:
    """Number of each text's day, and whether dates count; 0 for all of a walk of one day."""
    keys = [day_key(text) for text in texts]
    known = {key for key in keys if key != UNKNOWN}
    if len(known) <= 1:
        return np.zeros(len(texts)), all(key != UNKNOWN for key in keys)
    days = [iso_day(text) for text in texts]
    if None in days:
        unclear = next(text for text, day in zip(texts, days, strict=True) if day is None)
        raise ConfigError(
            f"photos are of {len(known)} days and {unclear!r} does not say which: write dates as "
            "2024-03-05 12:30, or give the photos of one day"
        )
    return np.array(days, np.float64), True


def _after_longest_pause(seconds: Floats) -> Floats:
    """Times of a day, continued past midnight so that the longest pause is outside the walk."""
    clock = np.sort(seconds)
    pauses = np.diff(clock, append=clock[0] + _DAY_S)
    longest = int(pauses.argmax())
    first = clock[(longest + 1) % len(clock)]
    return np.where(seconds < first, seconds + _DAY_S, seconds)


def _spread_equal(seconds: Floats, resolution_s: float) -> tuple[Floats, int]:
    """Spread equal times evenly over the resolution; how many photos share theirs."""
    _, first, which, counts = np.unique(
        seconds, return_index=True, return_inverse=True, return_counts=True
    )
    place = np.arange(len(seconds)) - first[which]
    return seconds + resolution_s * place / counts[which], int(counts[counts > 1].sum())
