"""Candidate training photos of each query: nearest in space, or ranked by features."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from core.errors import ConfigError
from core.geo import Floats
from core.refine.gallery import Gallery
from core.refine.schema import RefineConfig
from core.refine.verification import Verified

KNOWN_REGION_WEIGHT = 1.0
"""Strong enough that every photo of the known region comes before any other."""
ROWS_AT_ONCE = 512
"""Queries ranked together: bounds the (rows, gallery) matrices to some tens of megabytes."""


@dataclass(frozen=True)
class Candidates:
    """The k best training photos of n queries, best first.

    Attributes:
        rows: `(n, k)` gallery rows.
        similarity: `(n, k)` cosine of the features.
        score: `(n, k)` what they were ranked by; -inf marks a photo outside the radius.
        points: `(n, k)` how many points of the query agree with theirs; -1 where not compared.
        turn_deg: `(n, k)` how far clockwise of them the query looks; 0 where nothing tells.
    """

    rows: NDArray[np.int64]
    similarity: Floats
    score: Floats
    points: NDArray[np.int64]
    turn_deg: Floats

    def first(self, k: int) -> "Candidates":
        """The best `k` of each query."""
        return Candidates(
            self.rows[:, :k],
            self.similarity[:, :k],
            self.score[:, :k],
            self.points[:, :k],
            self.turn_deg[:, :k],
        )


def nearest_positions(
    position_m: Floats, gallery: Gallery, k: int, excluded: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Gallery rows `(n, k)` of the training photos nearest to positions, nearest first."""
    wanted = min(k + int((excluded >= 0).any()), len(gallery))
    distance, rows = gallery.tree.query(position_m, k=np.arange(1, wanted + 1))
    # A stable sort moves an excluded photo behind the others and keeps their order.
    order = np.argsort(np.where(rows == excluded[:, None], np.inf, distance), kind="stable")
    return np.take_along_axis(rows, order, axis=1)[:, :k].astype(np.int64)


def rank_by_features(
    position_m: Floats,
    similarity: NDArray[np.float32],
    gallery: Gallery,
    config: RefineConfig,
    region_probabilities: ArrayLike | None,
    excluded: NDArray[np.int64],
    k: int,
    verified: Verified | None = None,
    known_region: NDArray[np.int64] | None = None,
) -> Candidates:
    """Rank the gallery by similarity `(n, m)`, agreeing points, its region's probability, radius.

    Photos of a query's known region come before all others. Photos outside the radius come last,
    with score -inf: they may be shown, but have no say.
    """
    penalty = region_penalty(gallery, config.region_weight, region_probabilities, known_region)
    rows = np.empty((len(position_m), k), np.int64)
    score = np.empty(rows.shape)
    for part in row_parts(len(position_m)):
        total = np.array(similarity[part])
        if penalty is not None:
            total += penalty[part]
        if verified is not None and config.points_weight:
            own = verified.part(part)
            lift = config.points_weight * own.beyond_chance()
            total[np.arange(len(total))[:, None], own.rows] += lift.astype(np.float32)
        total[np.arange(len(total)), excluded[part]] -= np.where(excluded[part] >= 0, 1e4, 0.0)
        far = None
        if config.radius_m is not None:
            far = cdist(position_m[part], gallery.position_m) > config.radius_m
            total -= np.where(far, np.float32(1e3), np.float32(0.0))
        rows[part], score[part] = best(total, k)
    score[score < -500.0] = -np.inf
    found = np.take_along_axis(similarity, rows, axis=1).astype(np.float64)
    return Candidates(rows, found, score, *_compared(rows, verified))


def _compared(rows: NDArray[np.int64], verified: Verified | None) -> tuple[Any, Any]:
    """Points and turns `(n, k)` of ranked photos, where they are among those compared."""
    points, turn_deg = np.full(rows.shape, -1, np.int64), np.zeros(rows.shape)
    if verified is not None:
        for column in range(verified.rows.shape[1]):
            photo, place = np.nonzero(rows == verified.rows[:, [column]])
            points[photo, place] = verified.points[photo, column]
            turn_deg[photo, place] = verified.turn_deg[photo, column]
    return points, turn_deg


def region_penalty(
    gallery: Gallery,
    weight: float,
    region_probabilities: ArrayLike | None,
    known_region: NDArray[np.int64] | None = None,
) -> NDArray[np.float32] | None:
    """`weight * log p(region of the gallery photo)` as `(n, m)`, or None if it is 0 everywhere.

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
    log_share = weight * np.log(np.asarray(region_probabilities, np.float64) + 1e-4)
    if known_region is not None and len(known):
        certain = np.eye(log_share.shape[1])[known_region[known]]
        log_share[known] = KNOWN_REGION_WEIGHT * np.log(certain + 1e-4)
    return np.asarray(log_share, np.float32)[:, gallery.region]


def best(score: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns `(n, k)` of the k greatest scores of each row, greatest first, and the scores."""
    k = min(k, score.shape[1])
    columns = np.argpartition(score, score.shape[1] - k, axis=1)[:, -k:]
    found = np.take_along_axis(score, columns, axis=1)
    # Equal scores in the gallery's order, so that results do not depend on the partition.
    order = np.lexsort((columns, -found), axis=1)
    return (
        np.take_along_axis(columns, order, axis=1).astype(np.int64),
        np.take_along_axis(found, order, axis=1),
    )


def row_parts(n: int) -> Iterator[slice]:
    """Cut n rows into slices that are worked on together."""
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, n, ROWS_AT_ONCE))
