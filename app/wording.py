"""Numbers as text, in one style on every page: distances, angles, shares, positions and times."""

from datetime import datetime
from math import isfinite

from core.amounts import percent
from core.geo import CoordinateFrame, Floats

# A sixth decimal of a degree is 0.1 m; a scaled unit is about as much; metres get one decimal.
DECIMALS = {"degrees": 6, "scaled_degrees": 0, "planar_metres": 1}

POINTS = (
    "north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west",
)  # fmt: skip


def position(labels: Floats, frame: CoordinateFrame) -> str:
    """`(2,)` `[latitude, longitude]` in label units, with the unit where it has a short one."""
    unit = "" if frame.kind == "scaled_degrees" else frame.unit
    gap = " " if unit == "m" else ""
    return ", ".join(f"{value:.{DECIMALS[frame.kind]}f}{gap}{unit}" for value in labels)


def metres(value: float) -> str:
    """A distance with three significant digits from 10 m on: `7.4 m`, `48.2 m`, `1,394 m`."""
    return f"{value:.1f} m" if abs(value) < 100 else f"{value:,.0f} m"


def degrees(value: float) -> str:
    """An angle or an angular error: `7.4°`."""
    return f"{value:.1f}°"


def heading(value: float) -> str:
    """A direction in whole degrees clockwise from north, 0 to 359: `271°`."""
    return f"{round(value) % 360}°"


def compass_point(value: float) -> str:
    """The nearest of eight compass points in words: `north`, `south-west`."""
    return POINTS[round(value / 45.0) % 8]


def within(value: float) -> str:
    """A radius that holds the truth, in a sentence: `7.4 m`, `16 m`, `1,394 m`, `812 km`."""
    if value >= 10_000:
        return f"{value / 1000:,.0f} km"
    return f"{value:.1f} m" if value < 10 else f"{value:,.0f} m"


def share(value: float) -> str:
    """A measured share: `96.3 %`."""
    return percent(value, 1)


def level(value: float) -> str:
    """A probability, a weight or a promised share, in whole per cent: `90 %`."""
    return percent(value)


def radius(value: float, unit: str) -> str:
    """A radius or half-width around an answer: `± 12 m`; `unknown` for NaN and infinity."""
    return f"± {value:.0f}{unit}" if isfinite(value) else "unknown"


def size(count: float) -> str:
    """A number of bytes: `512 B`, `38.4 kB`, `1.2 GB`."""
    units = ("B", "kB", "MB", "GB")
    for unit in units:
        if count < 1000 or unit == units[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"


def spoken(seconds: float | None) -> str:
    """A duration in its two largest units: `2 h 05 min`, `3 min 20 s`, `8 s`."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def moment(seconds: float | None) -> str:
    """A time since 1970 on this machine's clock: `2026-05-04 16:09`."""
    if seconds is None:
        return "–"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def roughly(seconds: float) -> str:
    """A rough duration: `less than a minute`, `about 12 min`, `about 3 h 20 min`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    if hours < 48:
        return f"about {hours} h {rest:02d} min" if rest else f"about {hours} h"
    return f"about {round(hours / 24)} days"
