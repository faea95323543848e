"""The geometry of augmentation: one homography for crop, roll, perspective and resizing.

Coordinates are continuous pixels: x to the right, y down, the photo from 0 to its side. The camera
is taken as an ideal pinhole whose axis meets the photo's centre.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from core.dataset.decode import Pixels
from core.geo import Floats

# From here on, bilinear sampling would skip pixels of the photo.
SHRINK_FIRST = 1.5


@dataclass(frozen=True)
class View:
    """A crop of a square photo, seen rolled and skewed about the crop's own centre.

    Attributes:
        side: Side of the crop as a share of the photo's.
        right: Offset of its centre from the photo's to the right, as a share of the photo's side.
        down: The same, downwards.
        roll_deg: Turn of the picture, counter-clockwise as seen.
        skew_x: Perspective: by how much the right edge shrinks (negative: the left edge).
        skew_y: The same for the lower edge.
    """

    side: float = 1.0
    right: float = 0.0
    down: float = 0.0
    roll_deg: float = 0.0
    skew_x: float = 0.0
    skew_y: float = 0.0

    def heading_shift_deg(self, hfov_deg: float) -> float:
        """How far the axis of this view lies clockwise of the photo's.

        A point `right` of the centre of a level photo is seen `atan(2 right tan(HFOV / 2))`
        clockwise of its axis, whatever its height. Roll and skew turn about that very point.
        """
        return math.degrees(math.atan(2.0 * self.right * math.tan(math.radians(hfov_deg) / 2.0)))

    def to_photo(self, photo_size: int, view_size: int) -> Floats:
        """Homography `(3, 3)` from pixels of the view to pixels of the photo."""
        roll = math.radians(self.roll_deg)
        half = self.side * photo_size / 2.0
        cos, sin = half * math.cos(roll), half * math.sin(roll)
        centre_x, centre_y = (0.5 + self.right) * photo_size, (0.5 + self.down) * photo_size
        placed = np.array([[cos, -sin, centre_x], [sin, cos, centre_y], [0.0, 0.0, 1.0]])
        skew = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [self.skew_x, self.skew_y, 1.0]])
        scale = 2.0 / view_size
        to_unit = np.array([[scale, 0.0, -1.0], [0.0, scale, -1.0], [0.0, 0.0, 1.0]])
        return np.asarray(placed @ skew @ to_unit)


def roomiest_side(roll_deg: float, skew_x: float, skew_y: float) -> float:
    """Largest side, as a share of the photo's, of a rolled and skewed view inside the photo.

    Inside, no corner has to be invented: black or mirrored corners would tell the network the
    roll, and show nothing that is there.
    """
    roll = math.radians(roll_deg)
    reach = abs(math.cos(roll)) + abs(math.sin(roll))
    return (1.0 - abs(skew_x) - abs(skew_y)) / reach


def slack(view: View) -> float:
    """How far the centre of a view may move either way, as a share of the photo's side."""
    return max(0.0, (1.0 - view.side / roomiest_side(view.roll_deg, view.skew_x, view.skew_y)) / 2)


def render_view(photo: Pixels, view: View, size: int) -> Pixels:
    """Sample a view of a square photo `(s, s, 3)` as new pixels `(size, size, 3)`, in one pass."""
    if photo.shape[0] >= SHRINK_FIRST * size:
        photo = resize_photo(photo, size)
    # OpenCV counts from the middle of the first pixel.
    middle = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    back = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])
    matrix = back @ view.to_photo(photo.shape[0], size) @ middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if view.skew_x == 0.0 and view.skew_y == 0.0:
        warped = cv2.warpAffine(
            photo, matrix[:2], (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
    else:
        warped = cv2.warpPerspective(
            photo, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
    return np.asarray(warped, np.uint8)


def resize_photo(photo: Pixels, size: int) -> Pixels:
    """Resize a square photo `(s, s, 3)`: the view of evaluation, and nothing else happens there."""
    if photo.shape[0] == size:
        return np.asarray(photo)
    rule = cv2.INTER_AREA if photo.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(photo, (size, size), interpolation=rule), np.uint8)
