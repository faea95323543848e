"""Geometric verification: do two photos show the same things in the same arrangement?

What looks alike to a network may stand on another campus; that many points of one photo lie where
one camera's view of the other photo's scene allows, does not happen by chance. Two views of one
scene are joined by a fundamental matrix, estimated by MAGSAC (Barath et al. 2020, "MAGSAC++, a
fast, reliable and accurate robust estimator"). Galleries of the first method compare by one affine
map (Philbin et al. 2007, "Object retrieval with large vocabularies and fast spatial matching").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geo import Floats
from core.retrieval.local_features import LocalFeatures, PointMethod
from core.retrieval.projection import Features

Places = NDArray[np.float32]
Rows = NDArray[np.int64]
Pairs = dict[tuple[int, int], tuple[int, float]]
"""Inliers and turn in degrees of pairs of a photo and a gallery photo."""
Points = tuple[Places, Features]
Model = Callable[..., Any]

_TOGETHER = 16
"""Gallery photos whose cosines are one product: small ones wait for the threads of BLAS."""
_SIDE = 448.0
"""Photos are compared as if they had this side in pixels."""
_TOLERANCE = 1.5
_TRIES = 500
_CERTAIN = 0.999
_LEAST_MATCHES = 8
# The turns of fewer inliers, or of not clearly more than the photo's other candidates have, are
# mostly wrong: the views do not overlap.
_LEAST_TO_TURN = 15
_CONTRAST_TO_TURN = 1.5
_CERTAIN_TO_TURN = 40
_SPREAD_DEG = 4.0
# Cameras are upright: what is higher in one photo is higher in the other, with few exceptions, and
# what is further left is not further right.
_LEAST_ORDER = 0.2
# Points on one line, or of one small patch, fit some fundamental matrix wherever they lie.
_LEAST_WIDTH = 0.02

_AFFINE_SIDE = 224.0
_AFFINE_TOLERANCE = 0.03 * _AFFINE_SIDE
_AFFINE_TRIES = 500
_AFFINE_LEAST = 4
_AFFINE_TO_TURN = 8
# A map that turns left and right about, or that flattens everything, is no view of the same place.
_LEAST_AREA = 0.05
_BY_CHANCE = 5


@dataclass(frozen=True)
class Verified:
    """Photos compared point by point with gallery photos.

    Attributes:
        rows: `(n, k)` the gallery photos that each was compared with.
        inliers: `(n, k)` how many of its points lie as theirs do.
        turn_deg: `(n, k)` how far clockwise of each of them the photo looks, by where the points
            lie in both; NaN where too few agree to tell, or no more than with other photos.
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

    def followed_by(self, more: Self) -> Self:
        """These photos and further ones, compared with as many gallery photos each."""
        return type(self)(
            np.concatenate([self.rows, more.rows]),
            np.concatenate([self.inliers, more.inliers]),
            np.concatenate([self.turn_deg, more.turn_deg]),
            self.hfov_deg,
        )

    def beyond_chance(self) -> Floats:
        """Evidence `(n, k)` that both show one place: log(1 + inliers beyond a few)."""
        return np.asarray(np.log1p(np.maximum(self.inliers - _BY_CHANCE, 0)))


