import numpy as np
import pytest

from core.dataset.leak import leak_shares
from core.dataset.spots import spot_groups, spots_below
from core.errors import SplitError


def test_photos_within_the_radius_share_a_spot_through_others_between() -> None:
    points = np.array([[0.0, 0.0], [50.0, 0.0], [2.9, 0.0], [5.8, 0.0], [50.0, 3.1]])
    groups = spot_groups(points, 3.0)
    assert groups[0] == groups[2] == groups[3]
    assert len({int(groups[0]), int(groups[1]), int(groups[4])}) == 3


def test_photos_at_one_point_share_a_spot() -> None:
    assert len(set(spot_groups(np.zeros((5, 2)), 3.0).tolist())) == 1


def test_the_radius_shrinks_where_a_walk_chains() -> None:
    chained = np.column_stack([np.arange(200) * 2.5, np.zeros(200)])
    groups, radius_m = spots_below(chained)
    assert radius_m == 2.0
    assert len(set(groups.tolist())) == 200


def test_sparse_photos_keep_the_full_radius() -> None:
    assert spots_below(np.column_stack([np.arange(200) * 9.0, np.zeros(200)]))[1] == 3.0


def test_what_chains_even_at_half_a_metre_is_refused() -> None:
    with pytest.raises(SplitError, match="100 of 100 photos chain"):
        spots_below(np.zeros((100, 2)))


def test_leak_shares_count_test_photos_near_a_training_photo() -> None:
    train = np.array([[0.0, 0.0], [100.0, 0.0]])
    test = np.array([[0.0, 0.0], [3.0, 4.0], [100.0, 9.0], [50.0, 0.0]])
    assert leak_shares(test, train) == {"within_1m": 0.25, "within_5m": 0.5, "within_10m": 0.75}


def test_a_test_photo_copied_into_train_is_a_leak() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.uniform(0, 1e4, (50, 2)), rng.uniform(2e4, 3e4, (20, 2))
    assert leak_shares(test, train)["within_10m"] == 0.0
    assert leak_shares(test, np.vstack([train, test[:1]]))["within_1m"] == 0.05
