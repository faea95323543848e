"""Augmentation that keeps labels true: one warp, one blur, one colour step, noise, erasing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.dataset.augment_schema import AugmentConfig, Range
from core.dataset.decode import Pixels
from core.dataset.light import add_noise, colour_matrix, erase, mean_colour, recolour
from core.dataset.view import View, render_view, resize_photo, roomiest_side, slack
from core.geo import wrap_heading_deg

__all__ = [
    "AugmentConfig",
    "augment_photo",
    "draw_view",
    "normalise",
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
    view = draw_view(config, rng)
    heading = heading_deg + view.heading_shift_deg(hfov_deg)
    if config.rotation_rule == "add_angle":
        heading = reference_rotation(heading, view.roll_deg)
    result = render_view(photo, view, input_size)
    if _happens(config.mirror_probability, rng):
        result = np.ascontiguousarray(result[:, ::-1])
        heading = reference_mirror(heading)
    if _happens(config.blur_probability, rng):
        sigma = _between(_BLUR_SIGMA, rng)
        result = np.asarray(cv2.GaussianBlur(result, (0, 0), sigma), np.uint8)
    if _happens(config.colour_probability, rng):
        result = _relight(result, rng)
    if _happens(config.noise_probability, rng):
        result = add_noise(result, _between(_NOISE_STD, rng), rng)
    if _happens(config.erasing_probability, rng):
        result = erase(result, _between(_ERASED_AREA, rng), rng)
    return result, float(wrap_heading_deg(heading))


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


def normalise(
    photos: Pixels, mean: tuple[float, ...], std: tuple[float, ...]
) -> NDArray[np.float32]:
    """Turn RGB uint8 `(n, h, w, 3)` into what a backbone expects.

    Args:
        photos: Pixels.
        mean: Mean of each channel on the scale 0..1.
        std: Standard deviation of each channel on the scale 0..1.

    Returns:
        `(pixel / 255 - mean) / std`, float32 `(n, 3, h, w)`.
    """
    n, height, width, _ = photos.shape
    result = np.empty((n, 3, height, width), np.float32)
    for channel in range(3):
        scale = np.float32(1.0 / (255.0 * std[channel]))
        np.multiply(photos[..., channel], scale, out=result[:, channel], dtype=np.float32)
        result[:, channel] -= np.float32(mean[channel] / std[channel])
    return result


def _relight(photo: Pixels, rng: np.random.Generator) -> Pixels:
    u = rng.uniform(-1.0, 1.0, 6)
    matrix = colour_matrix(
        mean_colour(photo),
        brightness=1.0 + _BRIGHTNESS * u[0],
        contrast=1.0 + _CONTRAST * u[1],
        saturation=1.0 + _SATURATION * u[2],
        hue_deg=_HUE_DEG * u[3],
        gains=(1.0 + _WHITE_BALANCE * u[4], 1.0, 1.0 + _WHITE_BALANCE * u[5]),
    )
    return recolour(photo, matrix)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    # Drawn even where the outcome is certain, so that one option does not reshuffle the others.
    return bool(rng.random() < probability)


def _between(bounds: Range, rng: np.random.Generator) -> float:
    return float(rng.uniform(bounds[0], bounds[1]))
