"""Position, direction and lens from a photo's EXIF; nothing is guessed and nothing trusted.

Every value is optional: an absent, malformed or impossible one is None (Exif 3.0, CIPA DC-008).
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import ExifTags, Image

from core.dataset.decode import open_header

Reference = Literal["", "true", "magnetic"]

# Diagonal of a 36 x 24 mm film frame, on which the 35 mm equivalent is based (CIPA DCG-001).
FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
_TURNED = (5, 6, 7, 8)  # Exif orientations that swap width and height
# https://developers.google.com/streetview/spherical-metadata; an attribute or element of the XMP.
_POSE_HEADING = re.compile(rb"GPano:PoseHeadingDegrees\s*(?:=\s*[\"']|>)\s*([\d.]+)")
_REFERENCES: dict[str, Reference] = {"T": "true", "M": "magnetic"}


@dataclass(frozen=True)
class PhotoExif:
    """The EXIF of one photo.

    Attributes:
        width: Pixels across the upright photo.
        height: Pixels down the upright photo.
        orientation: Exif orientation, 1 to 8; 1 if it has none.
        latitude: WGS 84 degrees, or None.
        longitude: WGS 84 degrees, or None.
        accuracy_m: GPSHPositioningError in metres, or None.
        direction_deg: GPSImgDirection in `[0, 360)`, or None.
        reference: What the direction counts from; empty if the photo does not say.
        focal35_mm: FocalLengthIn35mmFilm, or None.
        taken: DateTimeOriginal as `YYYY-MM-DD HH:MM:SS`, or empty.
        is_void: Whether GPSStatus says that the receiver had no fix; a position is then dropped.
    """

    width: int
    height: int
    orientation: int = 1
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: float | None = None
    direction_deg: float | None = None
    reference: Reference = ""
    focal35_mm: float | None = None
    taken: str = ""
    is_void: bool = False

    @property
    def has_position(self) -> bool:
        """Whether it has a position."""
        return self.latitude is not None and self.longitude is not None

    @property
    def hfov_deg(self) -> float | None:
        """Horizontal field of view in degrees of the whole upright photo, or None.

        `2 atan(D w / sqrt(w^2 + h^2) / (2 f))` with film diagonal D and 35 mm equivalent f: the
        equivalent is one of diagonals, so that 36 mm would be wrong for the 4:3 photos of phones.
        """
        if self.focal35_mm is None:
            return None
        across_mm = FILM_DIAGONAL_MM * self.width / math.hypot(self.width, self.height)
        hfov = math.degrees(2.0 * math.atan(across_mm / (2.0 * self.focal35_mm)))
        # Values outside come from panoramas, fisheye lenses or faulty tags.
        return hfov if 10.0 < hfov < 170.0 else None

    def true_direction_deg(self, declination_deg: float | None) -> float | None:
        """Direction from true north, or None if it is unknown.

        Args:
            declination_deg: Degrees that magnetic north lies east of true north; None: unknown, so
                that a magnetic direction cannot be turned into a true one.
        """
        if self.direction_deg is None or not self.reference:
            return None
        if self.reference == "true":
            return self.direction_deg
        return None if declination_deg is None else (self.direction_deg + declination_deg) % 360.0


def read_exif(source: Path | bytes, *, name: str | None = None) -> PhotoExif:
    """Read size and EXIF of a photo without decoding it.

    Raises:
        ImageError: It is no photo, or too large.
    """
    with open_header(source, name=name) as header:
        size = header.size
        main = dict(header.exif)
        lens = _directory(header.exif, ExifTags.IFD.Exif)
        gps = _directory(header.exif, ExifTags.IFD.GPSInfo)
    orientation = main.get(ExifTags.Base.Orientation)
    orientation = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    width, height = size[::-1] if orientation in _TURNED else size
    is_void = _text(gps.get(ExifTags.GPS.GPSStatus)).upper()[:1] == "V"
    latitude, longitude = (None, None) if is_void else _position(gps)
    focal = _number(lens.get(ExifTags.Base.FocalLengthIn35mmFilm))
    direction = _direction(gps.get(ExifTags.GPS.GPSImgDirection))
    reference = _REFERENCES.get(_text(gps.get(ExifTags.GPS.GPSImgDirectionRef)).upper()[:1], "")
    if direction is None and (posed := _pose_heading(header.xmp)) is not None:
        direction, reference = posed, "true"
    return PhotoExif(
        width,
        height,
        orientation,
        latitude,
        longitude,
        _within(_number(gps.get(ExifTags.GPS.GPSHPositioningError)), 0.0, 1e6),
        direction,
        reference,
        focal if focal and focal > 0.0 else None,
        _taken(lens.get(ExifTags.Base.DateTimeOriginal)),
        is_void,
    )


def _directory(exif: Image.Exif, which: ExifTags.IFD) -> dict[int, Any]:
    return dict(exif.get_ifd(which))


def _position(gps: dict[int, Any]) -> tuple[float | None, float | None]:
    tags = ExifTags.GPS
    latitude = _degrees(gps.get(tags.GPSLatitude), gps.get(tags.GPSLatitudeRef), "N", "S", 90.0)
    longitude = _degrees(gps.get(tags.GPSLongitude), gps.get(tags.GPSLongitudeRef), "E", "W", 180.0)
    # Cameras without a fix write zeros.
    if latitude is None or longitude is None or (latitude == 0.0 and longitude == 0.0):
        return None, None
    return latitude, longitude


def _degrees(value: Any, ref: Any, plus: str, minus: str, most: float) -> float | None:  # noqa: ANN401 - as the file has it
    """Degrees, minutes and seconds with their hemisphere; None without one of them."""
    side = _text(ref).upper()[:1]
    if not isinstance(value, tuple) or len(value) != 3 or side not in (plus, minus):
        return None
    degrees, minutes, seconds = (_number(part) for part in value)
    if degrees is None or minutes is None:
        return None
    if seconds is None and minutes % 1.0:
        # Decimal minutes are whole without seconds, which some cameras then write as 0/0.
        seconds = 0.0
    # 60 itself comes of rounding; more is another unit, or damage.
    if seconds is None or degrees < 0.0 or not (0.0 <= minutes <= 60.0 and 0.0 <= seconds <= 60.0):
        return None
    whole = _within(degrees + minutes / 60.0 + seconds / 3600.0, 0.0, most)
    return whole if whole is None or side == plus else -whole


def _pose_heading(xmp: bytes) -> float | None:
    """PoseHeadingDegrees of Google's panorama metadata: degrees from true north of the middle."""
    found = _POSE_HEADING.search(xmp)
    return _direction(found.group(1).decode()) if found else None


def _direction(value: Any) -> float | None:  # noqa: ANN401 - as the file has it
    direction = _within(_number(value), 0.0, 360.0)
    return None if direction is None else direction % 360.0


def _number(value: Any) -> float | None:  # noqa: ANN401 - as the file has it
    """A finite number; a rational of denominator 0 is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _within(number: float | None, low: float, high: float) -> float | None:
    return number if number is not None and low <= number <= high else None


def _text(value: Any) -> str:  # noqa: ANN401 - as the file has it
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return str(value).strip("\0 ") if isinstance(value, str) else ""


def _taken(value: Any) -> str:  # noqa: ANN401 - as the file has it
    """`2024:03:05 15:03:20` with dashes in its date; empty if it is none."""
    date, _, clock = _text(value).partition(" ")
    parts, times = date.split(":"), clock.split(":")
    if [len(part) for part in parts] != [4, 2, 2] or [len(part) for part in times] != [2, 2, 2]:
        return ""
    if not all(part.isascii() and part.isdigit() for part in (*parts, *times)):
        return ""
    # A camera whose clock was never set writes zeros.
    return "" if "00" in parts[1:] else f"{'-'.join(parts)} {clock}"
