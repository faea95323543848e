"""360-degree panoramas cut into perspective views, as a camera would see them.

The panorama is equirectangular: its columns are bearings, its rows elevations. Which part of the
sphere it shows, the panorama tags (GPano) say.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from core.dataset.decode import MIN_SIDE, Pixels
from core.dataset.exif import PhotoExif
from core.geo import Floats

# remap addresses pixels by 16-bit numbers.
MAX_SIDE = 16_384
# Beyond this share, sides of a panorama contradict one another.
_TOLERANCE = 0.01
# The tags do not say whether the heading is that of the sphere's middle or the picture's.
_SAME_MIDDLE_DEG = 0.5
TILTED_DEG = 5.0


@dataclass(frozen=True)
class Sphere:
    """Which part of the sphere a picture shows.

    Attributes:
        degrees_wide: Degrees from its left to its right edge; 360 for a whole turn.
        top_deg: Elevation of its upper edge.
        bottom_deg: Elevation of its lower edge.
        middle_deg: Degrees from the middle of the sphere, clockwise, to that of the picture.
        pitch_deg: How far the middle of the sphere is above the horizon.
        roll_deg: How far the horizon is turned counterclockwise in the picture.
    """

    degrees_wide: float = 360.0
    top_deg: float = 90.0
    bottom_deg: float = -90.0
    middle_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    @property
    def is_turn(self) -> bool:
        """Whether its left edge continues its right one."""
        return self.degrees_wide > 360.0 * (1.0 - 1e-3)

    @property
    def has_one_middle(self) -> bool:
        """Whether a heading can mean but one column of the picture."""
        return abs(self.middle_deg) <= _SAME_MIDDLE_DEG


def sphere_of(exif: PhotoExif, by_shape: bool) -> Sphere | str | None:
    """Return the part of the sphere that a photo shows; None if it is no panorama.

    Args:
        exif: Of the photo.
        by_shape: Whether a photo without panorama tags, twice as wide as high, shows it whole.

    Returns:
        A text says why the tags of a panorama cannot be followed.
    """
    width, height = exif.width, exif.height
    if exif.pano is None or not (exif.pano.projection or exif.pano.full_size):
        return Sphere() if by_shape and width == 2 * height else None
    if exif.pano.projection not in ("", "equirectangular"):
        return f"its panorama is {exif.pano.projection}: save it as equirectangular"
    full = exif.pano.full_size or (float(width), width / 2)
    left, top, wide, high = exif.pano.crop or (0.0, 0.0, *full)
    inside = left >= 0 and top >= 0 and left + wide <= full[0] + 1 and top + high <= full[1] + 1
    same_scale = high > 0 and math.isclose(wide / high, width / height, rel_tol=_TOLERANCE)
    if not (inside and same_scale and math.isclose(full[0], 2 * full[1], rel_tol=_TOLERANCE)):
        return f"its panorama tags do not fit its {width} x {height} pixels"
    return Sphere(
        360.0 * wide / full[0],
        90.0 - 180.0 * top / full[1],
        90.0 - 180.0 * (top + high) / full[1],
        360.0 * ((left + wide / 2) / full[0] - 0.5),
        exif.pano.pitch_deg,
        exif.pano.roll_deg,
    )


def view_side(width: int, sphere: Sphere, hfov_deg: float) -> int:
    """Pixels across a view that shows as much detail as a panorama of some width."""
    pixels_per_radian = width / math.radians(sphere.degrees_wide)
    return int(2.0 * math.tan(math.radians(hfov_deg) / 2.0) * pixels_per_radian)


def cut(
    pixels: Pixels, sphere: Sphere, bearings_deg: Floats, hfov_deg: float, side: int
) -> dict[float, Pixels]:
    """Cut level, square perspective views out of a panorama.

    Rows that the panorama does not reach are left out of a view; a view whose columns it does not
    reach is left out.

    Args:
        pixels: The panorama `(h, w, 3)`.
        sphere: Which part of the sphere it shows.
        bearings_deg: `(n,)` degrees clockwise from the middle of the picture to that of each view.
        hfov_deg: Field of view across a view.
        side: Pixels across a view.

    Returns:
        Views by their bearing.
    """
    height, width = pixels.shape[:2]
    across = np.arange(side) + 0.5 - side / 2
    focal = side / 2 / math.tan(math.radians(hfov_deg) / 2)
    turned = np.degrees(np.arctan2(across, focal))
    rise = np.degrees(np.arctan2(-across[:, None], np.hypot(across, focal)))
    views: dict[float, Pixels] = {}
    for bearing in bearings_deg.tolist():
        turn, elevation = _in_picture(sphere, bearing + turned, rise)
        row = (sphere.top_deg - elevation) / (sphere.top_deg - sphere.bottom_deg) * height - 0.5
        # Half a pixel beyond the outer ones still lies on them.
        reached = ((row >= -0.5) & (row <= height - 0.5)).all(axis=1)
        bearing_of = (turn + 180.0) % 360.0 - 180.0
        column = (bearing_of / sphere.degrees_wide + 0.5) * width - 0.5
        in_sight = sphere.is_turn or bool(((column >= -0.5) & (column <= width - 0.5)).all())
        if not in_sight or reached.sum() < MIN_SIDE:
            continue
        columns = np.broadcast_to(column, row.shape)[reached].astype(np.float32)
        rows = np.clip(row[reached], 0, height - 1).astype(np.float32)
        border = cv2.BORDER_WRAP if sphere.is_turn else cv2.BORDER_REPLICATE
        view = cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=border)
        views[bearing] = np.asarray(view, np.uint8)
    return views


def _in_picture(sphere: Sphere, turned_deg: Floats, rise_deg: Floats) -> tuple[Floats, Floats]:
    """Where level directions are in the picture of a camera that leans.

    Args:
        sphere: How it leans.
        turned_deg: `(n,)` degrees clockwise from the middle of the picture.
        rise_deg: `(m, n)` degrees above the horizon.

    Returns:
        Degrees clockwise from the picture's middle, and above the plane of the camera; the former
        is `(n,)` if it does not lean, else both are `(m, n)`.
    """
    if sphere.pitch_deg == 0.0 and sphere.roll_deg == 0.0:
        return turned_deg, rise_deg
    turn, rise = np.radians(turned_deg + sphere.middle_deg), np.radians(rise_deg)
    ahead, right, up = np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)
    pitch, roll = math.radians(sphere.pitch_deg), math.radians(sphere.roll_deg)
    ahead, up = (
        math.cos(pitch) * ahead + math.sin(pitch) * up,
        math.cos(pitch) * up - math.sin(pitch) * ahead,
    )
    right, up = (
        math.cos(roll) * right - math.sin(roll) * up,
        math.cos(roll) * up + math.sin(roll) * right,
    )
    across = np.degrees(np.arctan2(right, ahead)) - sphere.middle_deg
    return across, np.degrees(np.arcsin(np.clip(up, -1.0, 1.0)))
