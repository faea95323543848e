"""How far each figure of a report would move if other walks, or other spots, had been photographed.

Each interval holds for its own figure; comparisons of models have stricter ones (`compare`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.dataset.spatial_groups import spot_groups, spots_below
from core.errors import ConfigError, SplitError
from core.evaluation.bootstrap import (
    FEWEST_CLUSTERS,
    Counts,
    cluster_draws,
    joint_intervals,
    resampled_means,
    resampled_quantiles,
)
from core.evaluation.schema import Clusters
from core.geo import Floats
from core.headline import (
    QUANTILES,
    FigureIntervals,
    Interval,
    PhotoErrors,
)

CONFIDENCE = 0.95
DRAWS = 2000
_SEED = 0


@dataclass(frozen=True)
class Grouping:
    """Photos that are right or wrong together.

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


def group_photos(
    position_m: Floats, visits: Counts | None, radius_m: float | None, by: Clusters | None
) -> Grouping | None:
    """Group photos by visit where visits are known and enough, else by spot.

    Args:
        position_m: True positions `(n, 2)` in local metres.
        visits: Visit of each photo `(n,)`, where known.
        radius_m: The split's spot radius; without one, the project's own rule for these photos.
        by: What was asked for; None: visits, where there are at least `FEWEST_CLUSTERS` of them.

    Returns:
        The groups; None where nothing was asked for and the photos are one dense crowd.

    Raises:
        ConfigError: The visits or spots that were asked for cannot be told.
    """
    known = None if visits is None else np.unique(visits, return_inverse=True)[1]
    if by == "visit" and known is None:
        raise ConfigError(
            "it is not known on which visit each photo was taken (labels without timestamps or a "
            "column walk): use --by spot"
        )
    enough = known is not None and int(known.max()) + 1 >= FEWEST_CLUSTERS
    if known is not None and (by == "visit" or (by is None and enough)):
        return Grouping("visit", known)
    if radius_m is not None:
        return Grouping("spot", spot_groups(position_m, radius_m), radius_m)
    try:
        return Grouping("spot", *spots_below(position_m))
    except SplitError as error:
        if by == "spot":
            raise ConfigError(f"{error}; or use --by visit") from error
        return None


class Bootstrap:
    """The same draws of whole groups for every predictor of a report."""

    def __init__(self, grouping: Grouping, draws: int = DRAWS) -> None:
        """Draw the groups."""
        self.grouping = grouping
        rng = np.random.default_rng(_SEED)
        self.drawn = cluster_draws(grouping.count, draws, rng) if grouping.count > 1 else None

    def intervals(self, errors: PhotoErrors) -> FigureIntervals:
        """The interval of every headline figure; None if there is no figure or one group."""
        if self.drawn is None:
            return FigureIntervals()
        found: dict[str, Interval] = {}
        groups, means = self.grouping.groups, errors.means
        columns: dict[str, Floats] = dict(
            zip(
                means,
                resampled_means(np.stack([*means.values()], 1), groups, self.drawn).T,
                strict=True,
            )
        )
        shares = tuple(QUANTILES.values())
        spread = resampled_quantiles(errors.error_m, groups, self.drawn, shares)
        columns |= dict(zip(QUANTILES, spread.T, strict=True))
        counts = np.array([self.grouping.count])
        for name, column in columns.items():
            low, high = joint_intervals(column[:, None], CONFIDENCE, counts)[0]
            found[name] = (float(low), float(high))
        return FigureIntervals(**found)

    def described(self) -> dict[str, Any]:
        """What the intervals rest on."""
        grouping = self.grouping
        return {
            "confidence": CONFIDENCE,
            "by": grouping.by,
            "clusters": grouping.count,
            "radius_m": grouping.radius_m,
            "draws": 0 if self.drawn is None else len(self.drawn),
            "reliable": grouping.count >= FEWEST_CLUSTERS,
        }
