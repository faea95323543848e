"""Position, direction and lens from a photo's EXIF; nothing is guessed and nothing trusted.

Every value is optional: an absent, malformed or impossible one is None (Exif 3.0, CIPA DC-008).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import ExifTags, Image

from core.dataset.decode import open_header
from core.dataset.gpano import GPano, read_gpano, xmp_value

Reference = Literal["", "true", "magnetic"]

# Diagonal of a 36 x 24 mm film frame, on which the 35 mm equivalent is based (CIPA DCG-001).
FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
NO_FIX = "its GPS had no valid fix when it was taken (GPSStatus V)"
_TURNED = (5, 6, 7, 8)  # Exif orientations that swap width and height
_REFERENCES: dict[str, Reference] = {"T": "true", "M": "magnetic"}

# Phones of the last ten years see 60 to 75 degrees across the longer side with the main camera.
ASSUMED_HFOV_DEG = 65.0


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
        position_fault: Why the position that it has cannot be used; empty if there is none or it
            can.
        direction_fault: The same for the direction.
        pano: What its XMP says about a panorama, or None.
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
    position_fault: str = ""
    direction_fault: str = ""
    pano: GPano | None = None

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
    (latitude, longitude), position_fault = _position(gps, header.xmp)
    focal = _number(lens.get(ExifTags.Base.FocalLengthIn35mmFilm))
    given = gps.get(ExifTags.GPS.GPSImgDirection)
    direction = _direction(given)
    fault = (
        "" if given is None or direction is not None else f"its GPS direction is no angle: {given}"
    )
    reference = _REFERENCES.get(_text(gps.get(ExifTags.GPS.GPSImgDirectionRef)).upper()[:1], "")
    pano = read_gpano(header.xmp)
    if direction is None and pano is not None and pano.heading_deg is not None:
        direction, reference, fault = pano.heading_deg, "true", ""
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
        position_fault,
        fault,
        pano,
    )


def _directory(exif: Image.Exif, which: ExifTags.IFD) -> dict[int, Any]:
    return dict(exif.get_ifd(which))


_Position = tuple[float | None, float | None]
_NONE: _Position = (None, None)


def _position(gps: dict[int, Any], xmp: bytes) -> tuple[_Position, str]:
    """Latitude and longitude of the GPS directory, else of the XMP; or why they are none."""
    tags = ExifTags.GPS
    status = _text(gps.get(tags.GPSStatus)) or xmp_value(xmp, "exif:GPSStatus")
    if status.upper()[:1] == "V":
        return _NONE, NO_FIX
    given = [gps.get(tags.GPSLatitude), gps.get(tags.GPSLongitude)]
    sides = [_text(gps.get(ref)) for ref in (tags.GPSLatitudeRef, tags.GPSLongitudeRef)]
    parts = [_parts(value) for value in given]
    if given == [None, None]:
        texts = [xmp_value(xmp, f"exif:GPS{axis}") for axis in ("Latitude", "Longitude")]
        if not any(texts):
            return _NONE, ""
        # The XMP specification, part 2, writes `33,51,25S` or `33,51.4167S`.
        parts = [[_number(part) for part in text[:-1].split(",")] for text in texts]
        sides, given = [text[-1:] for text in texts], list(texts)
    latitude = _degrees(parts[0], sides[0], "N", "S", 90.0)
    longitude = _degrees(parts[1], sides[1], "E", "W", 180.0)
    fault = f"its GPS position is incomplete or impossible: {_shown(given, sides)}"
    if latitude is None or longitude is None or not _is_precise(*parts):
        return _NONE, fault
    if latitude == 0.0 and longitude == 0.0:
        return _NONE, "its GPS position is 0, 0, as cameras without a fix write"
    return (latitude, longitude), ""


def _shown(given: Sequence[Any], sides: Sequence[str]) -> str:
    return ", ".join(
        f"{value} {side or '(no hemisphere)'}" if not isinstance(value, str) else value
        for value, side in zip(given, sides, strict=True)
    )


def _parts(value: Any) -> list[float | None]:  # noqa: ANN401 - as the file has it
    """Degrees, minutes and seconds as far as they are there; some cameras write 0/0 for none."""
    parts = [_number(part) for part in (value if isinstance(value, tuple) else (value,))]
    while parts and parts[-1] is None:
        parts.pop()
    return parts


def _is_precise(*parts: Sequence[float | None]) -> bool:
    """Whether seconds, or decimals of what comes last before them, say where on a campus it is.

    Of two coordinates without seconds the decimals of one prove that the other is whole by chance.
    """
    short = [one for one in parts if len(one) < 3]
    return not short or any((one[-1] or 0.0) % 1.0 for one in short)


def _degrees(
    parts: Sequence[float | None], side: str, plus: str, minus: str, most: float
) -> float | None:
    """Degrees of 1 to 3 parts with their hemisphere; None if one is missing or impossible."""
    letter = side.upper()[:1]
    numbers = [part for part in parts if part is not None]
    if not 1 <= len(parts) <= 3 or len(numbers) < len(parts) or letter not in (plus, minus):
        return None
    # 60 itself comes of rounding; more is another unit, or damage.
    if numbers[0] < 0.0 or not all(0.0 <= part <= 60.0 for part in numbers[1:]):
        return None
    whole = _within(sum(part / 60.0**power for power, part in enumerate(numbers)), 0.0, most)
    return whole if whole is None or letter == plus else -whole


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
