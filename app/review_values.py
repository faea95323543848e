"""Whether a value that a person typed for a label can be one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.audit.rows import LabelRows
from core.dataset.campus import CAMPUS_EXTENT_M
from core.dataset.label_table import minute_of_day, numbers, region_ids
from core.errors import ConfigError
from core.geo import distance_m

COORDINATES = ("latitude", "longitude", "position")


def checked(rows: LabelRows, row: int | None, column: str, text: str) -> str:
    """Return the value as it will be written; empty text stays empty: the row is left out.

    Args:
        rows: All label rows, which say what regions there are and where the campus lies.
        row: The row that gets the value; None where the file no longer has it.
        column: A finding's column.
        text: What was typed.

    Raises:
        ConfigError: It cannot be a value of that column; says why.
    """
    value = " ".join(text.split())
    if not value:
        return ""
    if column == "angle":
        return _heading(value)
    if column == "Region_ID":
        return _region(value, known_regions(rows))
    if column == "timestamp":
        return _time(value)
    if column in COORDINATES:
        return _position(rows, row, column, value)
    return value


def known_regions(rows: LabelRows) -> tuple[str, ...]:
    """Region ids that the label files name."""
    return tuple(dict.fromkeys(str(region) for region in rows.region if region))


def coordinates(rows: LabelRows, row: int, column: str, value: str) -> tuple[float, float] | None:
    """Latitude and longitude of a row with `value` in a column; None where one is no number.

    Args:
        rows: All label rows.
        row: The row.
        column: `latitude`, `longitude` or `position`; another one leaves the row as it is.
        value: One number, or two with a blank between.
    """
    pair = [float(rows.latitude[row]), float(rows.longitude[row])]
    parts = numbers(pd.Series(value.replace(",", " ").split(), dtype=str)).tolist()
    if column == "position":
        pair = parts
    elif column in COORDINATES:
        pair[COORDINATES.index(column)] = parts[0] if len(parts) == 1 else np.nan
    return (pair[0], pair[1]) if len(pair) == 2 and np.isfinite(pair).all() else None


def _heading(value: str) -> str:
    heading = numbers(pd.Series([value]))[0]
    if not 0.0 <= heading < 360.0:
        raise ConfigError(
            f"{value!r} is no heading: write degrees from 0 to less than 360, such as 271.5"
        )
    return value


def _region(value: str, known: Sequence[str]) -> str:
    if str(region_ids(pd.Series([value]))[0]) not in known:
        raise ConfigError(f"there is no region {value!r}: choose one of {', '.join(known)}")
    return value


def _time(value: str) -> str:
    if np.isnan(minute_of_day(pd.Series([value]))[0]):
        raise ConfigError(f"{value!r} holds no time of day: write it as 15:03")
    return value


def _position(rows: LabelRows, row: int | None, column: str, value: str) -> str:
    if row is None:
        raise ConfigError("the label file no longer has this row: check the labels again")
    pair = coordinates(rows, row, column, value)
    if pair is None:
        wanted = "latitude and longitude" if column == "position" else column
        raise ConfigError(f"{value!r} is no {wanted}: write it in the numbers of the label file")
    place = rows.ground.place(np.array([pair]))[0]
    away = float(distance_m(place, np.zeros(2)))
    if rows.frame is not None and away > CAMPUS_EXTENT_M:
        raise ConfigError(
            f"{value!r} lies {rows.ground.length(away)} from the middle of the campus: look for a "
            "digit or a sign that is wrong"
        )
    return " ".join(value.replace(",", " ").split()) if column == "position" else value
