"""Augmentation that keeps labels true: one warp, one blur, one colour step, noise, erasing.

All random numbers of a photo are drawn first, as `Changes`; they give the heading, and either
`changed` here or `core.training.device_augment` makes the picture.

Geometry is one homography for crop, roll, perspective and resizing. Coordinates are continuous
pixels: x to the right, y down, the photo from 0 to its side. The camera is an ideal pinhole whose
axis meets the photo's centre. Colour jitter is one matrix, noise comes from one table.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.dataset.augment_schema import AugmentConfig, Range
from core.dataset.decode import Pixels
from core.geo import Floats, wrap_heading_deg

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
        """Return by how many degrees the axis of this view is clockwise of the photo's.

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

    Inside, no corner has to be filled in: black or mirrored corners would reveal the roll to the
    network and show nothing real.
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


# NTSC luma and chroma (FCC 1953); hue turns in the chroma plane, several times cheaper than HSV.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
LUMA = _TO_YIQ[0]
"""Luma of red, green and blue `(3,)`."""
NOISE_LEVELS = 24.0
"""Standard deviation of the numbers in the noise table."""
_NOISE_SAMPLES = 1 << 21


def colour_matrix(
    mean_rgb: Floats,
    *,
    brightness: float = 1.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue_deg: float = 0.0,
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Floats:
    """Affine colour change `(3, 4)`: white balance, then hue and saturation, then light.

    Args:
        mean_rgb: Mean colour of the photo `(3,)`; contrast leaves its luma where it is.
        brightness: Factor on all values.
        contrast: Factor on the distance from the mean luma.
        saturation: Factor on the distance from grey.
        hue_deg: Turn of the chroma plane.
        gains: Factors on red, green and blue.
    """
    return Colour(_colour_turn(brightness, saturation, hue_deg, gains), contrast).matrix(mean_rgb)


def _colour_turn(
    brightness: float, saturation: float, hue_deg: float, gains: tuple[float, float, float]
) -> Floats:
    """Linear colour change `(3, 3)`: everything but the contrast."""
    hue = math.radians(hue_deg)
    cos, sin = saturation * math.cos(hue), saturation * math.sin(hue)
    chroma = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
    return np.asarray(brightness * (_FROM_YIQ @ chroma @ _TO_YIQ) * np.asarray(gains))


def recolour(photo: Pixels, matrix: Floats) -> Pixels:
    """Apply an affine colour change `(3, 4)` to RGB pixels, clipping to 0..255."""
    return np.asarray(cv2.transform(photo, matrix.astype(np.float32)), np.uint8)


def mean_colour(photo: Pixels) -> Floats:
    """Mean RGB `(3,)` of a photo."""
    return np.asarray(cv2.mean(photo)[:3], np.float64)


def add_noise(photo: Pixels, std: float, start: int) -> Pixels:
    """Add Gaussian noise of `std` grey levels to every value.

    Drawing 150,000 normal numbers a photo would cost more than all other steps together, so they
    are cut from one long table, from the number `start` on.
    """
    noise = noise_table()[start : start + photo.size].reshape(photo.shape)
    scale = std / NOISE_LEVELS
    return np.asarray(cv2.addWeighted(photo, 1.0, noise, scale, 0.0, dtype=cv2.CV_8U), np.uint8)


@cache
def noise_table() -> NDArray[np.int8]:
    """Normal numbers with a standard deviation of `NOISE_LEVELS`."""
    normal = np.random.default_rng(0).standard_normal(_NOISE_SAMPLES, np.float32)
    return np.clip(np.round(normal * NOISE_LEVELS), -127, 127).astype(np.int8)


@dataclass(frozen=True)
class Erased:
    """A rectangle in pixels of the view that is filled with one colour."""

    top: int
    left: int
    tall: int
    wide: int
    rgb: tuple[int, int, int]


def draw_erased(area: float, size: int, rng: np.random.Generator) -> Erased:
    """Draw a rectangle that covers a share `area` of a view of `size` pixels a side."""
    u = rng.random(6)
    aspect = math.exp((2.0 * u[0] - 1.0) * math.log(3.0))
    tall = max(1, min(size, round(size * math.sqrt(area / aspect))))
    wide = max(1, min(size, round(size * math.sqrt(area * aspect))))
    top, left = int(u[1] * (size - tall + 1)), int(u[2] * (size - wide + 1))
    red, green, blue = (u[3:6] * 255).astype(np.uint8).tolist()
    return Erased(top, left, tall, wide, (red, green, blue))


def erase(photo: Pixels, erased: Erased) -> Pixels:
    """Fill a rectangle, in place."""
    rows = slice(erased.top, erased.top + erased.tall)
    photo[rows, erased.left : erased.left + erased.wide] = erased.rgb
    return photo


__all__ = [
    "AugmentConfig",
    "augment_photo",
    "draw_view",
    "reference_mirror",
    "reference_rotation",
    "resize_photo",
]

# How far each step goes. Largest skew, as a share of the half width; largest relative changes of
# light and of the red and blue gains; blur in pixels of the input; noise in grey levels of 255.
_PERSPECTIVE = 0.05
_BRIGHTNESS = _CONTRAST = _SATURATION = 0.3
_HUE_DEG = 8.0
_WHITE_BALANCE = 0.08
_BLUR_SIGMA: Range = (0.3, 1.2)
_NOISE_STD: Range = (1.0, 8.0)
_ERASED_AREA: Range = (0.02, 0.1)


@dataclass(frozen=True)
class Colour:
    """A change of colour: a linear one, then contrast about the mean luma of its result."""

    turn: Floats
    contrast: float

    def matrix(self, mean_rgb: Floats) -> Floats:
        """As `colour_matrix`, of a photo with this mean colour."""
        luma = float(LUMA @ self.turn @ mean_rgb)
        offset = np.full(3, (1.0 - self.contrast) * luma)
        return np.column_stack([self.contrast * self.turn, offset])


@dataclass(frozen=True)
class Changes:
    """Everything that happens to a photo, in this order; what does not happen is None.

    Attributes:
        view: The part of the photo that is seen.
        mirrored: Whether left and right change places.
        blur_sigma: In pixels of the view.
        colour: Change of colour.
        noise: Standard deviation in grey levels, and where in the noise table to begin.
        erased: The rectangle that is filled.
    """

    view: View
    mirrored: bool = False
    blur_sigma: float | None = None
    colour: Colour | None = None
    noise: tuple[float, int] | None = None
    erased: Erased | None = None


def augment_photo(
    photo: Pixels,
    heading_deg: float,
    hfov_deg: float,
    config: AugmentConfig,
    rng: np.random.Generator,
    input_size: int,
) -> tuple[Pixels, float]:
    """Make one random training view of a photo, and the heading that belongs to it.

    Args:
        photo: RGB pixels `(s, s, 3)`.
        heading_deg: Where the camera faced.
        hfov_deg: Horizontal field of view of the square photo.
        config: What may happen.
        rng: Every draw comes from it.
        input_size: Side of the result in pixels.

    Returns:
        RGB pixels `(input_size, input_size, 3)` and the heading in `[0, 360)`.
    """
    changes = draw_changes(config, rng, input_size)
    return changed(photo, changes, input_size), turned(heading_deg, hfov_deg, config, changes)


def draw_changes(config: AugmentConfig, rng: np.random.Generator, input_size: int) -> Changes:
    """Draw what happens to a photo that becomes a view of `input_size` pixels a side."""
    view = draw_view(config, rng)
    mirrored = _happens(config.mirror_probability, rng)
    blur_sigma = colour = noise = erased = None
    if _happens(config.blur_probability, rng):
        blur_sigma = _between(_BLUR_SIGMA, rng)
    if _happens(config.colour_probability, rng):
        colour = _draw_colour(rng)
    if _happens(config.noise_probability, rng):
        std = _between(_NOISE_STD, rng)
        noise = std, int(rng.integers(_NOISE_SAMPLES - 3 * input_size**2))
    if _happens(config.erasing_probability, rng):
        erased = draw_erased(_between(_ERASED_AREA, rng), input_size, rng)
    return Changes(view, mirrored, blur_sigma, colour, noise, erased)


def changed(photo: Pixels, changes: Changes, input_size: int) -> Pixels:
    """Apply the changes to a photo `(s, s, 3)`; returns new pixels of `input_size` a side."""
    result = render_view(photo, changes.view, input_size)
    if changes.mirrored:
        result = np.ascontiguousarray(result[:, ::-1])
    if changes.blur_sigma is not None:
        result = np.asarray(cv2.GaussianBlur(result, (0, 0), changes.blur_sigma), np.uint8)
    if changes.colour is not None:
        result = recolour(result, changes.colour.matrix(mean_colour(result)))
    if changes.noise is not None:
        result = add_noise(result, *changes.noise)
    if changes.erased is not None:
        result = erase(result, changes.erased)
    return result


def turned(heading_deg: float, hfov_deg: float, config: AugmentConfig, changes: Changes) -> float:
    """The heading in `[0, 360)` of a photo after the changes."""
    heading = heading_deg + changes.view.heading_shift_deg(hfov_deg)
    if config.rotation_rule == "add_angle":
        heading = reference_rotation(heading, changes.view.roll_deg)
    if changes.mirrored:
        heading = reference_mirror(heading)
    return float(wrap_heading_deg(heading))


def draw_view(config: AugmentConfig, rng: np.random.Generator) -> View:
    """Draw crop, roll and skew; the view always lies inside the photo."""
    roll = skew_x = skew_y = 0.0
    if _happens(config.roll_probability, rng):
        roll = config.roll_deg * float(rng.uniform(-1.0, 1.0))
    if _happens(config.perspective_probability, rng):
        skew_x, skew_y = (_PERSPECTIVE * rng.uniform(-0.5, 0.5, 2)).tolist()
    side = roomiest_side(roll, skew_x, skew_y)
    if not _happens(config.crop_probability, rng):
        return View(side, 0.0, 0.0, roll, skew_x, skew_y)
    side = min(side, float(np.sqrt(_between(config.crop_scale, rng))))
    reach = config.crop_offset * slack(View(side, 0.0, 0.0, roll, skew_x, skew_y))
    right, down = (reach * rng.uniform(-1.0, 1.0, 2)).tolist()
    return View(side, right, down, roll, skew_x, skew_y)


def reference_rotation(heading_deg: float, roll_deg: float) -> float:
    """Apply the reference's rule for rotated photos: the angle of rotation is added.

    Turning the picture turns the camera about its own axis, and where it faces stays as it was;
    so this label is wrong by the very angle, and the rule is here only to be compared with.
    """
    return (heading_deg + roll_deg) % 360.0


def reference_mirror(heading_deg: float) -> float:
    """Apply the reference's rule for mirrored photos: 360 minus the heading.

    No camera on the real campus takes a mirrored photo, so no heading is right; the rule is here
    only to be compared with.
    """
    return (360.0 - heading_deg) % 360.0


def _draw_colour(rng: np.random.Generator) -> Colour:
    u = rng.uniform(-1.0, 1.0, 6)
    turn = _colour_turn(
        brightness=1.0 + _BRIGHTNESS * u[0],
        saturation=1.0 + _SATURATION * u[2],
        hue_deg=_HUE_DEG * u[3],
        gains=(1.0 + _WHITE_BALANCE * u[4], 1.0, 1.0 + _WHITE_BALANCE * u[5]),
    )
    return Colour(turn, 1.0 + _CONTRAST * u[1])


def _happens(probability: float, rng: np.random.Generator) -> bool:
    # Drawn even where the outcome is certain, so that one option does not reshuffle the others.
    return bool(rng.random() < probability)


def _between(bounds: Range, rng: np.random.Generator) -> float:
    return float(rng.uniform(bounds[0], bounds[1]))
