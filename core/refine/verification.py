"""Geometric verification: do two photos show the same things in the same arrangement?

What looks alike to a network may stand on another campus; that a dozen points of one photo lie as
those of the other do, up to one affine map, does not happen by chance (Philbin et al. 2007, "Object
retrieval with large vocabularies and fast spatial matching").
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.refine.local_features import SIDE, LocalFeatures
from core.refine.projection import Features

_RATIO = 0.9
_TOLERANCE = 0.03 * SIDE
_TRIES = 500
_LEAST_POINTS = 4
# A map that turns left and right about, or that flattens everything, is no view of the same place.
_LEAST_AREA = 0.05


def agreeing_points(
    asked: LocalFeatures, gallery: LocalFeatures, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many points of each photo lie as those of some gallery photos do, `(n, k)`.

    Args:
        asked: Of n photos, described by the gallery's projection.
        gallery: Of the training photos.
        rows: `(n, k)` the gallery photos to compare each with.
    """
    found = np.zeros(rows.shape, np.int64)
    for photo, others in enumerate(rows):
        place, descriptors = asked.of(photo)
        for column, row in enumerate(others):
            found[photo, column] = _agreeing(place, descriptors, *gallery.of(row))
    return found


def _agreeing(
    place: NDArray[np.float32], seen: Features, other: NDArray[np.float32], known: Features
) -> int:
    """Points that one affine map takes to their partners: RANSAC (Fischler and Bolles 1981)."""
    if min(len(seen), len(known)) < _LEAST_POINTS:
        return 0
    mine, theirs = _partners(seen @ known.T)
    if len(mine) < _LEAST_POINTS:
        return 0
    found, inside = cv2.estimateAffine2D(
        place[mine],
        other[theirs],
        method=cv2.RANSAC,
        ransacReprojThreshold=_TOLERANCE,
        maxIters=_TRIES,
    )
    if found is None or np.linalg.det(found[:, :2]) < _LEAST_AREA:
        return 0
    return int(inside.sum())


def _partners(cosine: Features) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that are each other's nearest, and clearly so (the ratio test of Lowe 2004)."""
    nearest = cosine.argmax(axis=1)
    mutual = cosine.argmax(axis=0)[nearest] == np.arange(len(cosine))
    second, first = np.partition(cosine, -2, axis=1)[:, -2:].T
    away = np.sqrt(np.maximum(2.0 - 2.0 * np.stack([first, second]), 0.0))
    mine = np.flatnonzero(mutual & (away[0] < _RATIO * away[1]))
    return mine, nearest[mine]
