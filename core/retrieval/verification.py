"""Geometric verification: do two photos show the same things in the same arrangement?

What looks alike to a network may stand on another campus; that many points of one photo lie where
one camera's view of the other photo's scene allows, does not happen by chance. Two views of one
scene are joined by a fundamental matrix, estimated by MAGSAC (Barath et al. 2020, "MAGSAC++, a
fast, reliable and accurate robust estimator"). Galleries of the first method compare by one affine
map (Philbin et al. 2007, "Object retrieval with large vocabularies and fast spatial matching").
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geo import Floats
from core.retrieval.local_features import LocalFeatures
from core.retrieval.projection import Features

Places = NDArray[np.float32]
Rows = NDArray[np.int64]

_SIDE = 448.0
"""Photos are compared as if they had this side in pixels."""
_TOLERANCE = 3.0
_TRIES = 500
_CERTAIN = 0.999
_LEAST_MATCHES = 12
_LEAST_TO_TURN = 20
# Cameras are upright, and a view that turns left and right about is no view of the same place.
_MOST_ROLL_DEG = 45.0
_LEAST_AREA = 0.05
# Points on one line, or of one small patch, fit some fundamental matrix wherever they lie.
_LEAST_WIDTH = 0.02

_AFFINE_SIDE = 224.0
_AFFINE_TOLERANCE = 0.03 * _AFFINE_SIDE
_AFFINE_TRIES = 500
_AFFINE_LEAST = 4
_AFFINE_TO_TURN = 8
_BY_CHANCE = 5


@dataclass(frozen=True)
class Verified:
    """Photos compared point by point with gallery photos.

    Attributes:
        rows: `(n, k)` the gallery photos that each was compared with.
        inliers: `(n, k)` how many of its points lie as theirs do.
        turn_deg: `(n, k)` how far clockwise of each of them the photo looks, by where the points
            lie in both; NaN where too few agree to tell.
        hfov_deg: Horizontal field of view by which turns were computed.
    """

    rows: Rows
    inliers: Rows
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
        """Evidence `(n, k)` that both show one place: log(1 + inliers beyond a few)."""
        return np.asarray(np.log1p(np.maximum(self.inliers - _BY_CHANCE, 0)))


def verify(query: LocalFeatures, gallery: LocalFeatures, rows: Rows, hfov_deg: float) -> Verified:
    """Compare n photos with some gallery photos each.

    Args:
        query: Of the n photos, described as the gallery's.
        gallery: Of the training photos.
        rows: `(n, k)` the gallery photos to compare each with.
        hfov_deg: Horizontal field of view of all photos.
    """
    inliers, turn_deg = np.zeros(rows.shape, np.int64), np.full(rows.shape, np.nan)
    affine = gallery.method.verification == "affine"
    least = _AFFINE_TO_TURN if affine else _LEAST_TO_TURN
    for photo, others in enumerate(rows):
        for column, row in enumerate(others):
            mine, theirs = matched_points(query, gallery, row, photo)
            inliers[photo, column] = len(mine)
            if len(mine) >= least:
                turn_deg[photo, column] = _turned(mine[:, 0], theirs[:, 0], hfov_deg)
    return Verified(rows, inliers, turn_deg, hfov_deg)


def matched_points(
    query: LocalFeatures, gallery: LocalFeatures, row: int, photo: int = 0
) -> tuple[Floats, Floats]:
    """Inliers of one photo and one gallery photo.

    Args:
        query: Of the photos, described as the gallery's.
        gallery: Of the training photos.
        row: Which of them.
        photo: Which of the photos.

    Returns:
        `(m, 2)` x and y in the photo, and `(m, 2)` in the gallery photo, as fractions of the side.
    """
    (place, seen), (other, known) = query.of(photo), gallery.of(row)
    detector = gallery.method.detector
    affine = gallery.method.verification == "affine"
    least = _AFFINE_LEAST if affine else _LEAST_MATCHES
    mine = theirs = np.empty(0, np.int64)
    if min(len(seen), len(known)) >= least:
        mine, theirs = _partners(seen @ known.T, detector.ratio)
    if len(mine) < least:
        return np.empty((0, 2)), np.empty((0, 2))
    agreeing = _affine if affine else _fundamental
    kept = agreeing(place[mine], other[theirs])
    return place[mine[kept]].astype(np.float64), other[theirs[kept]].astype(np.float64)


def _turned(mine: Floats, theirs: Floats, hfov_deg: float) -> float:
    """Degrees clockwise from their camera to mine: what I see further left, I turned right of.

    Exact for far things; near ones also move because the camera does, hence the median.
    """
    focal = 0.5 / np.tan(np.deg2rad(hfov_deg) / 2.0)
    bearings = np.rad2deg(np.arctan((np.stack([theirs, mine]) - 0.5) / focal))
    return float(np.median(bearings[0] - bearings[1]))


def _partners(cosine: Features, ratio: float | None) -> tuple[Rows, Rows]:
    """Pairs that are each other's nearest, and clearly so (the ratio test of Lowe 2004)."""
    nearest = cosine.argmax(axis=1)
    kept = cosine.argmax(axis=0)[nearest] == np.arange(len(cosine))
    if ratio is not None:
        second, first = np.partition(cosine, -2, axis=1)[:, -2:].T
        away = np.sqrt(np.maximum(2.0 - 2.0 * np.stack([first, second]), 0.0))
        kept &= away[0] < ratio * away[1]
    mine = np.flatnonzero(kept)
    return mine, nearest[mine]


