"""What XMP says about a panorama: Google's photo sphere metadata (GPano).

https://developers.google.com/streetview/spherical-metadata
"""

import math
import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class GPano:
    """The panorama metadata of one photo; None and empty where they are absent or impossible.

    Attributes:
        projection: ProjectionType in lower case.
        heading_deg: PoseHeadingDegrees: degrees clockwise from true north of the middle.
        pitch_deg: How far the middle of the sphere is above the horizon, in degrees.
        roll_deg: How far the horizon is turned counterclockwise in the picture, in degrees.
        full_size: Width and height in pixels of the whole sphere.
        crop: Left, top, width and height in pixels of the part of it that the photo shows.
    """

    projection: str
    heading_deg: float | None = None
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    full_size: tuple[float, float] | None = None
    crop: tuple[float, float, float, float] | None = None

    @property
    def tilt_deg(self) -> float:
        """The larger of pitch and roll, in degrees."""
        return max(abs(self.pitch_deg), abs(self.roll_deg))


def read_gpano(xmp: bytes) -> GPano | None:
    """Read the panorama metadata of an XMP packet; None if it holds none."""
    if b"GPano:" not in xmp:
        return None

    def number(name: str) -> float | None:
        return _number(xmp_value(xmp, f"GPano:{name}"))

    heading = number("PoseHeadingDegrees")
    full = [number(f"FullPano{side}Pixels") for side in ("Width", "Height")]
    crop = [
        *(number(f"CroppedArea{side}Pixels") for side in ("Left", "Top")),
        *(number(f"CroppedAreaImage{side}Pixels") for side in ("Width", "Height")),
    ]
    pitch, roll = (number(f"Pose{axis}Degrees") or 0.0 for axis in ("Pitch", "Roll"))
    known, cropped = (tuple(n for n in part if n is not None) for part in (full, crop))
    return GPano(
        xmp_value(xmp, "GPano:ProjectionType").lower(),
        heading % 360.0 if heading is not None and 0.0 <= heading <= 360.0 else None,
        pitch if abs(pitch) <= 90.0 else 0.0,
        roll if abs(roll) <= 180.0 else 0.0,
        (known[0], known[1]) if len(known) == 2 and min(known) > 0 else None,
        (cropped[0], cropped[1], cropped[2], cropped[3]) if len(cropped) == 4 else None,
    )


def xmp_value(xmp: bytes, name: str) -> str:
    """Return a simple value of an XMP packet, an attribute or an element; empty if it is absent."""
    found = _pattern(name).search(xmp)
    return found.group(1).decode("utf-8", "replace").strip() if found else ""


@cache
def _pattern(name: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(name).encode() + rb"""\s*(?:=\s*["']|>)\s*([^"'<>]+)""")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
