"""The leak: how many test photos are so near to a training photo that a score may be memory."""

import numpy as np
from scipy.spatial import cKDTree

from core.geo import Floats

LEAK_RADII_M = (1.0, 5.0, 10.0)


def leak_shares(test_m: Floats, train_m: Floats) -> dict[str, float]:
    """Return the share of test photos within 1, 5 and 10 m of a training photo.

    Args:
        test_m: Local metres `(n, 2)`, n > 0.
        train_m: Local metres `(m, 2)`, m > 0.

    Returns:
        `{"within_1m": share, "within_5m": share, "within_10m": share}`, shares in `[0, 1]`.
    """
    return shares_within(nearest_training_m(test_m, train_m))


def nearest_training_m(test_m: Floats, train_m: Floats) -> Floats:
    """Return the distance of every test photo to the nearest training photo, `(n,)` metres."""
    nearest_m, _ = cKDTree(np.asarray(train_m)).query(np.asarray(test_m))
    return np.asarray(nearest_m, np.float64)


def shares_within(nearest_m: Floats) -> dict[str, float]:
    """Return the shares within 1, 5 and 10 m of distances `(n,)`; see `leak_shares`."""
    return {f"within_{radius:g}m": float(np.mean(nearest_m <= radius)) for radius in LEAK_RADII_M}
