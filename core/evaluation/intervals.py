"""Confidence intervals for correlated photos: of a report's figures, of differences, of shares.

Errors of photos of one spot or visit are correlated, so resampling single photos would give
intervals that are too narrow. The bootstrap draws whole clusters instead (Davison & Hinkley 1997,
section 3.8). Each interval of a report holds for its own figure; comparisons of models have
stricter, joint ones (`core.comparison.compare`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from core.errors import ConfigError, SplitError
from core.evaluation.schema import Clusters
from core.geo import Floats
from core.headline import QUANTILES, FigureIntervals, Interval, PhotoErrors
from core.splits.spatial_groups import spot_groups, spots_below

Counts = NDArray[np.int64]

FEWEST_CLUSTERS = 10
"""With fewer clusters, bootstrap intervals are too narrow to be reliable."""
CONFIDENCE = 0.95
"""Of the intervals of a report; comparisons choose their own."""
DRAWS = 2000
_SEED = 0
_CELLS_AT_ONCE = 4_000_000
"""Numbers held at once for medians: some tens of megabytes."""


def cluster_draws(count: int, draws: int, rng: np.random.Generator) -> Counts:
    """Draw `count` clusters with replacement, `draws` times.

    Returns:
        How often each cluster was drawn, `(draws, count)`; every row sums to `count`.
    """
    return rng.multinomial(count, np.full(count, 1.0 / count), size=draws)


def resampled_means(values: Floats, clusters: Counts, drawn: Counts) -> Floats:
    """Mean over the photos of every draw.

    Args:
        values: `(n, k)`, one row a photo; NaN does not count.
        clusters: `(n,)` cluster of each photo, numbered from 0.
        drawn: `(draws, clusters)` as from `cluster_draws`.

    Returns:
        `(draws, k)`; NaN for a draw without a value.
    """
    known = ~np.isnan(values)
    sums, photos = np.zeros((2, drawn.shape[1], values.shape[1]))
    np.add.at(sums, clusters, np.where(known, values, 0.0))
    np.add.at(photos, clusters, known)
    counts = drawn @ photos
    return np.where(counts > 0, (drawn @ sums) / np.maximum(counts, 1.0), np.nan)


def resampled_medians(values: Floats, clusters: Counts, drawn: Counts) -> Floats:
    """Median over the photos of every draw `(draws,)`, as `numpy.median` of repeated photos."""
    return np.asarray(resampled_quantiles(values, clusters, drawn, (0.5,))[:, 0])


def resampled_quantiles(
    values: Floats, clusters: Counts, drawn: Counts, shares: Sequence[float]
) -> Floats:
    """Quantiles over the photos of every draw, as `numpy.quantile` of the repeated photos.

    Args:
        values: `(n,)`, of which one is known; NaN does not count.
        clusters: `(n,)` cluster of each photo.
        drawn: `(draws, clusters)`.
        shares: Which quantiles, k of them.

    Returns:
        `(draws, k)`; NaN for a draw without a value.
    """
    known = ~np.isnan(values)
    values, clusters = values[known], clusters[known]
    order = np.argsort(values, kind="stable")
    ranked, column = values[order], clusters[order]
    step = max(1, _CELLS_AT_ONCE // len(values))
    parts = []
    for start in range(0, len(drawn), step):
        photos = np.cumsum(drawn[start : start + step, column], axis=1)
        last = photos[:, -1:] - 1
        quantiles = []
        for share in shares:
            rank = share * last
            below, above = np.floor(rank), np.ceil(rank)
            low = ranked[(photos > below).argmax(axis=1)]
            high = ranked[(photos > above).argmax(axis=1)]
            quantile = low + (rank - below)[:, 0] * (high - low)
            quantiles.append(np.where(last[:, 0] < 0, np.nan, quantile))
        parts.append(np.stack(quantiles, axis=1))
    return np.concatenate(parts)


def joint_intervals(draws: Floats, confidence: float, clusters: Counts) -> Floats:
    """Percentile intervals that hold for all columns at the same time.

    The error probability is divided among the columns (Bonferroni). Intervals fitted to the
    correlation of the columns (Mandel & Betensky 2008) held in 92 % of simulated comparisons, not
    95 %. For few clusters the intervals are widened as Student's t is wider than the normal
    distribution (Hesterberg 2015, expanded percentile interval).

    Args:
        draws: `(draws, k)`: statistics of the resamples; NaN does not count.
        confidence: Share in `(0, 1)`.
        clusters: `(k,)` number of clusters behind each column, at least 2.

    Returns:
        `(k, 2)`: lower and upper ends.
    """
    tail = (1.0 - confidence) / draws.shape[1] / 2.0
    size = np.asarray(clusters, np.float64)
    wider = ndtr(np.sqrt(size / (size - 1.0)) * stdtrit(size - 1.0, tail))
    ends = [
        np.quantile(column[~np.isnan(column)], [tail, 1.0 - tail])
        for column, tail in zip(draws.T, wider, strict=True)
    ]
    return np.asarray(ends)


def clusters_with(values: Floats, clusters: Counts) -> Counts:
    """How many clusters `(k,)` have a photo with a value, of photo values `(n, k)`."""
    known = ~np.isnan(values)
    columns = range(values.shape[1])
    return np.array([np.unique(clusters[known[:, column]]).size for column in columns], np.int64)


def share_interval(
    hits: Floats | NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[float, float]:
    """The 95 % interval of a share, for photos that come in groups.

    Wilson's interval (1927) for the effective number of independent photos: the design effect of
    Kish, with Student's quantile for the number of groups (Korn & Graubard 1998). A share of 0 or
    1 has no variance; then every group counts as one photo.

    Args:
        hits: `(n,)`, 1 or true if the photo counts; n > 0.
        groups: `(n,)` group of each photo, any integers.
    """
    hits = np.asarray(hits, np.float64)
    _, group = np.unique(groups, return_inverse=True)
    n, count = len(hits), int(group.max()) + 1
    share = float(hits.mean())
    if count == n:
        return _wilson(share, n, float(ndtri(0.5 + CONFIDENCE / 2.0)))
    if count == 1:
        return 0.0, 1.0
    residuals = np.bincount(group, hits - share)
    variance = count / (count - 1) * float((residuals**2).sum()) / n**2
    effective = share * (1.0 - share) / variance if variance > 0.0 else float(count)
    return _wilson(share, min(effective, n), float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2.0)))


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share of `n` independent photos; `z` standard deviations wide."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # Rounding must not leave a share of 0 or 1 outside.
    return float(min(max(middle - half, 0.0), share)), float(max(min(middle + half, 1.0), share))


@dataclass(frozen=True)
class Grouping:
    """Clusters of photos whose errors are correlated.

    Attributes:
        by: What a group is.
        groups: Group of each photo `(n,)`, numbered from 0.
        radius_m: Photos this close share a spot; None for visits.
    """

    by: Clusters
    groups: Counts
    radius_m: float | None = None

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(self.groups.max()) + 1


def spots_of(position_m: Floats, radius_m: float | None) -> tuple[Counts, float]:
    """Number the spots of photos; each photo without a position is a spot of its own.

    Args:
        position_m: Local metres `(n, 2)`, NaN without a position; one photo has one.
        radius_m: Photos this close share a spot; None: it is derived from the positions.

    Returns:
        Spot of each photo `(n,)`, and the radius.

    Raises:
        SplitError: The photos chain into one spot.
    """
    placed = np.asarray(np.isfinite(position_m).all(axis=1), bool)
    if radius_m is None:
        groups, radius_m = spots_below(position_m[placed])
    else:
        groups = spot_groups(position_m[placed], radius_m)
    spots = np.empty(len(placed), np.int64)
    spots[placed] = groups
    spots[~placed] = int(groups.max()) + 1 + np.arange(int((~placed).sum()))
    return spots, radius_m


def group_photos(
    position_m: Floats, visits: Counts | None, radius_m: float | None, by: Clusters | None
) -> Grouping | None:
    """Group photos by visit if there are enough known visits, else by spot.

    Args:
        position_m: True positions `(n, 2)` in local metres; NaN for a photo without a position.
        visits: Visit of each photo `(n,)`; None if unknown.
        radius_m: Spot radius of the split; None: it is derived from the positions.
        by: Required unit; None: visits if there are at least `FEWEST_CLUSTERS`, else spots.

    Returns:
        The groups; None if `by` is None and the photos have no positions, or are too dense to be
        split into spots.

    Raises:
        ConfigError: The photos cannot be grouped by the required unit.
    """
    known = None if visits is None else np.unique(visits, return_inverse=True)[1]
    if by == "visit" and known is None:
        raise ConfigError(
            "it is not known on which visit each photo was taken (labels without timestamps or a "
            "column walk): use --by spot"
        )
    enough = known is not None and int(known.max()) + 1 >= FEWEST_CLUSTERS
    placed = np.isfinite(position_m).any()
    if known is not None and (by == "visit" or (by is None and (enough or not placed))):
        return Grouping("visit", known)
    if not placed:
        if by == "spot":
            raise ConfigError("no photo has a position, so there are no spots: use --by visit")
        return None
    try:
        return Grouping("spot", *spots_of(position_m, radius_m))
    except SplitError as error:
        if by == "spot":
            raise ConfigError(f"{error}; or use --by visit") from error
        return None


class Bootstrap:
    """Draws of whole groups, the same for the model and every baseline of a report."""

    def __init__(self, grouping: Grouping, draws: int = DRAWS) -> None:
        """Draw the groups."""
        self.grouping = grouping
        rng = np.random.default_rng(_SEED)
        self.drawn = cluster_draws(grouping.count, draws, rng) if grouping.count > 1 else None

    def intervals(self, errors: PhotoErrors) -> FigureIntervals:
        """The interval of every headline figure; None if there is no figure or one group."""
        if self.drawn is None:
            return FigureIntervals()
        intervals: dict[str, Interval] = {}
        groups, means = self.grouping.groups, errors.means
        if not means:
            return FigureIntervals()
        values = np.stack([*means.values()], 1)
        columns = dict(zip(means, resampled_means(values, groups, self.drawn).T, strict=True))
        counts = dict(zip(means, clusters_with(values, groups), strict=True))
        if "mean_m" in means:
            shares = tuple(QUANTILES.values())
            spread = resampled_quantiles(errors.error_m, groups, self.drawn, shares)
            columns |= dict(zip(QUANTILES, spread.T, strict=True))
            counts |= dict.fromkeys(QUANTILES, counts["mean_m"])
        for name, column in columns.items():
            if counts[name] > 1:
                ends = joint_intervals(column[:, None], CONFIDENCE, np.array([counts[name]]))
                intervals[name] = (float(ends[0, 0]), float(ends[0, 1]))
        return FigureIntervals(**intervals)

    def described(self) -> dict[str, Any]:
        """Return the fields of `report.Intervals` that say how the intervals were made."""
        grouping = self.grouping
        return {
            "confidence": CONFIDENCE,
            "by": grouping.by,
            "clusters": grouping.count,
            "radius_m": grouping.radius_m,
            "draws": 0 if self.drawn is None else len(self.drawn),
            "reliable": grouping.count >= FEWEST_CLUSTERS,
        }
