"""Synthetic photos of no place, which the refusal score is fitted to tell from genuine ones.

No photo of another place is needed, so every data set can make them; which of them helps to tell
real other places is a question for held-out data (docs/experiments.md).
"""

from collections.abc import Callable

import cv2
import numpy as np

from core.dataset.decode import Pixels

Random = np.random.Generator
MOST_EACH = 400
"""Photos made of each kind, at most."""


def make_negatives(photos: Pixels, rng: Random) -> dict[str, Pixels]:
    """Make negatives of each of `FITTED_KINDS` from photos `(n, s, s, 3)`, n of each kind."""
    return {name: KINDS[name](photos, rng) for name in FITTED_KINDS}


def mirrored(photos: Pixels, rng: Random) -> Pixels:
    """Left and right exchanged: the same things at no place that there is."""
    return np.ascontiguousarray(photos[:, :, ::-1])


def shuffled(photos: Pixels, rng: Random, across: int) -> Pixels:
    """Each photo cut into `across x across` tiles, which change places."""
    n, side = len(photos), photos.shape[1] // across * across
    step = side // across
    tiles = photos[:, :side, :side].reshape(n, across, step, across, step, 3)
    tiles = tiles.transpose(0, 1, 3, 2, 4, 5).reshape(n, across * across, step, step, 3)
    turn = np.argsort(rng.random((n, across * across)), axis=1)
    tiles = np.take_along_axis(tiles, turn[..., None, None, None], axis=1)
    rows = tiles.reshape(n, across, across, step, step, 3).transpose(0, 1, 3, 2, 4, 5)
    return _fitted(rows.reshape(n, side, side, 3), photos.shape[1])


def halved(photos: Pixels, rng: Random) -> Pixels:
    """The left half of one photo beside the right half of another."""
    result = photos.copy()
    middle = photos.shape[2] // 2
    result[:, :, middle:] = photos[_others(len(photos), rng)][:, :, middle:]
    return result


def blended(photos: Pixels, rng: Random) -> Pixels:
    """Two photos over one another."""
    other = photos[_others(len(photos), rng)]
    return np.asarray((photos.astype(np.uint16) + other) // 2, np.uint8)


def recoloured(photos: Pixels, rng: Random) -> Pixels:
    """Hues turned by 80 to 280 degrees: a place built of other colours."""
    result = np.empty_like(photos)
    for row, photo in enumerate(photos):
        hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int64) + rng.integers(40, 141)) % 180
        result[row] = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return result


def noise(photos: Pixels, rng: Random) -> Pixels:
    """Noise from fine grain to clouds."""
    n, side = len(photos), photos.shape[1]
    result = np.empty_like(photos)
    for row in range(n):
        grain = int(2 ** rng.uniform(1.0, np.log2(max(side, 4))))
        small = rng.integers(0, 256, (max(grain, 2), max(grain, 2), 3), np.uint8)
        result[row] = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    return result


def flat(photos: Pixels, rng: Random) -> Pixels:
    """One colour that runs into another: a wall, a lens cap, an empty sheet."""
    n, side = len(photos), photos.shape[1]
    ends = rng.integers(0, 256, (n, 2, 1, 1, 3)) * np.array([1.0, 1.0])[:, None, None, None]
    still = rng.random(n) < 0.5
    ends[still, 1] = ends[still, 0]
    ramp = np.linspace(0.0, 1.0, side)[None, :, None, None]
    mixed = ends[:, 0] * (1.0 - ramp) + ends[:, 1] * ramp
    grain = rng.normal(0.0, 2.0, photos.shape)
    return np.asarray((mixed + grain).clip(0, 255), np.uint8)


def documents(photos: Pixels, rng: Random) -> Pixels:
    """Dark lines of unequal length on a light page."""
    n, side = len(photos), photos.shape[1]
    result = np.empty_like(photos)
    result[:] = rng.integers(200, 256, (n, 1, 1, 3), np.uint8)
    for page in result:
        ink = rng.integers(0, 90, 3).tolist()
        pitch = int(rng.integers(4, max(6, side // 8)))
        left = int(rng.integers(2, max(3, side // 6)))
        for line in range(pitch, side - 2, pitch):
            at = left
            end = left + int(rng.uniform(0.3, 1.0) * (side - 2 * left))
            while at < end:
                word = int(rng.integers(2, 12))
                cv2.line(page, (at, line), (min(at + word, end), line), ink, max(1, pitch // 3))
                at += word + int(rng.integers(2, 5))
    return result


def _others(n: int, rng: Random) -> np.ndarray:
    """For each of n photos another one, far from it in the order given where there are many."""
    return (np.arange(n) + rng.integers(1, max(n, 2), n)) % n


def _fitted(photos: Pixels, side: int) -> Pixels:
    if photos.shape[1] == side:
        return np.ascontiguousarray(photos)
    return np.stack([cv2.resize(photo, (side, side)) for photo in photos])


KINDS: dict[str, Callable[[Pixels, Random], Pixels]] = {
    "mirrored": mirrored,
    "quarters": lambda photos, rng: shuffled(photos, rng, 2),
    "tiles": lambda photos, rng: shuffled(photos, rng, 4),
    "halves": halved,
    "blended": blended,
    "recoloured": recoloured,
    "noise": noise,
    "flat": flat,
    "documents": documents,
}
FITTED_KINDS = tuple(name for name in KINDS if name not in ("quarters", "halves"))
"""Kinds that the score is fitted to. The others show large true pieces of the campus,
whose keypoints rightly match: fitted to them, the score would ignore matches."""
