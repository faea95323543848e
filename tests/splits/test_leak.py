"""Distances to the nearest training photo: few and many photos are compared in two ways."""

import numpy as np

from core.splits.leak import _FEW, nearest_training_m


def test_few_photos_have_the_distances_of_many() -> None:
    rng = np.random.default_rng(0)
    test, train = rng.uniform(0, 100, (_FEW + 1, 2)), rng.uniform(0, 100, (50, 2))
    test[2], train[7] = np.nan, np.nan
    together = nearest_training_m(test, train)
    alone = np.concatenate([nearest_training_m(photo[None], train) for photo in test])
    np.testing.assert_allclose(alone, together)
    assert np.isnan(together[2])
    assert np.isfinite(np.delete(together, 2)).all()
