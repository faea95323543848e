"""The search of the gallery: one a photo, read by verification, evidence, refinement and kNN.

Similarity is the cosine of L2-normalised features: greater is nearer, everywhere in this room.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import ConfigError
from core.geo import Floats
from core.retrieval.gallery import Gallery
from core.retrieval.local_features import COMPARED, LocalFeatures
from core.retrieval.schema import Evidence, RefineConfig
from core.retrieval.verification import Pairs, Verified, verify

KNOWN_REGION_WEIGHT = 1.0
"""Strong enough that every photo of the known region comes before any other."""
LEAST_SHARE = 1e-4
"""Added to probabilities before their logarithm is taken, so that none excludes a photo."""
BY_CHANCE = 12
"""Inliers of a fundamental matrix that photos of different places often have (SIFT and XFeat)."""
_GROUP = 32
"""Columns whose greatest score is looked at first."""
ROWS_AT_ONCE = 512
MOST_COSINES = 10_000_000
"""Queries times training photos that are searched together: each matrix has 40 MB at most."""


@dataclass(frozen=True)
class Candidates:
    """The k best training photos of n queries, best first.

    Attributes:
        rows: `(n, k)` gallery rows.
        similarity: `(n, k)` cosine of the features.
        score: `(n, k)` what they were ranked by; -inf marks a photo outside the radius.
        inliers: `(n, k)` how many points of the query agree with theirs; -1 where not compared.
        turn_deg: `(n, k)` how far clockwise of them the query looks; NaN where unknown.
    """

    rows: NDArray[np.int64]
    similarity: Floats
    score: Floats
    inliers: NDArray[np.int64]
    turn_deg: Floats

    def first(self, k: int) -> "Candidates":
        """The best `k` of each query."""
        return Candidates(
            self.rows[:, :k],
            self.similarity[:, :k],
            self.score[:, :k],
            self.inliers[:, :k],
            self.turn_deg[:, :k],
        )


@dataclass(frozen=True)
class Surroundings:
    """Circles about n photos; the search of each photo leaves out the training photos inside.

    Attributes:
        position_m: `(n, 2)` centres; NaN: nothing is left out.
        radius_m: Radius of the circles.
    """

    position_m: Floats
    radius_m: float

    def rows(self, part: slice | NDArray[np.int64]) -> Self:
        """The circles of some of the photos."""
        return type(self)(self.position_m[part], self.radius_m)

    def inside(self, gallery: Gallery) -> NDArray[np.bool_]:
        """Which training photos are inside each circle, `(n, m)`."""
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(self.position_m, gallery.position_m) <= self.radius_m)

    def enough_outside(self, gallery: Gallery) -> NDArray[np.bool_]:
        """Whether each search still finds as many training photos as others do, `(n,)`."""
        outside = (~self.inside(gallery)).sum(axis=1)
        known = np.isfinite(self.position_m).all(axis=1)
        return np.asarray(known & (outside >= compared_count(gallery)))


@dataclass(frozen=True)
class PlaceShares:
    """The place head's shares of its anchors for n photos, and the anchors of the gallery.

    Attributes:
        share: `(n, anchors)` probabilities, rows adding to 1.
        anchor: `(m,)` the anchor nearest to each gallery photo.
    """

    share: Floats
    anchor: NDArray[np.int64]

    @classmethod
    def of(cls, views: Floats, anchors_m: Floats, gallery: Gallery) -> Self:
        """Sum the views of each anchor.

        Args:
            views: `(n, anchors * bearings)` logits of the place head.
            anchors_m: `(anchors, 2)` `[north_m, east_m]`; NaN for an anchor that is not placed.
            gallery: Training photos, which have positions.
        """
        logits = views.reshape(len(views), len(anchors_m), -1)
        share = np.exp(logits - logits.max(axis=(1, 2), keepdims=True, initial=-np.inf)).sum(axis=2)
        placed = np.flatnonzero(np.isfinite(anchors_m).all(axis=1))
        share /= share.sum(axis=1, keepdims=True)
        return cls(share, placed[gallery.nearest_anchors(anchors_m[placed])])

    def part(self, part: slice) -> Self:
        """The shares of some of the photos."""
        return type(self)(self.share[part], self.anchor)


@dataclass(frozen=True)
class Neighbours:
    """One search of the gallery for n photos.

    Attributes:
        gallery: The training photos that were searched.
        similarity: `(n, m)` float32 cosine with every one of them.
        excluded: `(n, m)` training photos that each photo must not find (itself, or all near it);
            None if every photo may find all.
        rows: `(n, k)` gallery rows of the most similar on the whole campus, best first; k is
            `COMPARED`, or one fewer than the gallery holds, so that leaving one out for one photo
            does not change how many others get. Photos that must not be found come last, if fewer
            than k others are left.
        nearest: `(n, k)` their cosines.
        verified: The photos' points compared with theirs; None until `verify_points`.
    """

    gallery: Gallery
    similarity: NDArray[np.float32]
    excluded: NDArray[np.bool_] | None
    rows: NDArray[np.int64]
    nearest: Floats
    verified: Verified | None = None

    @classmethod
    def search(
        cls,
        features: ArrayLike,
        gallery: Gallery,
        exclude_ids: Sequence[str | None] | None = None,
        surroundings: Surroundings | None = None,
    ) -> Self:
        """Search the gallery for n photos, those of one of `row_parts`: all cosines are kept.

        Args:
            features: `(n, D)` as the network gives them.
            gallery: Training photos.
            exclude_ids: Per photo the id of the training photo that it must not find, or None.
            surroundings: Circles within which the photos find no training photo.
        """
        embedded = gallery.embed(features)
        excluded = _excluded(gallery, len(embedded), exclude_ids, surroundings)
        similarity = embedded @ gallery.features.T
        others = similarity
        if excluded is not None:
            others = np.where(excluded, similarity - np.float32(1e3), similarity)
        rows, nearest = best(others, min(COMPARED, len(gallery) - 1))
        return cls(gallery, similarity, excluded, rows, nearest.astype(np.float64))

    @property
    def compared(self) -> NDArray[np.int64]:
        """Gallery rows `(n, k)` of the photos whose points are compared, most similar first."""
        count = compared_count(self.gallery)
        if count <= self.rows.shape[1]:
            return self.rows[:, :count]
        others = self.similarity
        if self.excluded is not None:
            others = np.where(self.excluded, others - np.float32(1e3), others)
        return best(others, count)[0]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.similarity)

    def verify_points(
        self,
        local: LocalFeatures,
        hfov_deg: float,
        pairs: Pairs | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """Compare the photos point by point with the most similar training photos.

        Args:
            local: Points of the n photos, described by the gallery's projection.
            hfov_deg: Horizontal field of view of all photos, by which turns are computed.
            pairs: Results of other searches for the same photos, see `verify`.
            progress: Called after each photo with how many are done.
        """
        if self.gallery.local is None:
            raise ValueError("the gallery has no points to compare with")
        verified = verify(local, self.gallery.local, self.compared, hfov_deg, pairs, progress)
        return replace(self, verified=verified)

    def ranked(
        self,
        config: RefineConfig,
        k: int,
        position_m: Floats,
        region_probabilities: ArrayLike | None = None,
        known_region: NDArray[np.int64] | None = None,
        places: PlaceShares | None = None,
    ) -> Candidates:
        """Rank the gallery by similarity, inliers, probability of region and place, and radius.

        Photos of a query's known region come before all others. Photos outside the radius come
        last, with score -inf: they may be shown, but have no weight.

        Args:
            config: Radius and weights.
            k: Candidates a photo.
            position_m: `(n, 2)` centres of the radius.
            region_probabilities: `(n, R)`; needed if `config.region_weight` is not 0 or a region
                is known.
            known_region: `(n,)` region indices, -1 where unknown.
            places: Shares of the place head; needed if `config.place_weight` is not 0.
        """
        gallery, verified = self.gallery, self.verified
        if config.place_weight and places is None:
            raise ConfigError("place_weight needs a network with a place head: set it to 0")
        penalty = region_penalty(gallery, config.region_weight, region_probabilities, known_region)
        rows = np.empty((len(self), k), np.int64)
        score = np.empty(rows.shape)
        for part in row_parts(len(self), len(gallery)):
            total = np.array(self.similarity[part])
            if penalty is not None:
                total += penalty[part]
            if places is not None and config.place_weight:
                log_share = config.place_weight * np.log(places.share[part] + LEAST_SHARE)
                total += log_share.astype(np.float32)[:, places.anchor]
            if verified is not None and config.points_weight:
                own = verified.part(part)
                lift = config.points_weight * inlier_evidence(own, config.evidence)
                total[np.arange(len(total))[:, None], own.rows] += lift.astype(np.float32)
            if self.excluded is not None:
                total[self.excluded[part]] -= np.float32(1e4)
            if config.radius_m is not None:
                from scipy.spatial.distance import cdist

                far = cdist(position_m[part], gallery.position_m) > config.radius_m
                total -= np.where(far, np.float32(1e3), np.float32(0.0))
            rows[part], score[part] = best(total, k)
        score[score < -500.0] = -np.inf
        cosine = np.take_along_axis(self.similarity, rows, axis=1).astype(np.float64)
        return Candidates(rows, cosine, score, *_inliers_of(rows, verified))

    def nearest_positions(self, position_m: Floats, k: int) -> NDArray[np.int64]:
        """Gallery rows `(n, k)` of the training photos nearest to positions, nearest first."""
        excluded = self.excluded
        most = 0 if excluded is None else int(excluded.sum(axis=1).max(initial=0))
        wanted = min(k + most, len(self.gallery))
        distance, rows = self.gallery.tree.query(position_m, k=np.arange(1, wanted + 1))
        if excluded is not None:
            distance = np.where(np.take_along_axis(excluded, rows, axis=1), np.inf, distance)
        # A stable sort moves excluded photos behind the others and keeps their order.
        order = np.argsort(distance, kind="stable")
        return np.take_along_axis(rows, order, axis=1)[:, :k].astype(np.int64)

    def most_similar(self, has: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Gallery row `(n,)` of the most similar training photo among some; excluded ones last.

        Args:
            has: `(m,)` the training photos that count.
        """
        similarity = np.where(has, self.similarity, np.float32(-np.inf))
        if self.excluded is not None:
            similarity = np.where(self.excluded, similarity - np.float32(1e3), similarity)
        return np.asarray(similarity.argmax(axis=1), np.int64)


