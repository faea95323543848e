"""Light, lens and sensor: colour in one matrix, noise from one table, a rectangle erased."""

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.dataset.decode import Pixels
from core.geo import Floats

# NTSC luma and chroma (FCC 1953); hue turns in the chroma plane, several times cheaper than HSV.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
_NOISE_LEVELS = 24.0
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
    hue = math.radians(hue_deg)
    cos, sin = saturation * math.cos(hue), saturation * math.sin(hue)
    chroma = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
    matrix = brightness * (_FROM_YIQ @ chroma @ _TO_YIQ) * np.asarray(gains)
    luma = float(_TO_YIQ[0] @ matrix @ mean_rgb)
    return np.column_stack([contrast * matrix, np.full(3, (1.0 - contrast) * luma)])


def recolour(photo: Pixels, matrix: Floats) -> Pixels:
    """Apply an affine colour change `(3, 4)` to RGB pixels, clipping to 0..255."""
    return np.asarray(cv2.transform(photo, matrix.astype(np.float32)), np.uint8)


def mean_colour(photo: Pixels) -> Floats:
    """Mean RGB `(3,)` of a photo."""
    return np.asarray(cv2.mean(photo)[:3], np.float64)


def add_noise(photo: Pixels, std: float, rng: np.random.Generator) -> Pixels:
    """Add Gaussian noise of `std` grey levels to every value.

    Drawing 150,000 normal numbers a photo would cost more than all other steps together, so they
    are cut from one long table at a random place.
    """
    table = _noise_table()
    start = int(rng.integers(len(table) - photo.size))
    noise = table[start : start + photo.size].reshape(photo.shape)
    scale = std / _NOISE_LEVELS
    return np.asarray(cv2.addWeighted(photo, 1.0, noise, scale, 0.0, dtype=cv2.CV_8U), np.uint8)


@cache
def _noise_table() -> NDArray[np.int8]:
    normal = np.random.default_rng(0).standard_normal(_NOISE_SAMPLES, np.float32)
    return np.clip(np.round(normal * _NOISE_LEVELS), -127, 127).astype(np.int8)


def erase(photo: Pixels, area: float, rng: np.random.Generator) -> Pixels:
    """Fill a rectangle covering a share `area` of the photo with one random colour, in place."""
    height, width = photo.shape[:2]
    u = rng.random(6)
    aspect = math.exp((2.0 * u[0] - 1.0) * math.log(3.0))
    tall = max(1, min(height, round(height * math.sqrt(area / aspect))))
    wide = max(1, min(width, round(width * math.sqrt(area * aspect))))
    top, left = int(u[1] * (height - tall + 1)), int(u[2] * (width - wide + 1))
    photo[top : top + tall, left : left + wide] = (u[3:6] * 255).astype(np.uint8)
    return photo
