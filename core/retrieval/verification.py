"""Geometric verification: do two photos show the same things in the same arrangement?

What looks alike to a network may stand on another campus; that a dozen points of one photo lie as
those of the other do, up to one affine map, does not happen by chance (Philbin et al. 2007, "Object
retrieval with large vocabularies and fast spatial matching").
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geo import Floats
from core.retrieval.local_features import SIDE, LocalFeatures
from core.retrieval.projection import Features

_RATIO = 0.9
_TOLERANCE = 0.03 * SIDE
_TRIES = 500
_LEAST_POINTS = 4
_BY_CHANCE = 5
_LEAST_TO_TURN = 8
# A map that turns left and right about, or that flattens everything, is no view of the same place.
_LEAST_AREA = 0.05


@dataclass(frozen=True)
class Verified:
    """Photos compared point by point with gallery photos.

    Attributes:
        rows: `(n, k)` the gallery photos that each was compared with.
        inliers: `(n, k)` how many of its points lie as theirs do, up to one affine map.
        turn_deg: `(n, k)` how far clockwise of each of them the photo looks, by where the points
            lie in both; NaN where too few agree to tell.
        hfov_deg: Horizontal field of view that turns were reckoned with.
    """

    rows: NDArray[np.int64]
    inliers: NDArray[np.int64]
    turn_deg: Floats
    hfov_deg: float

    def __post_init__(self) -> None:
        """Check that all shapes agree."""
        if not self.rows.shape == self.inliers.shape == self.turn_deg.shape:
            raise ValueError(
                f"verified: rows {self.rows.shape}, inliers {self.inliers.shape} and turns "
                f"{self.turn_deg.shape} do not fit"
            )

    def part(self, part: slice) -> Self:
        """What is known of some of the photos."""
        return type(self)(self.rows[part], self.inliers[part], self.turn_deg[part], self.hfov_deg)

    def beyond_chance(self) -> Floats:
        """Evidence `(n, k)` that both show one place: log(1 + points beyond a few)."""
        return np.asarray(np.log1p(np.maximum(self.inliers - _BY_CHANCE, 0)))


def verify(
    query: LocalFeatures, gallery: LocalFeatures, rows: NDArray[np.int64], hfov_deg: float
) -> Verified:
    """Compare n photos with some gallery photos each.

    Args:
        query: Of the n photos, described by the gallery's projection.
        gallery: Of the training photos.
        rows: `(n, k)` the gallery photos to compare each with.
        hfov_deg: Horizontal field of view of all photos.
    """
    inliers, turn_deg = np.zeros(rows.shape, np.int64), np.full(rows.shape, np.nan)
    focal = SIDE / 2.0 / np.tan(np.deg2rad(hfov_deg) / 2.0)
    for photo, others in enumerate(rows):
        place, descriptors = query.of(photo)
        for column, row in enumerate(others):
            other, known = gallery.of(row)
            mine, theirs = _agreeing(place, descriptors, other, known)
            inliers[photo, column] = len(mine)
            if len(mine) >= _LEAST_TO_TURN:
                turn_deg[photo, column] = _turned(place[mine, 0], other[theirs, 0], focal)
    return Verified(rows, inliers, turn_deg, hfov_deg)


def matched_points(query: LocalFeatures, gallery: LocalFeatures, row: int) -> tuple[Floats, Floats]:
    """Inliers of one photo and one gallery photo, for drawing.

    Args:
        query: Of one photo, described by the gallery's projection.
        gallery: Of the training photos.
        row: Which of them.

    Returns:
        `(m, 2)` x and y in the photo, and `(m, 2)` in the gallery photo, as fractions of the side.
    """
    place, descriptors = query.of(0)
    other, known = gallery.of(row)
    mine, theirs = _agreeing(place, descriptors, other, known)
    return place[mine].astype(np.float64) / SIDE, other[theirs].astype(np.float64) / SIDE


def _turned(mine: NDArray[np.float32], theirs: NDArray[np.float32], focal: float) -> float:
    """Degrees clockwise from their camera to mine: what I see further left, I turned right of.

    Exact for far things; near ones also move because the camera does, hence the median.
    """
    bearings = np.rad2deg(np.arctan((np.stack([theirs, mine]) - SIDE / 2.0) / focal))
    return float(np.median(bearings[0] - bearings[1]))


def _agreeing(
    place: NDArray[np.float32], seen: Features, other: NDArray[np.float32], known: Features
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of points that one affine map joins: RANSAC (Fischler and Bolles 1981)."""
    nothing = np.empty(0, np.int64)
    if min(len(seen), len(known)) < _LEAST_POINTS:
        return nothing, nothing
    mine, theirs = _partners(seen @ known.T)
    if len(mine) < _LEAST_POINTS:
        return nothing, nothing
    affine, inside = cv2.estimateAffine2D(
        place[mine],
        other[theirs],
        method=cv2.RANSAC,
        ransacReprojThreshold=_TOLERANCE,
        maxIters=_TRIES,
    )
    if affine is None or np.linalg.det(affine[:, :2]) < _LEAST_AREA:
        return nothing, nothing
    kept = inside.ravel() > 0
    return mine[kept], theirs[kept]


def _partners(cosine: Features) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that are each other's nearest, and clearly so (the ratio test of Lowe 2004)."""
    nearest = cosine.argmax(axis=1)
    mutual = cosine.argmax(axis=0)[nearest] == np.arange(len(cosine))
    second, first = np.partition(cosine, -2, axis=1)[:, -2:].T
    away = np.sqrt(np.maximum(2.0 - 2.0 * np.stack([first, second]), 0.0))
    mine = np.flatnonzero(mutual & (away[0] < _RATIO * away[1]))
    return mine, nearest[mine]
