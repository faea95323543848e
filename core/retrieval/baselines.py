"""Baselines without training: what positions and headings cost when the model is left out.

All of them know training photos only (the gallery). Those that are also told something true about
the photo they judge carry `given_truth`: they show leakage, and are no rivals of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats, circular_mean_deg, heading_from_unit
from core.retrieval.gallery import Gallery
from core.retrieval.neighbours import Neighbours, search_in_parts
from core.retrieval.refine import retrieve
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
        position_m: `(n, 2)` `[north_m, east_m]`; NaN if no training photo has a position.
        heading_deg: `(n,)` in `[0, 360)`; NaN if no training photo has a heading.
        region: `(n,)` region indices; None if the region is the truth it was given, or if no
            training photo has one.
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
    *,
    frozen_since: int | None = None,
) -> tuple[Baseline, ...]:
    """Run every baseline that the training photos' labels allow on n photos.

    Without regions there are no centroids of regions; without positions and headings a region's
    photos have no mean.

    Args:
        gallery: Training photos.
        features: `(n, D)` pooled features as the network gives them.
        predicted_region: `(n,)` region indices by the model.
        true_region: `(n,)` region indices, -1 if unknown or none of the model's.
        minute: `(n,)` minute of the day, NaN where unknown.
        exclude_ids: For each photo the id of the gallery photo that it must not find, or None.
        frozen_since: The first part of the descriptors that a frozen backbone gives; None without.
    """
    predicted = np.asarray(predicted_region, np.int64)
    true = np.asarray(true_region, np.int64)
    measured = bool(np.isfinite(gallery.position_m).any() or np.isfinite(gallery.heading_deg).any())
    regions = measured and bool((gallery.region >= 0).any())
    times = np.asarray(minute, np.float64)
    found = [global_mean(gallery, len(true))]
    if regions:
        found.append(region_centroid(gallery, predicted, given_truth=False))
        found.append(region_centroid(gallery, true, given_truth=True))
    found.append(nearest_feature(gallery, features, exclude_ids))
    if frozen_since is not None:
        found.append(zero_training(gallery, features, frozen_since, exclude_ids))
    if regions or (measured and np.isfinite(times).any() and np.isfinite(gallery.minute).any()):
        found.append(metadata_only(gallery, true, times))
    return tuple(found)


def global_mean(gallery: Gallery, n: int) -> Baseline:
    """Mean position, mean heading and commonest region of all training photos, n times."""
    everyone = np.arange(len(gallery))
    position, heading = _mean_of(gallery, everyone)
    named = gallery.region[gallery.region >= 0]
    return Baseline(
        "global_mean",
        "The mean position and mean heading of all training photos",
        False,
        np.tile(position, (n, 1)),
        np.full(n, heading),
        np.full(n, int(np.argmax(np.bincount(named)))) if len(named) else None,
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
    """Position, heading and region of the training photo nearest in feature space.

    Each is of the nearest training photo that has the label.
    """
    turned, named = np.isfinite(gallery.heading_deg), gallery.region >= 0
    none = np.empty(0, np.int64)
    nearest, facing, region = [none], [none], [none]
    for _, found in search_in_parts(features, gallery, exclude_ids):
        first = found.ranked(_NEAREST, 1, np.zeros((len(found), 2))).rows[:, 0]
        nearest.append(first)
        facing.append(_nearest_with(turned, found, first))
        region.append(_nearest_with(named, found, first))
    return Baseline(
        "nearest_feature",
        "The training photo that looks most alike",
        False,
        gallery.position_m[np.concatenate(nearest)],
        gallery.heading_deg[np.concatenate(facing)],
        gallery.region[np.concatenate(region)] if named.any() else None,
    )


def zero_training(
    gallery: Gallery,
    features: ArrayLike,
    frozen_since: int,
    exclude_ids: Sequence[str | None] | None = None,
) -> Baseline:
    """What the frozen backbone's part of the descriptors answers without any training."""
    own = sum(gallery.descriptor_space.widths[:frozen_since])
    frozen = gallery.since(frozen_since)
    regions = int(gallery.region.max(initial=-1)) + 1
    answer = retrieve(np.asarray(features)[:, own:], frozen, regions, exclude_ids)
    return Baseline(
        "zero_training",
        "The most similar training photos by the frozen backbone, without training",
        False,
        answer.position_m,
        heading_from_unit(answer.heading),
        answer.probabilities.argmax(axis=1) if regions else None,
    )


def _nearest_with(
    has: NDArray[np.bool_], found: Neighbours, first: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Row `(n,)` of the nearest training photo that has a label.

    Args:
        has: `(m,)` which training photos have it; `first` is returned if all or none have.
        found: The search for the n photos.
        first: `(n,)` row of the nearest training photo.
    """
    if has.all() or not has.any():
        return first
    return np.where(has[first], first, found.most_similar(has))


def metadata_only(gallery: Gallery, region: NDArray[np.int64], minute: Floats) -> Baseline:
    """Mean of the training photos of the true region at the nearest minute of the day.

    No pixel is read: on photos of one walk the minute alone gives the spot away. A photo without
    a minute, or in a region where no training photo has one, gets the centroid of its region. A
    photo of unknown region counts as of all regions.
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
    return rows if len(rows) and region >= 0 else np.arange(len(gallery))


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
    """Mean position and heading of training photos; of all photos if none of them has a heading."""
    heading_deg, position = gallery.heading_deg, gallery.position_m[rows].mean(axis=0)
    known = rows[np.isfinite(heading_deg[rows])]
    if not len(known):
        known = np.flatnonzero(np.isfinite(heading_deg))
    if not len(known):
        return position, float("nan")
    return position, float(circular_mean_deg(heading_deg[known])[0])
