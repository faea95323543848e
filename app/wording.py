"""Positions, durations and times as text."""

from datetime import datetime

from core.geo import CoordinateFrame, Floats

# A sixth decimal of a degree is 0.1 m; a scaled unit is about as much; metres get one decimal.
_DECIMALS = {"degrees": 6, "scaled_degrees": 0, "planar_metres": 1}


def position(labels: Floats, frame: CoordinateFrame) -> str:
    """`(2,)` `[latitude, longitude]` in label units, with the unit where it has a short one."""
    unit = "" if frame.kind == "scaled_degrees" else frame.unit
    gap = " " if unit == "m" else ""
    return ", ".join(f"{value:.{_DECIMALS[frame.kind]}f}{gap}{unit}" for value in labels)


def within(size: float, unit: str) -> str:
    """A radius or a half-width; unknown where too few photos were there to promise one."""
    return "unknown" if size != size else f"± {size:.0f}{unit}"


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
    """An estimate as people say it: `less than a minute`, `about 12 min`, `about 3 h 20 min`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    if hours < 48:
        return f"about {hours} h {rest:02d} min" if rest else f"about {hours} h"
    return f"about {round(hours / 24)} days"
