"""Numbers as people write them: decimal commas, thousands, degree signs, minutes and letters.

A column is read as a whole, because `1,725` alone may be 1725 or 1.725: values that can be read in
one way only decide for the others. A value that stays in doubt is no number, and says so.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.geo import Floats

PLACEHOLDERS = {
    "", "nan", "none", "null", "nil", "n/a", "na", "#n/a", "#na", "n.a.", "n. a.", "-", "--", "---",
    "–", "—", "?", "??", "<na>", "nat", "unknown", "undefined", "inf/inf", "0/0",
    # Errors of spreadsheets, in English, German, French and Spanish.
    "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#nv", "#wert!", "#bezug!",
    "#zahl!", "#valeur!", "#nom?", "#nombre!", "#nul!", "#n/d", "#¡div/0!", "#¡valor!", "#¡ref!",
    "#¿nombre?", "#¡num!", "#error!",
}  # fmt: skip
"""Texts, in lower case, that say that a value is not known."""

NO_NUMBER = "is not a number"
# So much of a value is quoted in a message: a cell of a table may hold a book.
QUOTED_LETTERS = 60

_SIGNS = str.maketrans({
    "−": "-", "–": "-", "º": "°", "˚": "°", "’": "'", "′": "'", "‘": "'", "´": "'",
    "″": '"', "”": '"', "“": '"', "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\ufeff": "",
})  # fmt: skip
_POINT = re.compile(r"[+-]?(?:\d+|\d{1,3}(?P<sep>[, '])\d{3}(?:(?P=sep)\d{3})*)?(?:\.\d*)?"
                    r"(?<=[\d.])(?:[eE][+-]?\d+)?")  # fmt: skip
_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?P<sep>[. '])\d{3}(?:(?P=sep)\d{3})*)?(?:,\d*)?"
                    r"(?<=[\d,])(?:[eE][+-]?\d+)?")  # fmt: skip
_DEGREES = r"(?:°|deg\.?|degrees?|d)"
_DMS = re.compile(
    rf"([+-]?)(\d{{1,3}})\s*({_DEGREES}|:|\s)\s*(\d{{1,2}}(?:[.,]\d+)?)\s*"
    r"(?:(?:'|min|:|\s)\s*(?:(\d{1,2}(?:[.,]\d+)?)\s*(?:\"|sec)?)?)?",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"(.*\d)\s*d\s*(\d[\d.]*)\s*m\s*(?:(\d[\d.]*)\s*s)?(.*)", re.DOTALL)
_SIDES = {
    "n": "north", "north": "north", "nord": "north", "norte": "north",
    "s": "south", "south": "south", "sud": "south", "süd": "south", "sur": "south",
    "e": "east", "east": "east", "ost": "east", "est": "east", "este": "east",
    "w": "west", "west": "west", "ouest": "west", "oeste": "west", "o": "o",
}  # fmt: skip
_WORD = r"(?P<{}>[A-Za-zÀ-ÿ]+)"
_SIDED = re.compile(
    rf"(?:{_WORD.format('before')}\.?\s*)?(?P<body>[+-]?[\d.].*?)\s*(?:{_WORD.format('after')}\.?)?",
    re.DOTALL,
)


def quoted(text: str) -> str:
    """A value as messages quote it: in quotes, without outer blanks, its end cut if it is long."""
    value = text.strip()
    return repr(value if len(value) <= QUOTED_LETTERS else value[: QUOTED_LETTERS - 3] + "...")


def numbers(text: pd.Series) -> Floats:
    """Parse text `(n,)` as finite numbers; NaN if it is none."""
    values = np.asarray(pd.to_numeric(text, errors="coerce"), np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def is_placeholder(text: pd.Series) -> np.ndarray:
    """Flag `(n,)` texts that say that a value is not known."""
    return np.asarray(text.str.strip().str.lower().isin(PLACEHOLDERS), bool)


@dataclass(frozen=True)
class Number:
    """The readings of one text.

    Attributes:
        point: With a decimal point; NaN if that is impossible.
        comma: With a decimal comma; NaN if that is impossible.
        reason: Why it is no number; empty if it is one.
    """

    point: float
    comma: float
    reason: str = ""


def number_of(text: str) -> Number:
    """Read one plain number with either decimal mark, with a degree sign or without."""
    body = text.translate(_SIGNS).strip()
    body = re.sub(rf"\s*{_DEGREES}$", "", body, flags=re.IGNORECASE).strip()
    body = re.sub(r"^([+-])\s+", r"\1", body)
    point, comma = _matched(_POINT, body, ".", ","), _matched(_COMMA, body, ",", ".")
    if np.isnan(point) and np.isnan(comma):
        return Number(np.nan, np.nan, reason=NO_NUMBER)
    return Number(point, comma)


def _matched(pattern: re.Pattern[str], body: str, mark: str, other: str) -> float:
    if not pattern.fullmatch(body) or not any(sign.isdigit() for sign in body):
        return np.nan
    plain = body.replace(other, "").replace(" ", "").replace("'", "").replace(mark, ".")
    value = float(plain)
    return value if np.isfinite(value) else np.nan


def coordinate_of(text: str, axis: str, o_means: str = "") -> Number:
    """Read one latitude or longitude: signs, letters, degrees, minutes and seconds.

    Args:
        text: As the file has it.
        axis: `latitude` or `longitude`.
        o_means: What the letter O stands for, `east` (Ost) or `west` (Ouest); empty: unknown.
    """
    body = text.translate(_SIGNS).strip()
    body = body.replace("''", '"')
    if letters := _LETTERS.fullmatch(body):
        # The s of 12d 30m 10s is no south.
        seconds = f'{letters[3]}"' if letters[3] else ""
        body = f"{letters[1]}°{letters[2]}'{seconds}{letters[4]}"
    sided = _SIDED.fullmatch(body)
    if sided is None:
        return Number(np.nan, np.nan, reason=NO_NUMBER)
    words = [word.lower() for word in (sided["before"], sided["after"]) if word]
    if words and words[-1] in ("deg", "degree", "degrees", "d", "min", "sec"):
        body, words = body[body.index(sided["body"]) :], words[:-1]
    else:
        body = sided["body"].strip()
    sides = {_SIDES.get(word, "?") for word in words}
    sides = {o_means or "?" if side == "o" else side for side in sides}
    if len(sides) > 1 or "?" in sides:
        shown = " and ".join(words)
        return Number(np.nan, np.nan, reason=f"has the unknown direction {shown!r}")
    side = next(iter(sides), "")
    if side and side not in (("north", "south") if axis == "latitude" else ("east", "west")):
        return Number(np.nan, np.nan, reason=f"lies {side}, which is no {axis}")
    return _sided(_sexagesimal(body, bool(side)) or number_of(body), side)


def _sided(number: Number, side: str) -> Number:
    """Apply a hemisphere; `-12 S` repeats itself, `-12 N` contradicts itself."""
    if not side or number.reason:
        return number
    values = np.array([number.point, number.comma])
    negative = bool((values < 0.0).any() or np.signbit(values[np.isfinite(values)]).any())
    if negative and side in ("north", "east"):
        return Number(np.nan, np.nan, reason=f"has a minus sign and lies {side}")
    values = -np.abs(values) if side in ("south", "west") else values
    return Number(float(values[0]), float(values[1]))


def _sexagesimal(body: str, sided: bool) -> Number | None:
    """Degrees with minutes and perhaps seconds; None if it is not written so."""
    found = _DMS.fullmatch(body)
    if found is None:
        return None
    sign, whole, mark, minutes_text, seconds_text = found.groups()
    marked = sided or bool(re.match(_DEGREES, mark, re.IGNORECASE)) or "'" in body
    if not marked and seconds_text is None:
        return None
    minutes = float(minutes_text.replace(",", "."))
    seconds = float((seconds_text or "0").replace(",", "."))
    # Some programs round 59.9996 up to 60.
    if minutes > 60.0 or seconds > 60.0 or (seconds_text and minutes != int(minutes)):
        return Number(np.nan, np.nan, reason="has impossible minutes or seconds")
    value = float(whole) + minutes / 60.0 + seconds / 3600.0
    value = -value if sign == "-" else value
    return Number(value, value)


def o_meaning(texts: Iterable[str]) -> str:
    """What the letter O means in a column of longitudes: Ost beside W, Ouest beside E."""
    letters = {sign for text in texts for sign in re.findall(r"[EWO]", text.upper())}
    if "O" not in letters or {"E", "W"} <= letters:
        return ""
    return "east" if "W" in letters else "west" if "E" in letters else ""


@dataclass(frozen=True, eq=False)
class Readings:
    """The readings of a column of n texts.

    Attributes:
        point: `(n,)` with a decimal point.
        comma: `(n,)` with a decimal comma.
        odd: `(n,)` whether the text is more than a plain number.
        reasons: Why a text is no number, by row; only of texts that are neither numbers nor
            placeholders.
    """

    point: Floats
    comma: Floats
    odd: np.ndarray
    reasons: Mapping[int, str]

    @property
    def doubtful(self) -> np.ndarray:
        """`(n,)` whether both readings are possible and differ."""
        known = np.isfinite(self.point) & np.isfinite(self.comma)
        return np.asarray(known & (self.point != self.comma), bool)

    def settled(self, decimal: str) -> Floats:
        """The values `(n,)` for a decimal mark: doubtful texts follow it, others need not."""
        if not decimal:
            both = np.where(np.isfinite(self.point), self.point, self.comma)
            return np.where(self.doubtful, np.nan, both)
        first, second = (self.point, self.comma) if decimal == "." else (self.comma, self.point)
        return np.where(np.isfinite(first), first, second)


def read_column(text: pd.Series, axis: str = "") -> Readings:
    """Read a column `(n,)` of numbers, or of coordinates of an axis."""
    stripped = text.str.strip()
    point = numbers(stripped)
    comma = point.copy()
    odd = np.zeros(len(text), bool)
    reasons: dict[int, str] = {}
    unsure = np.isnan(point) | stripped.str.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+").to_numpy(bool)
    unsure &= ~is_placeholder(stripped)
    # Plain decimals can be read in one way only.
    comma[~unsure & stripped.str.contains(".", regex=False).to_numpy(bool)] = np.nan
    o_means = o_meaning(stripped[unsure]) if axis == "longitude" else ""
    for row in np.flatnonzero(unsure):
        value = str(stripped.iat[row])
        found = coordinate_of(value, axis, o_means) if axis else number_of(value)
        odd[row] = np.isnan(point[row])
        point[row], comma[row] = found.point, found.comma
        if found.reason:
            reasons[int(row)] = found.reason
    return Readings(point, comma, odd, reasons)


def decimal_mark(columns: Iterable[Readings]) -> str:
    """The decimal mark of a file, from values that can be read in one way only; empty: in doubt.

    A file without a comma that could be either has decimal points, as most files do.
    """
    point = comma = doubtful_comma = 0
    for column in columns:
        finite_point, finite_comma = np.isfinite(column.point), np.isfinite(column.comma)
        point += int((finite_point & ~finite_comma).sum())
        comma += int((finite_comma & ~finite_point).sum())
        # A thousands comma reads larger with a decimal point than with a decimal comma.
        doubt = column.doubtful
        doubtful_comma += int((np.abs(column.point) > np.abs(column.comma))[doubt].sum())
    if comma and not point:
        return ","
    if not doubtful_comma:
        return "."
    return ""
