"""Errors region by region, with intervals: how far off, which way, how often, how well known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from core.evaluation.intervals import (
    CONFIDENCE,
    DRAWS,
    cluster_draws,
    joint_intervals,
    resampled_medians,
    share_interval,
)
from core.geo import Floats, distance_m
from core.headline import Interval

NEAR_M = 10.0
# Hotelling's test of a mean of two coordinates needs more groups than that.
_FEWEST_GROUPS = 4
_SEED = 0


@dataclass(frozen=True)
class RegionErrors:
    """Errors of the photos of one true region; NaN or None if no photo tells.

    Attributes:
        region: Its id.
        n: Photos with a true and a predicted position.
        groups: Visits or spots that they come from.
        median_m: Median position error.
        median_interval: Its 95 % interval.
        near_share: Share of errors up to 10 m.
        near_interval: Its 95 % interval.
        shift_m: `(north, east)`: mean of predicted minus true positions.
        shift_is_clear: Whether the shift of whole groups differs from 0 at 5 % (Hotelling's T²).
        heading_deg: Median heading error.
        coverage: Share of true positions inside the stated 90 % area.
        coverage_interval: Its 95 % interval.
        middle_m: `(north, east)`: median true position.
    """

    region: str
    n: int
    groups: int
    median_m: float
    median_interval: Interval | None
    near_share: float
    near_interval: Interval
    shift_m: tuple[float, float]
    shift_is_clear: bool
    heading_deg: float
    coverage: float | None
    coverage_interval: Interval | None
    middle_m: tuple[float, float]


def errors_by_region(
    region: Sequence[str],
    true_m: Floats,
    predicted_m: Floats,
    heading_error_deg: Floats,
    inside: Floats | None,
    groups: NDArray[np.int64],
) -> list[RegionErrors]:
    """Errors of each region, by region id; photos without a region or a position do not count.

    Args:
        region: True region of each of n photos; empty if unknown.
        true_m: `(n, 2)` `[north_m, east_m]`, NaN if unknown.
        predicted_m: `(n, 2)`, NaN if none.
        heading_error_deg: `(n,)`, NaN if unknown.
        inside: `(n,)` 1 if the true position is in the stated 90 % area, 0 if not, NaN if no area
            is stated; None if the model states none.
        groups: `(n,)` group of each photo, whose errors are correlated.
    """
    names = np.asarray(region, dtype=object)
    known = np.isfinite(true_m).all(axis=1) & np.isfinite(predicted_m).all(axis=1)
    found = []
    for one in sorted(set(names[known]) - {""}):
        rows = np.flatnonzero(known & (names == one))
        own = None if inside is None else inside[rows]
        found.append(
            _region(one, true_m[rows], predicted_m[rows], heading_error_deg[rows], own,
                    groups[rows])
        )  # fmt: skip
    return found


def _region(
    region: str,
    true_m: Floats,
    predicted_m: Floats,
    heading_error_deg: Floats,
    inside: Floats | None,
    groups: NDArray[np.int64],
) -> RegionErrors:
    errors, off_m = distance_m(predicted_m, true_m), predicted_m - true_m
    group = np.unique(groups, return_inverse=True)[1]
    count = int(group.max()) + 1
    headings = heading_error_deg[np.isfinite(heading_error_deg)]
    stated = np.zeros(len(errors), bool) if inside is None else np.isfinite(inside)
    hits = np.zeros(0) if inside is None else inside[stated]
    north, east = off_m.mean(axis=0)
    middle = np.median(true_m, axis=0)
    return RegionErrors(
        region=region,
        n=len(errors),
        groups=count,
        median_m=float(np.median(errors)),
        median_interval=_median_interval(errors, group, count),
        near_share=float((errors <= NEAR_M).mean()),
        near_interval=share_interval(errors <= NEAR_M, group),
        shift_m=(float(north), float(east)),
        shift_is_clear=_differs_from_zero(off_m, group, count),
        heading_deg=float(np.median(headings)) if len(headings) else float("nan"),
        coverage=float(hits.mean()) if len(hits) else None,
        coverage_interval=share_interval(hits, group[stated]) if len(hits) else None,
        middle_m=(float(middle[0]), float(middle[1])),
    )


def _median_interval(errors: Floats, group: NDArray[np.int64], count: int) -> Interval | None:
    """By drawing whole groups; None for one group."""
    if count < 2:
        return None
    drawn = cluster_draws(count, DRAWS, np.random.default_rng(_SEED))
    medians = resampled_medians(errors, group, drawn)
    low, high = joint_intervals(medians[:, None], CONFIDENCE, np.array([count]))[0]
    return float(low), float(high)


def _differs_from_zero(off_m: Floats, group: NDArray[np.int64], count: int) -> bool:
    """Hotelling's T² of the mean offsets of groups (Hotelling 1931); false for too few of them."""
    if count < _FEWEST_GROUPS:
        return False
    sizes = np.bincount(group, minlength=count)
    means = np.stack([np.bincount(group, off_m[:, k], count) / sizes for k in (0, 1)], axis=1)
    mean, spread = means.mean(axis=0), np.cov(means.T)
    if np.linalg.matrix_rank(spread) < 2:
        return False
    t2 = count * float(mean @ np.linalg.solve(spread, mean))
    ratio = t2 * (count - 2) / (2 * (count - 1))
    return bool(f_distribution.sf(ratio, 2, count - 2) < 1.0 - CONFIDENCE)
