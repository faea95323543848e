"""Cross-fitting: every photo is scored by parameters that were fitted without its own group."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats

Rows = NDArray[np.int64]
FOLDS = 5


@dataclass(frozen=True)
class Known:
    """The truth about n calibration photos.

    Attributes:
        position_m: `(n, 2)`.
        heading_deg: `(n,)`.
        region: `(n,)` indices; regions that the model does not know are beyond its own.
        groups: `(n,)` photos of one group (a spot, a visit) are right or wrong together.
    """

    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check every shape."""
        n = len(self.groups)
        shapes = (self.position_m.shape, self.heading_deg.shape, self.region.shape)
        if shapes != ((n, 2), (n,), (n,)):
            raise ValueError(f"truth of {n} photos does not fit: {shapes}")


def fold_rows(groups: NDArray[np.int64]) -> list[tuple[Rows, Rows]]:
    """Rows to fit on and rows to score, for each fold; groups are never parted.

    Where there are fewer than two groups nothing can be held out: all rows are both.
    """
    names, number = np.unique(groups, return_inverse=True)
    every = np.arange(len(groups))
    if len(names) < 2:
        return [(every, every)]
    turn = np.random.default_rng(0).permutation(len(names)) % min(FOLDS, len(names))
    return [
        (every[turn[number] != fold], every[turn[number] == fold])
        for fold in range(min(FOLDS, len(names)))
    ]