def _excluded(
    gallery: Gallery,
    n: int,
    exclude_ids: Sequence[str | None] | None,
    surroundings: Surroundings | None,
) -> NDArray[np.bool_] | None:
    """Training photos `(n, m)` that n photos must not find; None if there are none."""
    own = gallery.rows_of(exclude_ids, n)
    known = np.flatnonzero(own >= 0)
    if surroundings is None and not len(known):
        return None
    excluded = np.zeros((n, len(gallery)), bool)
    if surroundings is not None:
        excluded |= surroundings.inside(gallery)
    excluded[known, own[known]] = True
    return excluded


def compared_count(gallery: Gallery) -> int:
    """How many training photos are compared with a photo, by points or, without, by similarity."""
    most = COMPARED if gallery.local is None else gallery.local.method.compared
    return min(most, len(gallery) - 1)


def search_in_parts(
    features: ArrayLike, gallery: Gallery, exclude_ids: Sequence[str | None] | None = None
) -> Iterator[tuple[slice, Neighbours]]:
    """Search the gallery for any number of photos; yields a part at a time, and which."""
    every = np.asarray(features)
    for part in row_parts(len(every), len(gallery)):
        own = None if exclude_ids is None else exclude_ids[part]
        yield part, Neighbours.search(every[part], gallery, own)