def verify(
    query: LocalFeatures,
    gallery: LocalFeatures,
    rows: Rows,
    hfov_deg: float,
    pairs: Pairs | None = None,
    progress: Callable[[int], None] | None = None,
) -> Verified:
    """Compare n photos with some gallery photos each.

    Args:
        query: Of the n photos, described as the gallery's.
        gallery: Of the training photos.
        rows: `(n, k)` the gallery photos to compare each with.
        hfov_deg: Horizontal field of view of all photos.
        pairs: Results of earlier calls with the same photos, gallery and field of view, which are
            not computed again; new ones are added.
        progress: Called after each photo with how many are done.
    """
    pairs = {} if pairs is None else pairs
    inliers, turn_deg = np.zeros(rows.shape, np.int64), np.full(rows.shape, np.nan)
    for photo, candidates in enumerate(rows.tolist()):
        new = [row for row in dict.fromkeys(candidates) if (photo, row) not in pairs]
        compared = _compare(query.of(photo), gallery, new, hfov_deg)
        pairs |= {(photo, row): found for row, found in zip(new, compared, strict=True)}
        for column, row in enumerate(candidates):
            inliers[photo, column], turn_deg[photo, column] = pairs[photo, row]
        if progress is not None:
            progress(photo + 1)
    if gallery.method.verification != "affine":
        turn_deg[~_overlapping(inliers)] = np.nan
    return Verified(rows, inliers, turn_deg, hfov_deg)


def _compare(
    points: Points, gallery: LocalFeatures, rows: Sequence[int], hfov_deg: float
) -> Iterator[tuple[int, float]]:
    """Yield inliers of a photo and each gallery photo, and their turn, NaN if too few agree."""
    affine = gallery.method.verification == "affine"
    least, turned = (_AFFINE_TO_TURN, _median_turn) if affine else (_LEAST_TO_TURN, _turn)
    for mine, theirs in _matched(points, gallery, rows):
        turn_deg = turned(mine, theirs, hfov_deg) if len(mine) >= least else np.nan
        yield len(mine), turn_deg


def _overlapping(inliers: Rows) -> NDArray[np.bool_]:
    """Which counts `(n, k)` are of overlapping views: many, or clearly above the others' median.

    Views that do not overlap have inliers too, the more the more points the photo has.
    """
    n, k = inliers.shape
    usual = np.zeros((n, k))
    if k > 1:
        others = [np.delete(inliers, column, axis=1) for column in range(k)]
        usual = np.median(np.stack(others, axis=1), axis=2)
    least = np.minimum(_CONTRAST_TO_TURN * usual, _CERTAIN_TO_TURN)
    return np.asarray(inliers >= np.maximum(least, _LEAST_TO_TURN))


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
    (found,) = _matched(query.of(photo), gallery, [row])
    return found


def _matched(
    points: Points, gallery: LocalFeatures, rows: Sequence[int]
) -> Iterator[tuple[Floats, Floats]]:
    """Yield the inliers of a photo and each gallery photo, as `matched_points`."""
    place, seen = points
    for start in range(0, len(rows), _TOGETHER):
        others = [gallery.of(row) for row in rows[start : start + _TOGETHER]]
        ends = np.cumsum([len(known) for _, known in others])
        cosine = seen @ np.concatenate([known for _, known in others]).T
        for (other, _), part in zip(others, np.split(cosine, ends[:-1], axis=1), strict=True):
            yield _inliers(place, other, part, gallery.method)


def _inliers(
    place: Places, other: Places, cosine: Features, method: PointMethod
) -> tuple[Floats, Floats]:
    """Points of two photos that match by their cosines and lie as one scene allows."""
    affine = method.verification == "affine"
    least = _AFFINE_LEAST if affine else _LEAST_MATCHES
    mine = theirs = np.empty(0, np.int64)
    if min(cosine.shape) >= least:
        mine, theirs = _partners(cosine, method.detector.ratio)
    if len(mine) < least:
        return np.empty((0, 2)), np.empty((0, 2))
    agreeing = _affine if affine else _fundamental
    kept = agreeing(place[mine], other[theirs])
    return place[mine[kept]].astype(np.float64), other[theirs[kept]].astype(np.float64)


def _median_turn(mine: Floats, theirs: Floats, hfov_deg: float) -> float:
    """Degrees clockwise from their camera to mine: what I see further left, I turned right of.

    Exact for far things; near ones also move because the camera does, hence the median.
    """
    return float(np.median(_shifts(mine, theirs, hfov_deg)))


