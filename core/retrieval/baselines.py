"""Baselines without training: what positions and headings cost when the model is left out.

All of them know training photos only (the gallery). Those that are also told something true about
the photo they judge carry `given_truth`: they show leakage, and are no rivals of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats, circular_mean_deg
from core.retrieval.gallery import Gallery
from core.retrieval.neighbours import search_in_parts
from core.retrieval.schema import RefineConfig

DAY_MINUTES = 1440.0
_NEAREST = RefineConfig(method="none", k=1, heading_k=1)


@dataclass(frozen=True)
class Baseline:
    """Predictions of one baseline for n photos.

    Attributes:
        name: Key in reports.
        description: One sentence for readers.
        given_truth: Whether it was told something true about the photo.
        position_m: `(n, 2)` `[north_m, east_m]`.
        heading_deg: `(n,)` in `[0, 360)`.
        region: `(n,)` region indices, or None where the region is the truth it was given.
    """

    name: str
    description: str
    given_truth: bool
    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64] | None

    def __post_init__(self) -> None:
        """Check that all shapes agree."""
        n = len(self.position_m)
        if self.position_m.shape != (n, 2) or self.heading_deg.shape != (n,):
            raise ValueError(f"baseline {self.name}: positions and headings do not fit {n} photos")
        if self.region is not None and self.region.shape != (n,):
            raise ValueError(f"baseline {self.name}: regions do not fit {n} photos")


def all_baselines(
    gallery: Gallery,
    features: ArrayLike,
    predicted_region: ArrayLike,
    true_region: ArrayLike,
    minute: ArrayLike,
    exclude_ids: Sequence[str | None] | None = None,
) -> tuple[Baseline, ...]:
    """Run every baseline on n photos.

    Args:
        gallery: Training photos.
        features: `(n, D)` pooled features as the network gives them.
        predicted_region: `(n,)` region indices by the model.
        true_region: `(n,)` region indices, -1 for a region that the model does not know.
        minute: `(n,)` minute of the day, NaN where unknown.
        exclude_ids: For each photo the id of the gallery photo that it must not find, or None.
    """
    predicted = np.asarray(predicted_region, np.int64)
    true = np.asarray(true_region, np.int64)
    return (
        global_mean(gallery, len(true)),
        region_centroid(gallery, predicted, given_truth=False),
        region_centroid(gallery, true, given_truth=True),
        nearest_feature(gallery, features, exclude_ids),
        metadata_only(gallery, true, np.asarray(minute, np.float64)),
    )


def global_mean(gallery: Gallery, n: int) -> Baseline:
    """Mean position, mean heading and commonest region of all training photos, n times."""
    everyone = np.arange(len(gallery))
    position, heading = _mean_of(gallery, everyone)
    commonest = int(np.argmax(np.bincount(gallery.region)))
    return Baseline(
        "global_mean",
        "The mean position and mean heading of all training photos",
        False,
        np.tile(position, (n, 1)),
        np.full(n, heading),
        np.full(n, commonest),
    )


def region_centroid(gallery: Gallery, region: NDArray[np.int64], *, given_truth: bool) -> Baseline:
    """Mean position and heading of the training photos of each photo's region `(n,)`.

    A region without training photos gets the mean of all.
    """
    return Baseline(
        "region_centroid_true" if given_truth else "region_centroid_predicted",
        f"The centroid of the {'true' if given_truth else 'predicted'} region",
        given_truth,
        *_means_of_groups(gallery, [_in_region(gallery, index) for index in region]),
        None if given_truth else region,
    )


def nearest_feature(
    gallery: Gallery, features: ArrayLike, exclude_ids: Sequence[str | None] | None = None
) -> Baseline:
    """Position, heading and region of the training photo nearest in feature space."""
    firsts = [
        found.ranked(_NEAREST, 1, np.zeros((len(found), 2))).rows[:, 0]
        for _, found in search_in_parts(features, gallery, exclude_ids)
    ]
    nearest = np.concatenate([np.empty(0, np.int64), *firsts])
    return Baseline(
        "nearest_feature",
        "The training photo that looks most alike",
        False,
        gallery.position_m[nearest],
        gallery.heading_deg[nearest],
        gallery.region[nearest],
    )


def metadata_only(gallery: Gallery, region: NDArray[np.int64], minute: Floats) -> Baseline:
    """Mean of the training photos of the true region at the nearest minute of the day.

    No pixel is read: on photos of one walk the minute alone gives the spot away. A photo without
    a minute, or in a region where no training photo has one, gets the centroid of its region.
    """
    groups = [
        _at_minute(gallery, _in_region(gallery, index), time)
        for index, time in zip(region, minute, strict=True)
    ]
    return Baseline(
        "metadata_only",
        "The true region and the nearest minute of the day, without a look at the photo",
        True,
        *_means_of_groups(gallery, groups),
        None,
    )


def _in_region(gallery: Gallery, region: int) -> NDArray[np.int64]:
    rows = np.flatnonzero(gallery.region == region)
    return rows if len(rows) else np.arange(len(gallery))


def _at_minute(gallery: Gallery, rows: NDArray[np.int64], minute: float) -> NDArray[np.int64]:
    known = rows[np.isfinite(gallery.minute[rows])]
    if not len(known) or not np.isfinite(minute):
        return rows
    gap = np.abs(gallery.minute[known] - minute) % DAY_MINUTES
    gap = np.minimum(gap, DAY_MINUTES - gap)
    return np.asarray(known[gap == gap.min()])


def _means_of_groups(gallery: Gallery, groups: list[NDArray[np.int64]]) -> tuple[Floats, Floats]:
    means = [_mean_of(gallery, rows) for rows in groups]
    position = np.array([position for position, _ in means]).reshape(-1, 2)
    return position, np.array([heading for _, heading in means])


def _mean_of(gallery: Gallery, rows: NDArray[np.int64]) -> tuple[Floats, float]:
    heading, _ = circular_mean_deg(gallery.heading_deg[rows])
    return gallery.position_m[rows].mean(axis=0), float(heading)