def _fundamental(mine: Places, theirs: Places) -> NDArray[np.bool_]:
    """Which pairs `(m,)` of points one fundamental matrix joins; none if they tell nothing."""
    nothing = np.zeros(len(mine), bool)
    try:
        # The estimator draws from a generator of its own, begun anew at each call.
        _, inside = cv2.findFundamentalMat(
            mine * _SIDE, theirs * _SIDE, cv2.USAC_MAGSAC, _TOLERANCE, _CERTAIN, _TRIES
        )
    except cv2.error:
        # Some degenerate sets fail an assertion within OpenCV 5.0 instead of giving no matrix.
        return nothing
    if inside is None:
        return nothing
    kept = inside.ravel() > 0
    return kept if _upright(mine[kept], theirs[kept]) else nothing


def _upright(mine: Places, theirs: Places) -> bool:
    """Whether points spread over both photos, and are neither mirrored, flattened nor rolled.

    A fundamental matrix joins a photo to its mirror image, or to one of its lines, as well.
    """
    if len(mine) < _LEAST_MATCHES:
        return False
    centred = [places.astype(np.float64) - places.mean(axis=0) for places in (mine, theirs)]
    widths = [np.linalg.svd(places, compute_uv=False)[1] for places in centred]
    if min(widths) < _LEAST_WIDTH * np.sqrt(len(mine)):
        return False
    affine = np.linalg.lstsq(centred[0], centred[1], rcond=None)[0].T
    roll = np.arctan2(affine[1, 0] - affine[0, 1], affine[0, 0] + affine[1, 1])
    return bool(np.linalg.det(affine) >= _LEAST_AREA and abs(np.rad2deg(roll)) <= _MOST_ROLL_DEG)


def _affine(mine: Places, theirs: Places) -> NDArray[np.bool_]:
    """Which pairs `(m,)` of points one affine map joins: RANSAC (Fischler and Bolles 1981)."""
    affine, inside = cv2.estimateAffine2D(
        mine * _AFFINE_SIDE,
        theirs * _AFFINE_SIDE,
        method=cv2.RANSAC,
        ransacReprojThreshold=_AFFINE_TOLERANCE,
        maxIters=_AFFINE_TRIES,
    )
    if affine is None or np.linalg.det(affine[:, :2]) < _LEAST_AREA:
        return np.zeros(len(mine), bool)
    return np.asarray(inside.ravel() > 0)
