"""The leak: how many test photos are so near to a training photo that a score may be memory."""

import numpy as np

from core.geo import Floats, distance_m

LEAK_RADII_M = (1.0, 5.0, 10.0)
# So few are compared with every training photo before scipy would be imported.
_FEW = 16


def leak_shares(test_m: Floats, train_m: Floats) -> dict[str, float]:
    """Return the share of test photos within 1, 5 and 10 m of a training photo.

    Photos without a position (NaN) are left aside.

    Args:
        test_m: Local metres `(n, 2)`, of which one is a position.
        train_m: Local metres `(m, 2)`, of which one is a position.

    Returns:
        `{"within_1m": share, "within_5m": share, "within_10m": share}`, shares in `[0, 1]`.
    """
    return shares_within(nearest_training_m(test_m, train_m))


def nearest_training_m(test_m: Floats, train_m: Floats) -> Floats:
    """Return the distance of every test photo to the nearest training photo, `(n,)` metres.

    NaN for a test photo without a position.
    """
    test, train = np.asarray(test_m, np.float64), np.asarray(train_m, np.float64)
    train = train[np.isfinite(train).all(axis=1)]
    placed = np.isfinite(test).all(axis=1)
    nearest_m = np.full(len(test), np.nan)
    if placed.sum() <= _FEW:
        away_m = [distance_m(photo, train).min(initial=np.inf) for photo in test[placed]]
        nearest_m[placed] = away_m
        return nearest_m
    from scipy.spatial import cKDTree

    nearest_m[placed] = cKDTree(train).query(test[placed], workers=-1)[0]
    return nearest_m


def shares_within(nearest_m: Floats) -> dict[str, float]:
    """Return the shares within 1, 5 and 10 m of distances `(n,)`, NaN aside; see `leak_shares`."""
    known_m = nearest_m[np.isfinite(nearest_m)]
    return {f"within_{radius:g}m": float(np.mean(known_m <= radius)) for radius in LEAK_RADII_M}
