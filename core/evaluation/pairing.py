"""Two judged models brought together: the photos of both, and those left out, by name."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.dataset.spatial_groups import spot_groups, spots_below
from core.errors import ConfigError, SplitError
from core.evaluation.judged import Judged
from core.evaluation.schema import Clusters

_LABELS = ("true_region", "true_latitude", "true_longitude", "true_angle")


@dataclass(frozen=True)
class LeftOut:
    """Photos that a comparison cannot use.

    Attributes:
        reason: Why, in words.
        photo_ids: Their keys, in order.
    """

    reason: str
    photo_ids: tuple[str, ...]


@dataclass(frozen=True)
class Pairing:
    """Rows of two tables about the same n photos, in the same order."""

    reference: pd.DataFrame
    candidate: pd.DataFrame
    left_out: tuple[LeftOut, ...]

    def __post_init__(self) -> None:
        """Check that the rows belong together."""
        if self.reference["photo_id"].tolist() != self.candidate["photo_id"].tolist():
            raise ValueError("the two tables are not about the same photos")


def pair(reference: Judged, candidate: Judged) -> Pairing:
    """Join two models by photo.

    A photo counts where both judged it, with the same label, and where neither or both were
    trained on it: one that only one of them remembers says nothing about which knows the place.
    """
    first = reference.table.set_index("photo_id", drop=False).sort_index()
    second = candidate.table.set_index("photo_id", drop=False).sort_index()
    common = first.index.intersection(second.index)
    one, two = first.loc[common], second.loc[common]
    relabelled = (one[list(_LABELS)] != two[list(_LABELS)]).any(axis=1)
    remembered = ~relabelled & (one["seen_in_training"] != two["seen_in_training"])
    reasons = {
        f"judged only for {reference.name}": first.index.difference(second.index),
        f"judged only for {candidate.name}": second.index.difference(first.index),
        "labelled differently in the two reports": common[relabelled],
        "trained on by only one of the two": common[remembered],
    }
    kept = ~(relabelled | remembered)
    left_out = tuple(LeftOut(why, tuple(ids)) for why, ids in reasons.items() if len(ids))
    return Pairing(one[kept], two[kept], left_out)


def clusters_of(
    photos: pd.DataFrame, by: Clusters, radius_m: float | None
) -> tuple[np.ndarray, float | None]:
    """Number the clusters of photos that are right or wrong together.

    Args:
        photos: Rows of predictions.csv.
        by: `spot`: connected within a few metres; `visit`: taken on one walk.
        radius_m: The split's spot radius; without one, the project's own rule for these photos.

    Returns:
        Cluster numbers from 0, `(n,)`, and the radius in metres (None for visits).

    Raises:
        ConfigError: The report has no visits, or the photos chain into one spot.
    """
    if by == "visit":
        return _visits(photos), None
    position_m = photos[["true_north_m", "true_east_m"]].to_numpy(np.float64)
    if radius_m is not None:
        return spot_groups(position_m, radius_m), radius_m
    try:
        return spots_below(position_m)
    except SplitError as error:
        raise ConfigError(
            "the photos stand too dense to tell spots apart: compare by visit (--by visit)"
        ) from error


def _visits(photos: pd.DataFrame) -> np.ndarray:
    if "visit" not in photos.columns or photos["visit"].isna().any():
        raise ConfigError(
            "the report does not say on which visit each photo was taken (labels without "
            "timestamps, or an older report): compare by spot, or evaluate again"
        )
    return np.unique(photos["visit"].astype(str), return_inverse=True)[1]
