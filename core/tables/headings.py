"""Headings as people write them, and the unit of a whole column of them.

The unit is what campus.toml says, or the column's name, or degrees. Whether degrees are plausible
is checked over the whole column; one that is not plausible is refused and never converted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from core.amounts import percent
from core.geo import Floats, wrap_heading_deg
from core.tables.columns import UNITS
from core.tables.numbers import NO_NUMBER, Number, is_placeholder, number_of, numbers
from core.tables.settings import HeadingUnit, Side, TableSettings

PER_TURN: dict[HeadingUnit, float] = {
    "degrees": 360.0, "radians": 2.0 * np.pi, "turns": 1.0, "mils": 6400.0, "grads": 400.0,
}  # fmt: skip
_FROM_NORTH: dict[Side, float] = {"north": 0.0, "east": 90.0, "south": 180.0, "west": 270.0}
_POINTS = (
    "N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW"
).split()  # fmt: skip
_COMPASS = {point: 22.5 * number for number, point in enumerate(_POINTS)}
_WORDS = {"north": "N", "south": "S", "east": "E", "west": "W", "nord": "N", "süd": "S",
          "ost": "E", "sud": "S", "est": "E", "ouest": "W", "norte": "N", "sur": "S", "este": "E",
          "oeste": "W"}  # fmt: skip
_QUADRANT = re.compile(r"([NS])\s*(\d{1,2}(?:[.,]\d+)?)\s*°?\s*([EW])")
_SUFFIXED = re.compile(r"([+-]?[\d.,]+)\s*([A-Za-z]+)\.?")
# Fewer values may lie close together by chance: three photos of one way north.
FEWEST = 5
# So large a share beyond 360 is a unit; typing errors are fewer.
BEYOND_SHARE = 0.02
# ... and at least so many of them: one or two are slips of the keyboard, whatever their share.
FEWEST_BEYOND = 3


@dataclass(frozen=True, eq=False)
class HeadingTexts:
    """Headings as they are written, before their unit is applied.

    Attributes:
        values: `(n,)` numbers in the column's unit; NaN for all others.
        degrees: `(n,)` numbers with a unit of their own, such as `53°`, in degrees; else NaN.
        words: `(n,)` compass words and bearings such as `NE` and `N30E`, in degrees clockwise from
            north; else NaN.
        magnetic: `(n,)` whether the text says that it counts from magnetic north.
        reasons: Why a text is no heading, by row.
    """

    values: Floats
    degrees: Floats
    words: Floats
    magnetic: np.ndarray
    reasons: Mapping[int, str]


def read_headings(text: pd.Series) -> HeadingTexts:
    """Read headings `(n,)`: numbers, `53°`, `0.9 rad`, `NE`, `north-east`, `N30E`, `53 M`."""
    stripped = text.str.strip()
    values = numbers(stripped)
    degrees, words = np.full(len(text), np.nan), np.full(len(text), np.nan)
    magnetic = np.zeros(len(text), bool)
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(np.isnan(values) & ~is_placeholder(stripped)):
        value = str(stripped.iat[row])
        word = _compass(value)
        if word is not None:
            words[row] = word
            continue
        body = re.sub(r"\s*(?:°|º)?\s*[TM]$", "", value)
        magnetic[row] = body != value and value.endswith("M")
        number, unit = _with_unit(body)
        if number.reason:
            reasons[int(row)] = number.reason
        elif unit:
            degrees[row] = _one(number) / PER_TURN[unit] * 360.0
        else:
            values[row] = _one(number)
    return HeadingTexts(values, degrees, words, magnetic, reasons)


def _one(number: Number) -> float:
    """No heading needs thousands, so a comma is a decimal mark unless that is impossible."""
    return number.point if np.isnan(number.comma) else number.comma


def _with_unit(text: str) -> tuple[Number, HeadingUnit | None]:
    marked = text.rstrip().endswith(("°", "º", "˚"))
    if found := _SUFFIXED.fullmatch(text.strip()):
        unit = UNITS.get(found[2].lower())
        if unit in PER_TURN:
            return number_of(found[1]), unit
        return Number(np.nan, np.nan, NO_NUMBER), None
    return number_of(text), "degrees" if marked else None


def _compass(text: str) -> float | None:
    """Degrees of a compass word or a quadrant bearing; None if it is neither."""
    upper = text.upper().replace(" ", "").replace("-", "").replace(".", "")
    if found := _QUADRANT.fullmatch(text.upper().strip()):
        angle = float(found[2].replace(",", "."))
        if angle > 90.0:
            return None
        base, sign = (0.0, 1.0) if found[1] == "N" else (180.0, -1.0)
        return (base + sign * (angle if found[3] == "E" else -angle)) % 360.0
    if upper in _COMPASS:
        return _COMPASS[upper]
    short = upper.lower()
    for word, letter in _WORDS.items():
        short = short.replace(word, letter)
    return _COMPASS.get(short) if short.isupper() else None


@dataclass(frozen=True)
class HeadingMeaning:
    """What a column of headings means.

    Attributes:
        unit: Unit of its numbers.
        said_by: `campus.toml`, the column's name, or empty if degrees are assumed.
        doubt: Why the unit is not plausible; empty if it is.
        likely: The unit that is likely instead, if `doubt` is not empty.
    """

    unit: HeadingUnit
    said_by: str
    doubt: str = ""
    likely: HeadingUnit | None = None

    @property
    def advice(self) -> str:
        """What to write into campus.toml, as a sentence."""
        line = f'heading = "{self.likely or "radians"}"'
        return (
            f"Say the unit with a line above all [sections] of campus.toml: {line} if that is "
            f'right, heading = "degrees" if they are degrees (others: '
            f"{', '.join(name for name in get_args(HeadingUnit))}); headings that do not count "
            'clockwise from north also need clockwise_from = "east" or counterclockwise_from = '
            '"east"'
        )


def heading_meaning(
    values: Floats, settings: TableSettings, column_unit: str = ""
) -> HeadingMeaning:
    """Decide the unit of headings `(n,)`, and whether it is plausible.

    Args:
        values: Numbers in the column's unit; NaN is ignored.
        settings: What campus.toml says.
        column_unit: What the column's name says.
    """
    named = column_unit if column_unit in PER_TURN else ""
    if settings.heading is not None:
        if named and named != settings.heading:
            doubt = f"campus.toml says {settings.heading} and the column's name says {named}"
            return HeadingMeaning(settings.heading, "campus.toml", doubt, named)
        doubt = _beyond(values, settings.heading)
        return HeadingMeaning(settings.heading, "campus.toml", doubt, None)
    if named and named != "degrees":
        return HeadingMeaning(named, "the column's name", _beyond(values, named))
    likely, doubt = _unlike_degrees(values)
    return HeadingMeaning("degrees", "the column's name" if named else "", doubt, likely)


def _beyond(values: Floats, unit: HeadingUnit) -> str:
    """Why numbers cannot be of a unit other than degrees: most lie beyond two turns."""
    known = values[np.isfinite(values)]
    if unit == "degrees" or not len(known):
        return ""
    share = float((np.abs(known) > 2.0 * PER_TURN[unit]).mean())
    if share <= BEYOND_SHARE:
        return ""
    return f"{percent(share)} of the headings are more than two turns in {unit}"


def _unlike_degrees(values: Floats) -> tuple[HeadingUnit | None, str]:
    """The unit that a column of degrees rather has, and why; None if degrees are plausible."""
    known = values[np.isfinite(values)]
    if len(known) < FEWEST or len(np.unique(known)) < 3:
        return None, ""
    low, high = float(known.min()), float(known.max())
    shown = f"all {len(known):,} headings lie between {low:g} and {high:g}"
    small: tuple[HeadingUnit, ...] = ("turns", "radians")
    for unit in small:
        most = PER_TURN[unit]
        if max(abs(low), abs(high)) <= most * (1.0 + 1e-3):
            return unit, f"{shown}, so they look like {unit} and not like degrees"
    beyond = float((known > 360.0).mean())
    if low >= 0.0 and beyond > BEYOND_SHARE and (known > 360.0).sum() >= FEWEST_BEYOND:
        large: tuple[HeadingUnit, ...] = ("grads", "mils")
        for unit in large:
            if high <= PER_TURN[unit]:
                return unit, (
                    f"{percent(beyond)} of {len(known):,} headings are more than 360 and none is "
                    f"more than {high:g}, so they look like {unit} and not like degrees"
                )
    return None, ""


def to_degrees(read: HeadingTexts, meaning: HeadingMeaning, settings: TableSettings) -> Floats:
    """Headings `(n,)` in degrees clockwise from north, not wrapped if they are so already."""
    values = read.values / PER_TURN[meaning.unit] * 360.0
    if meaning.unit == "degrees":
        values = read.values
    values = np.where(np.isfinite(read.degrees), read.degrees, values)
    plain = settings.heading_from == "north" and settings.heading_clockwise
    if not plain:
        turn = 1.0 if settings.heading_clockwise else -1.0
        values = _FROM_NORTH[settings.heading_from] + turn * values
    if meaning.unit != "degrees" or not plain:
        values = wrap_heading_deg(values)
    return np.where(np.isfinite(read.words), read.words, values)
