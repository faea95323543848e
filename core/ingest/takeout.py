"""Positions that Google Takeout keeps beside a photo, in a JSON file of its name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

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
    fitting = sorted(name for name in names if photo.with_name(f"{name}.json").is_file())
    if len(fitting) > 1:
        shown = " and ".join(f"{name}.json" for name in fitting)
        raise LabelError(f"it has two files of Google Takeout: {shown}; keep the right one")
    return photo.with_name(f"{fitting[0]}.json") if fitting else None


def with_sidecar(exif: PhotoExif, photo: Path) -> PhotoExif:
    """Return the EXIF of a photo, with the position of its sidecar if it has none of its own.

    Raises:
        LabelError: Two sidecars fit, or it is damaged.
    """
    if exif.has_position or (path := sidecar_of(photo)) is None:
        return exif
    content = read_object(path, "correct or remove it", LabelError) or {}
    for key in ("geoDataExif", "geoData"):
        position = _position(content.get(key))
        if position is not None:
            return replace(exif, latitude=position[0], longitude=position[1], is_void=False)
    return exif


def _position(value: Any) -> tuple[float, float] | None:  # noqa: ANN401 - as the file has it
    """Degrees; None for 0, 0, with which Takeout says that it knows none."""
    if not isinstance(value, dict):
        return None
    latitude, longitude = value.get("latitude"), value.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    known = (latitude or longitude) and abs(latitude) <= 90.0 and abs(longitude) <= 180.0
    return (float(latitude), float(longitude)) if known else None
