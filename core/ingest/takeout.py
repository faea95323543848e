"""Positions and times that Google Takeout keeps beside a photo, in a JSON file of its name."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.dataset.decode import PHOTO_SUFFIXES
from core.dataset.exif import PhotoExif
from core.errors import LabelError
from core.files import read_object

_ENDING = "supplemental-metadata"
# Takeout cuts `NAME.jpg.supplemental-metadata` to so many letters before `.json`.
_LONGEST = 46


def sidecar_of(photo: Path) -> Path | None:
    """Return the JSON file of a photo: `NAME.jpg.json`, or `NAME.jpg.supplemental-metadata.json`.

    Raises:
        LabelError: Two files fit.
    """
    fitting = _sidecars(photo)
    if len(fitting) > 1:
        shown = " and ".join(path.name for path in fitting)
        raise LabelError(f"it has two files of Google Takeout: {shown}; keep the right one")
    return fitting[0] if fitting else None


def sidecars_of(files: Sequence[Path]) -> set[Path]:
    """Return those of some files that are sidecars of photos among them."""
    json = {path for path in files if path.suffix.lower() == ".json"}
    photos = [path for path in files if path.suffix.lower() in PHOTO_SUFFIXES] if json else []
    return {path for photo in photos for path in _sidecars(photo) if path in json}


def _sidecars(photo: Path) -> list[Path]:
    whole = f"{photo.name}.{_ENDING}"
    # `IMG_1(2).jpg` is the second IMG_1.jpg: its sidecar has the number at its end.
    stem, bracket, rest = photo.name.rpartition("(")
    number, _, suffix = rest.partition(")")
    names = {photo.name, *(whole[:end] for end in range(len(photo.name) + 2, len(whole) + 1))}
    if len(whole) > _LONGEST:
        names.add(whole[:_LONGEST])
    if bracket and number.isdigit():
        first = f"{stem}{suffix}"
        names |= {f"{first}({number})", f"{first}.{_ENDING}({number})"}
    paths = (photo.with_name(f"{name}.json") for name in sorted(names))
    return [path for path in paths if path.is_file()]


def with_sidecar(exif: PhotoExif, photo: Path) -> PhotoExif:
    """Return the EXIF of a photo, with position and time of its sidecar if it has none of its own.

    Takeout knows the time in UTC, and says so; EXIF has that of the place.

    Raises:
        LabelError: Two sidecars fit, or it is damaged.
    """
    if (exif.has_position and exif.taken) or (path := sidecar_of(photo)) is None:
        return exif
    content = read_object(path, "correct or remove it", LabelError) or {}
    if not exif.taken:
        exif = replace(exif, taken=_moment(content.get("photoTakenTime")))
    if exif.has_position:
        return exif
    for key in ("geoDataExif", "geoData"):
        position = _position(content.get(key))
        if position is not None:
            return replace(exif, latitude=position[0], longitude=position[1], position_fault="")
    return exif


def _moment(value: Any) -> str:  # noqa: ANN401 - as the file has it
    """A time as `YYYY-MM-DD HH:MM:SS UTC`; empty without one."""
    seconds = value.get("timestamp") if isinstance(value, dict) else None
    if not str(seconds).isdecimal():
        return ""
    try:
        return f"{datetime.fromtimestamp(int(str(seconds)), tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        # No time of this calendar.
        return ""


def _position(value: Any) -> tuple[float, float] | None:  # noqa: ANN401 - as the file has it
    """Degrees; None for 0, 0, with which Takeout says that it knows none."""
    if not isinstance(value, dict):
        return None
    latitude, longitude = value.get("latitude"), value.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    known = (latitude or longitude) and abs(latitude) <= 90.0 and abs(longitude) <= 180.0
    return (float(latitude), float(longitude)) if known else None
