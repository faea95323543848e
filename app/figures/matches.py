"""Two photos side by side with their matched keypoints joined by lines, as pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.theme import SERIES, rgb
from core.dataset.decode import Pixels

SIDE_PX = 448
"""Side of each photo in the picture."""
GAP_PX = 12
MOST_LINES = 60
"""More lines hide the photos; evenly chosen ones are drawn."""
_RADIUS_PX = 3


def draw_matches(
    photo: Pixels, other: Pixels, places: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Draw matched keypoints of two photos.

    Lines are drawn from the top of the photo to its bottom in turning colours, so that neighbouring
    lines can be told apart.

    Args:
        photo: `(s, s, 3)` uint8, drawn on the left.
        other: `(t, t, 3)` uint8, drawn on the right.
        places: `(m, 2)` x and y of keypoints in the left photo, as fractions of its side.
        others: `(m, 2)` of the same keypoints in the right photo.

    Returns:
        RGB `(SIDE_PX, 2 * SIDE_PX + GAP_PX, 4)` uint8 with transparency: the gap shows the page.
    """
    picture = np.zeros((SIDE_PX, 2 * SIDE_PX + GAP_PX, 4), np.uint8)
    for start, pixels in ((0, photo), (SIDE_PX + GAP_PX, other)):
        picture[:, start : start + SIDE_PX, :3] = _resized(pixels)
        picture[:, start : start + SIDE_PX, 3] = 255
    order = np.argsort(np.asarray(places)[:, 1], kind="stable")
    drawn = np.unique(np.linspace(0, len(order) - 1, min(MOST_LINES, len(order))).astype(int))
    for turn, index in enumerate(order[drawn]):
        colour = (*rgb(SERIES[turn % len(SERIES)]), 255)
        left = _pixel(places[index], 0)
        right = _pixel(others[index], SIDE_PX + GAP_PX)
        cv2.line(picture, left, right, colour, 1, cv2.LINE_AA)
        for point in (left, right):
            cv2.circle(picture, point, _RADIUS_PX, colour, -1, cv2.LINE_AA)
    return picture


def _resized(pixels: Pixels) -> Pixels:
    rule = cv2.INTER_AREA if len(pixels) > SIDE_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=rule), np.uint8)


def _pixel(place: NDArray[np.floating], start: int) -> tuple[int, int]:
    x, y = np.clip(np.asarray(place) * SIDE_PX, 0, SIDE_PX - 1).astype(int).tolist()
    return start + x, y
