"""Positions in words, as precise as a phone's fix and no more."""

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
    return "unknown" if size != size else f"{size:.0f}{unit}"
