"""Times as people say them."""

from datetime import datetime


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