def region_penalty(
    gallery: Gallery,
    weight: float,
    region_probabilities: ArrayLike | None,
    known_region: NDArray[np.int64] | None = None,
) -> NDArray[np.float32] | None:
    """`weight * log p(region of the gallery photo)` as `(n, m)`, or None if it is 0 everywhere.

    For a gallery photo without a region p is the mean over regions; for a query of known region it
    comes after the photos of that region and before all others.

    Args:
        gallery: Training photos.
        weight: Weight for queries of unknown region.
        region_probabilities: `(n, R)`; needed unless the weight is 0.
        known_region: `(n,)` region indices, -1 where unknown. Each query of known region is ranked
            by that region with the weight `KNOWN_REGION_WEIGHT`; the other queries are not.
    """
    known = np.empty(0, np.int64) if known_region is None else np.flatnonzero(known_region >= 0)
    if weight == 0.0 and not len(known):
        return None
    if region_probabilities is None:
        raise ConfigError("region_weight needs region probabilities: pass them, or set it to 0")
    share = np.asarray(region_probabilities, np.float64)
    log_share = weight * np.log(share + LEAST_SHARE)
    unlabelled = weight * np.log(1.0 / share.shape[1] + LEAST_SHARE) * np.ones(len(share))
    if known_region is not None and len(known):
        certain = np.eye(log_share.shape[1])[known_region[known]]
        log_share[known] = KNOWN_REGION_WEIGHT * np.log(certain + LEAST_SHARE)
        unlabelled[known] = KNOWN_REGION_WEIGHT * np.log(LEAST_SHARE) / 2.0
    # The last column is that of region -1.
    columns = np.column_stack([log_share, unlabelled])
    return np.asarray(columns, np.float32)[:, gallery.region]


