"""From the text of label tables to numbers, with the reason of every value that is none.

Every decision about a whole column (decimal mark, unit of headings) is made here, once, for the
reader and for the audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import LabelError
from core.geo import CoordinateFrame, Floats, LocalFrame, distance_m
from core.tables.headings import HeadingMeaning, heading_meaning, read_headings, to_degrees
from core.tables.numbers import (
    NO_NUMBER,
    Readings,
    decimal_mark,
    is_placeholder,
    numbers,
    quoted,
    read_column,
)
from core.tables.read import LabelTable
from core.tables.regions import read_regions
from core.tables.settings import TableSettings
from core.tables.times import plain_times

# A campus is no smaller than a room and no larger than a city.
SMALLEST_M, LARGEST_M = 2.0, 100_000.0
# Headings this close together, near north, are rather numbers of another kind.
NARROW_DEG = 45.0
NARROW_ROWS = 30
# Longest name of a region in characters.
_LONGEST_NAME = 500
# What phones (-1) and programs write for no direction.
NO_HEADINGS = (-1.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0)


@dataclass(frozen=True, eq=False)
class LabelValues:
    """What n label rows mean.

    Attributes:
        latitude: `(n,)` in label units; NaN if unknown.
        longitude: `(n,)` in label units; NaN if unknown.
        heading_deg: `(n,)` degrees clockwise from north, not yet wrapped if the file is in such
            degrees; NaN if unknown.
        region: `(n,)` region ids; `""` if unknown.
        timestamp: `(n,)` times as text.
        no_position: `(n,)` whether the row says that it has no position.
        no_heading: `(n,)` whether the row says that it has no heading.
        faults: `(n,)` why a value that is there cannot be read; `""` if all can.
        odd: `(n, 3)` whether latitude, longitude and heading are more than plain numbers.
        heading: What the column of headings means.
        notes: What was converted or looks wrong.
    """

    latitude: Floats
    longitude: Floats
    heading_deg: Floats
    region: pd.Series
    timestamp: pd.Series
    no_position: np.ndarray
    no_heading: np.ndarray
    faults: pd.Series
    odd: np.ndarray
    heading: HeadingMeaning
    notes: tuple[str, ...]


def _check_names(tables: Sequence[LabelTable], texts: Sequence[pd.DataFrame]) -> None:
    """Refuse names of regions that are none: pages and reports show each of them whole."""
    for table, text in zip(tables, texts, strict=True):
        longest = int(text["region"].str.len().max()) if len(text) else 0
        if longest > _LONGEST_NAME:
            raise LabelError(
                f"{table.source.path}: a region has a name of {longest:,} characters; at most "
                f"{_LONGEST_NAME} are read"
            )


def read_values(
    tables: Sequence[LabelTable],
    settings: TableSettings,
    frame: CoordinateFrame | None,
    repaired: Sequence[pd.DataFrame] | None = None,
) -> LabelValues:
    """Read the values of all label files of a dataset, row after row.

    Args:
        tables: The label files.
        settings: What campus.toml says about them.
        frame: What positions mean, if campus.toml says so.
        repaired: The same rows with the accepted repairs; repaired numbers are plain numbers.
    """
    texts = list(repaired) if repaired is not None else [table.text for table in tables]
    notes: list[str] = []
    axes = [
        _positions(table, text, settings, frame, notes)
        for table, text in zip(tables, texts, strict=True)
    ]
    text = pd.concat(texts, ignore_index=True)
    heading_deg, no_heading, meaning, reasons = _headings(tables, text, settings, notes)
    _check_names(tables, texts)
    region, region_notes = read_regions(text["region"], settings.real_regions, settings.join_case)
    timestamp, time_notes = plain_times(text["timestamp"].str.strip())
    latitude, longitude = (np.concatenate([each[axis].values for each in axes]) for axis in (0, 1))
    faults = pd.Series("", index=text.index)
    for axis in (0, 1):
        own = pd.concat([each[axis].faults for each in axes], ignore_index=True)
        faults = faults.where(faults != "", own)
    for number, reason in reasons.items():
        if not faults[number]:
            faults[number] = f"angle {reason}: {quoted(text['heading_deg'].iat[number])}"
    blank = np.column_stack([is_placeholder(text[name]) for name in ("latitude", "longitude")])
    half = blank.any(axis=1) & ~blank.all(axis=1) & (faults == "").to_numpy()
    for row in np.flatnonzero(half).tolist():
        faults[row] = f"{'latitude' if blank[row, 0] else 'longitude'} is empty"
    odd = np.column_stack(
        [np.concatenate([each[axis].odd for each in axes]) for axis in (0, 1)]
        + [np.isfinite(heading_deg) & np.isnan(numbers(text["heading_deg"].str.strip()))]
    )
    return LabelValues(
        latitude, longitude, heading_deg, region, timestamp, np.asarray(blank.all(axis=1)),
        no_heading, faults, odd, meaning, (*notes, *region_notes, *time_notes),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Axis:
    values: Floats
    faults: pd.Series
    odd: np.ndarray


def _positions(
    table: LabelTable,
    text: pd.DataFrame,
    settings: TableSettings,
    frame: CoordinateFrame | None,
    notes: list[str],
) -> tuple[_Axis, _Axis]:
    """Latitudes and longitudes of one file, and why some are none."""
    name = table.source.path.name
    readings = [read_column(table.text[axis], axis) for axis in ("latitude", "longitude")]
    decimal = settings.decimal or decimal_mark(readings)
    if not decimal:
        decimal = _plausible_decimal(readings, frame)
        if decimal:
            kind = "decimal marks" if decimal == "," else "thousands separators"
            notes.append(f"{name}: the commas of coordinates were read as {kind}, which fits a "
                         "campus")  # fmt: skip
    elif decimal == ",":
        notes.append(f"{name}: coordinates have decimal commas")
    axes = []
    for axis, reading in zip(("latitude", "longitude"), readings, strict=True):
        values = reading.settled(decimal)
        faults = _number_faults(table.text[axis], axis, reading, values, bool(settings.decimal))
        changed = (text[axis].str.strip() != table.text[axis].str.strip()).to_numpy()
        plain = numbers(text[axis].str.strip())
        values = np.where(changed, plain, values)
        faults = faults.mask(changed & np.isfinite(plain), "")
        for row in np.flatnonzero(changed & np.isnan(plain) & ~is_placeholder(text[axis])).tolist():
            faults.iat[row] = f"{axis} {NO_NUMBER}: {quoted(text[axis].iat[row])}"
        axes.append(_Axis(values, faults, reading.odd & np.isfinite(values) & ~changed))
    odd = axes[0].odd | axes[1].odd
    if odd.any() and decimal != ",":
        row = int(np.flatnonzero(odd)[0])
        shown = [f"{table.text[axis].iat[row].strip()} is {axes[number].values[row]:.9g}"
                 for number, axis in enumerate(("latitude", "longitude"))]  # fmt: skip
        notes.append(
            f"{name}: {int(odd.sum()):,} positions are written with degree signs, letters or "
            f"separators: {', '.join(shown)}"
        )
    return axes[0], axes[1]


def _number_faults(
    text: pd.Series, axis: str, reading: Readings, values: Floats, said: bool
) -> pd.Series:
    faults = pd.Series("", index=text.index)
    for row, reason in reading.reasons.items():
        faults.iat[row] = f"{axis} {reason}: {quoted(text.iat[row])}"
    for row in np.flatnonzero(np.isnan(values) & reading.doubtful).tolist():
        faults.iat[row] = (
            f"{axis} is ambiguous: {quoted(text.iat[row])} may be {reading.point[row]:.9g} or "
            f'{reading.comma[row]:.9g}; say which with decimal = "." or decimal = "," under '
            "[table] in campus.toml"
        )
    return faults


def _plausible_decimal(readings: Sequence[Readings], frame: CoordinateFrame | None) -> str:
    """The decimal mark under which positions make a campus; empty if both or none do."""
    frame = frame or CoordinateFrame("degrees")
    fitting = []
    for decimal in (".", ","):
        values = np.column_stack([reading.settled(decimal) for reading in readings])
        values = values[np.isfinite(values).all(axis=1)]
        if len(values) and _is_campus(values, frame):
            fitting.append(decimal)
    return fitting[0] if len(fitting) == 1 else ""


def _is_campus(values: Floats, frame: CoordinateFrame) -> bool:
    if frame.has_degrees:
        scale = frame.scale if frame.kind == "scaled_degrees" else 1.0
        degrees = values * scale + [frame.origin_latitude, frame.origin_longitude]
        on_earth = (np.abs(degrees) <= [90.0, 360.0]).all(axis=1)
        if on_earth.mean() < 0.9:
            return False
        values = values[on_earth]
    metres = LocalFrame.about(frame, values).to_metres(values)
    away = distance_m(metres, np.median(metres, axis=0))
    return bool(SMALLEST_M <= 2.0 * np.quantile(away, 0.95) <= LARGEST_M)


def _headings(
    tables: Sequence[LabelTable], text: pd.DataFrame, settings: TableSettings, notes: list[str]
) -> tuple[Floats, np.ndarray, HeadingMeaning, dict[int, str]]:
    """Headings of all files together: a short file alone could not show its unit."""
    read = read_headings(text["heading_deg"])
    units = {table.source.units.get("heading", "") for table in tables} - {""}
    meaning = heading_meaning(read.values, settings, units.pop() if len(units) == 1 else "")
    unknown = _no_direction(read.values, meaning)
    if unknown.any():
        shown = ", ".join(f"{value:g}" for value in np.unique(read.values[unknown]))
        notes.append(f"{int(unknown.sum()):,} headings are {shown}, which phones and programs "
                     "write for no direction: these rows have no heading")  # fmt: skip
    heading_deg = np.where(unknown, np.nan, to_degrees(read, meaning, settings))
    magnetic = read.magnetic | np.concatenate([table.magnetic for table in tables])
    magnetic &= np.isfinite(heading_deg)
    if magnetic.any():
        if settings.declination_deg is None:
            notes.append(
                f"{int(magnetic.sum()):,} headings count from magnetic north and are off by the "
                "declination: give it with declination_deg = 1.5 (degrees that magnetic north lies "
                "east of true north) above all [sections] of campus.toml"
            )
        else:
            heading_deg = np.where(
                magnetic, np.mod(heading_deg + settings.declination_deg, 360.0), heading_deg
            )
    notes += _heading_notes(text, read.words, heading_deg, meaning, settings)
    own = text["heading_deg"].str.contains(r"\d\s*(?:rad|turn|rev|mil|gon|grad)", case=False)
    own = np.isfinite(read.degrees) & own.to_numpy(bool)
    if own.any():
        row = int(np.flatnonzero(own)[0])
        notes.append(f"{int(own.sum()):,} headings were converted from a unit of their own: "
                     f"{text['heading_deg'].iat[row]} is {read.degrees[row]:g}°")  # fmt: skip
    blank = is_placeholder(text["heading_deg"]) | unknown
    return heading_deg, blank, meaning, dict(read.reasons)


def _no_direction(values: Floats, meaning: HeadingMeaning) -> np.ndarray:
    """Flag `(n,)` numbers that stand for no direction; -1 does not among other negative ones."""
    known = np.isfinite(values)
    stands = known & np.isin(values, NO_HEADINGS)
    if meaning.unit != "degrees" or stands.sum() == known.sum():
        return np.zeros(len(values), bool)
    if ((values < 0.0) & ~stands).any():
        stands &= values != -1.0
    return stands


def _heading_notes(
    text: pd.DataFrame,
    words: Floats,
    heading_deg: Floats,
    meaning: HeadingMeaning,
    settings: TableSettings,
) -> list[str]:
    notes = []
    if meaning.unit != "degrees":
        notes.append(f"headings were converted from {meaning.unit}, as {meaning.said_by} says")
    if settings.heading_from != "north" or not settings.heading_clockwise:
        turn = "clockwise" if settings.heading_clockwise else "counter-clockwise"
        notes.append(f"headings count {turn} from {settings.heading_from}, as campus.toml says")
    compass = np.isfinite(words)
    if compass.any():
        step = 45 if np.allclose(np.mod(words[compass], 45.0), 0.0) else 22.5
        quadrants = text["heading_deg"][compass].str.contains(r"\d").mean() > 0.5
        good = "" if quadrants else f"; they are only good to {step:g} degrees"
        notes.append(f"{int(compass.sum()):,} headings are compass words{good}")
    known = heading_deg[np.isfinite(heading_deg)]
    if (
        len(known) >= NARROW_ROWS and not meaning.said_by and known.min() >= 0.0
        and known.max() <= NARROW_DEG and len(np.unique(known)) > 2
    ):  # fmt: skip
        notes.append(
            f"all {len(known):,} headings lie between {known.min():g} and {known.max():g} degrees: "
            "make sure that they are degrees clockwise from north"
        )
    return notes
