"""What a photo looks like at a glance: colours, where they lie, and how fine its texture is.

A network that was taught places overlooks what all of them share, so a drawing or a page may look
to it like some place. These few numbers need no network; far from those of all genuine photos lies
what no camera took there.
"""

import cv2
import numpy as np

from core.dataset.decode import Pixels
from core.geo import Floats

_SIDE, _CELLS, _SCALES = 96, 2, 4
_LEAST = 1e-3
SIZE = 3 * _CELLS**2 + 6 * _SCALES + 6


def appearance(photos: Pixels) -> Floats:
    """Describe n photos `(n, s, s, 3)` by `SIZE` numbers each, `(n, SIZE)`."""
    return np.array([_described(photo) for photo in photos]).reshape(len(photos), SIZE)


def _described(photo: Pixels) -> Floats:
    rule = cv2.INTER_AREA if photo.shape[0] > _SIDE else cv2.INTER_LINEAR
    pixels = cv2.resize(photo, (_SIDE, _SIDE), interpolation=rule).astype(np.float32) / 255.0
    light = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    red_green = pixels[..., 0] - pixels[..., 1]
    blue_yellow = (pixels[..., 0] + pixels[..., 1]) / 2.0 - pixels[..., 2]
    planes = (light, red_green, blue_yellow)
    cells = [cv2.resize(p, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).ravel() for p in planes]
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    edges = np.abs(np.diff(colour, axis=1)).mean()
    overall = [
        colour.mean(), colour.std(), light.std(), red_green.std(), blue_yellow.std(),
        np.log(edges + _LEAST),
    ]  # fmt: skip
    return np.concatenate([*cells, _textures(light), overall]).astype(np.float64)


def _textures(light: np.ndarray) -> Floats:
    """Strength of edges across and down, at four scales: mean, middle and strongest."""
    found = []
    for _ in range(_SCALES):
        for axis in (0, 1):
            step = np.abs(np.diff(light, axis=axis))
            found += [step.mean(), *np.quantile(step, (0.5, 0.95))]
        half = (light.shape[1] // 2, light.shape[0] // 2)
        light = cv2.resize(light, half, interpolation=cv2.INTER_AREA)
    return np.log(np.asarray(found, np.float64) + _LEAST)
