"""What a slip of the pen makes of a number, undone: every reading under which it may be right.

A reading is no answer yet: `positions.py` keeps those that put the row back among its neighbours.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

# Powers of ten that lie between degrees and billionths of them.
POWERS = tuple(power for power in range(-9, 10) if power != 0)


@dataclass(frozen=True)
class Axis:
    """How a column of coordinates turns into degrees.

    Attributes:
        scale: Degrees per label unit; 0 where labels are no degrees.
        origin: Degrees at label 0.
    """

    scale: float
    origin: float

    def degrees(self, label: float) -> float:
        """Degrees of a label; the last digits that floats cannot hold are rounded away."""
        return round(label * self.scale + self.origin, 10)

    def label(self, degrees: float) -> float:
        """Label of degrees."""
        return (degrees - self.origin) / self.scale


@dataclass(frozen=True)
class Reading:
    """A value that may have been meant.

    Attributes:
        kind: Name of the finding, as in `sexagesimal`.
        value: The value in label units.
        how: How the number is read, as in `17.264907 read as 17° 26' 49.07"`.
        trust: How sure the finding is if the reading puts the row in place and no other does.
    """

    kind: str
    value: float
    how: str
    trust: float


def readings(text: str, value: float, axis: Axis, usual: int | None) -> Iterator[Reading]:
    """Every reading of a coordinate `text`, which is the number `value` in label units.

    `usual` is how many digits the column's values have, where nearly all have as many.
    """
    if axis.scale:
        yield from sexagesimal(value, axis)
    yield from scaled(value, axis)
    yield from digits(text, usual)


def sexagesimal(value: float, axis: Axis) -> Iterator[Reading]:
    """Degrees, minutes and seconds typed as the digits of a decimal number.

    17.264907 and 172649.07 mean 17 degrees 26 minutes 49.07 seconds; 17.26818 and 1726.818 may mean
    17 degrees 26.818 minutes.
    """
    typed = axis.degrees(value)
    sign, size = math.copysign(1.0, typed), abs(typed)
    for power in (0, 2, 4):
        shifted = round(size / 10.0**power, 10)
        whole = math.floor(shifted)
        rest = round((shifted - whole) * 100.0, 8)
        minutes = math.floor(rest)
        seconds = round((rest - minutes) * 100.0, 6)
        if whole > 180 or minutes >= 60:
            continue
        shown = f"{axis.degrees(value):.10g} read as {whole}°"
        if seconds < 60.0:
            meant = sign * (whole + minutes / 60.0 + seconds / 3600.0)
            how = f"{shown} {minutes}' {seconds:g}\""
            yield Reading("sexagesimal", axis.label(meant), how, 0.97)
        meant = sign * (whole + rest / 60.0)
        yield Reading("sexagesimal", axis.label(meant), f"{shown} {rest:g}'", 0.9)


def scaled(value: float, axis: Axis) -> Iterator[Reading]:
    """Another power of ten, the other sign, or degrees where label units stand."""
    yield Reading("wrong_sign", -value, f"{value:g} with the other sign", 0.95)
    for power in POWERS:
        shown = f"{value:g} times 1e{power}"
        yield Reading("wrong_scale", value * 10.0**power, shown, 0.93)
        if axis.origin:
            # What was typed may be the degrees themselves, whole or in micro-degrees.
            meant = axis.label(value * 10.0 ** min(power, 0))
            yield Reading("wrong_scale", meant, f"{shown} read as degrees", 0.93)
    if axis.origin:
        yield Reading("wrong_scale", axis.label(value), f"{value:g} read as degrees", 0.93)


def digits(text: str, usual: int | None) -> Iterator[Reading]:
    """One digit too many, too few or wrong, or two neighbours exchanged.

    Where nearly all values have the same number of digits, a value that has as many lost none.
    """
    count = sum(sign.isdigit() for sign in text)
    if usual is None or count > usual:
        yield from _shorter(text)
    if usual is None or count == usual:
        yield from _altered(text)
    if usual is None or count < usual:
        yield from _longer(text)


def _shorter(text: str) -> Iterator[Reading]:
    for place, sign in enumerate(text):
        if sign.isdigit():
            yield from _reading("added_digit", text[:place] + text[place + 1 :], text, 0.85)


def _altered(text: str) -> Iterator[Reading]:
    for place, sign in enumerate(text):
        before, after = text[:place], text[place + 1 :]
        if not sign.isdigit():
            continue
        for digit in "0123456789":
            if digit != sign:
                yield from _reading("wrong_digit", before + digit + after, text, 0.8)
        if after[:1].isdigit() and after[0] != sign:
            exchanged = before + after[0] + sign + after[1:]
            yield from _reading("swapped_digits", exchanged, text, 0.8)


def _longer(text: str) -> Iterator[Reading]:
    for place in range(len(text) - len(text.lstrip("+-")), len(text) + 1):
        for digit in "0123456789":
            yield from _reading("dropped_digit", text[:place] + digit + text[place:], text, 0.85)


def _reading(kind: str, meant: str, text: str, trust: float) -> Iterator[Reading]:
    try:
        value = float(meant)
    except ValueError:
        return
    yield Reading(kind, value, f"{text} read as {meant}", trust)