def _turn(mine: Floats, theirs: Floats, hfov_deg: float) -> float:
    """The same by the strongest mode of the shifts across and down.

    Pairs that are wrong along an epipolar line are inliers too, and scatter about the mode.
    """
    across = _shifts(mine, theirs, hfov_deg)
    shift = np.stack([across, hfov_deg * (theirs - mine)[:, 1]], axis=1) / _SPREAD_DEG
    near = np.exp(-0.5 * ((shift[:, None] - shift) ** 2).sum(axis=2))
    weight = near[near.sum(axis=1).argmax()]
    return float((weight * across).sum() / weight.sum())


def _shifts(mine: Floats, theirs: Floats, hfov_deg: float) -> Floats:
    """How far clockwise each point `(m,)` lies in their photo of where it lies in mine."""
    focal = 0.5 / np.tan(np.deg2rad(hfov_deg) / 2.0)
    bearings = np.rad2deg(np.arctan((np.stack([theirs, mine])[:, :, 0] - 0.5) / focal))
    return np.asarray(bearings[0] - bearings[1])


def _partners(cosine: Features, ratio: float) -> tuple[Rows, Rows]:
    """Pairs that are each other's nearest, and clearly so (the ratio test of Lowe 2004)."""
    row = np.arange(len(cosine))
    nearest = cosine.argmax(axis=1)
    kept = cosine.argmax(axis=0)[nearest] == row
    first = cosine[row, nearest]
    # Faster than a partition, with the same second value.
    cosine[row, nearest] = -np.inf
    second = cosine.max(axis=1)
    away = np.sqrt(np.maximum(2.0 - 2.0 * np.stack([first, second]), 0.0))
    mine = np.flatnonzero(kept & (away[0] < ratio * away[1]))
    return mine, nearest[mine]


def _fundamental(mine: Places, theirs: Places) -> NDArray[np.bool_]:
    """Which pairs `(m,)` of points one fundamental matrix joins; none if they tell nothing.

    Photos from one point, or a photo and itself, have no such matrix of their own, and the
    estimator sometimes gives one that joins nothing: then one homography joins them.
    """
    nothing = np.zeros(len(mine), bool)
    for model in (cv2.findFundamentalMat, cv2.findHomography):
        kept = _joined(model, mine, theirs)
        if kept.any():
            return kept if _upright(mine[kept], theirs[kept]) else nothing
    return nothing


def _joined(model: Model, mine: Places, theirs: Places) -> NDArray[np.bool_]:
    """Which pairs `(m,)` agree with one estimated matrix."""
    try:
        # The estimator draws from a generator of its own, begun anew at each call.
        _, inside = model(
            mine * _SIDE, theirs * _SIDE, cv2.USAC_MAGSAC, _TOLERANCE, confidence=_CERTAIN,
            maxIters=_TRIES,
        )  # fmt: skip
    except cv2.error:
        # Some degenerate sets fail an assertion within OpenCV 5.0 instead of giving no matrix.
        inside = None
    return np.zeros(len(mine), bool) if inside is None else inside.ravel() > 0


def _upright(mine: Places, theirs: Places) -> bool:
    """Whether points spread over both photos, and are neither mirrored, flattened nor rolled.

    A fundamental matrix joins a photo to its mirror image, or to one of its lines, as well. Pairs
    that are wrong along an epipolar line pass, so only the order of most of them is looked at.
    """
    if len(mine) < _LEAST_MATCHES:
        return False
    centred = [places.astype(np.float64) - places.mean(axis=0) for places in (mine, theirs)]
    widths = [np.linalg.svd(places, compute_uv=False)[1] for places in centred]
    if min(widths) < _LEAST_WIDTH * np.sqrt(len(mine)):
        return False
    across, down = (centred[0] * centred[1]).sum(axis=0)
    spread = np.linalg.norm(centred[0], axis=0) * np.linalg.norm(centred[1], axis=0)
    return bool(across > -_LEAST_ORDER * spread[0] and down > _LEAST_ORDER * spread[1])


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