def inlier_evidence(verified: Verified, evidence: Evidence) -> Floats:
    """Evidence `(n, k)` that query and candidate show one place, at least 0.

    How many inliers chance gives depends on the photos, so `contrast` compares each count with the
    median of the query's own candidates, most of which show other places. Where most pairs have
    none, that median says nothing of chance: `BY_CHANCE` is its least value.
    """
    if evidence == "count":
        return verified.beyond_chance()
    usual = np.maximum(np.median(verified.inliers, axis=1, keepdims=True), BY_CHANCE)
    return np.asarray(np.maximum(np.log((verified.inliers + 1.0) / (usual + 1.0)), 0.0))


def best(score: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns `(n, k)` of the k greatest scores of each row, greatest first, and the scores."""
    k = min(k, score.shape[1])
    promising = _promising(score, k)
    kept = score if promising is None else np.take_along_axis(score, promising, axis=1)
    first = kept.shape[1] - k
    columns = np.argpartition(kept, min(first, kept.shape[1] - 1), axis=1)[:, first:]
    greatest = np.take_along_axis(kept, columns, axis=1)
    if promising is not None:
        columns = np.take_along_axis(promising, columns, axis=1)
    # Equal scores in the gallery's order, so that results do not depend on the partition.
    order = np.lexsort((columns, -greatest), axis=1)
    return (
        np.take_along_axis(columns, order, axis=1).astype(np.int64),
        np.take_along_axis(greatest, order, axis=1),
    )


def _promising(score: NDArray[np.float32], k: int) -> NDArray[np.int64] | None:
    """Columns `(n, c)` among which the k greatest scores of each row are; None: all are.

    They are in the k groups of columns with the greatest maxima. Maxima are found at the speed of
    memory, a partition of whole rows takes ten times as long.
    """
    n, m = score.shape
    if not k or m <= 4 * k * _GROUP:
        return None
    groups = m // _GROUP
    grouped = score[:, : _GROUP * groups].reshape(n, _GROUP, groups)
    chosen = np.argpartition(grouped.max(axis=1), groups - k, axis=1)[:, groups - k :]
    columns = (chosen[:, None, :] + groups * np.arange(_GROUP)[:, None]).reshape(n, -1)
    rest = np.broadcast_to(np.arange(_GROUP * groups, m), (n, m - _GROUP * groups))
    return np.concatenate([columns, rest], axis=1)


def row_parts(n: int, photos: int) -> Iterator[slice]:
    """Cut n rows into slices that search so many training photos together, in bounded memory."""
    rows = max(1, min(ROWS_AT_ONCE, MOST_COSINES // photos))
    return (slice(start, start + rows) for start in range(0, n, rows))


def _inliers_of(rows: NDArray[np.int64], verified: Verified | None) -> tuple[Any, Any]:
    """Inliers and turns `(n, k)` of ranked photos, where they are among those compared."""
    inliers, turn_deg = np.full(rows.shape, -1, np.int64), np.full(rows.shape, np.nan)
    if verified is not None:
        for column in range(verified.rows.shape[1]):
            photo, place = np.nonzero(rows == verified.rows[:, [column]])
            inliers[photo, place] = verified.inliers[photo, column]
            turn_deg[photo, place] = verified.turn_deg[photo, column]
    return inliers, turn_deg
