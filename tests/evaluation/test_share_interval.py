import numpy as np
import pytest

from core.evaluation.share_interval import share_interval


def test_photos_alone_have_wilsons_interval() -> None:
    # Newcombe 1998, table I: 81 of 263.
    hits = np.arange(263) < 81
    assert share_interval(hits, np.arange(263)) == pytest.approx((0.2553, 0.3662), abs=2e-4)
    assert share_interval(np.zeros(20), np.arange(20))[0] == 0.0


def test_a_share_of_all_photos_counts_every_group_once() -> None:
    low, high = share_interval(np.ones(60), np.arange(60) // 10)
    assert high == 1.0
    assert low < share_interval(np.ones(60), np.arange(60))[0] - 0.2


def test_few_groups_are_less_sure_by_students_quantile() -> None:
    # Three of four groups of three, by hand: variance 1/16, hence as sure as 3 photos; t of 3
    # degrees of freedom is 3.1824.
    hits, groups = np.repeat([1.0, 1.0, 1.0, 0.0], 3), np.repeat(np.arange(4), 3)
    assert share_interval(hits, groups) == pytest.approx((0.1307, 0.9835), abs=1e-3)


def test_one_group_says_nothing() -> None:
    assert share_interval(np.array([1.0, 0.0, 1.0]), np.zeros(3, np.int64)) == (0.0, 1.0)


@pytest.mark.parametrize("count", [8, 40])
def test_the_interval_holds_the_truth_as_often_as_it_says(count: int) -> None:
    """Groups of six photos, each with a share of its own about 0.9 (beta-binomial)."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(count), 6)
    held = alone = 0
    for _ in range(600):
        own = rng.beta(1.8, 0.2, count)[groups]
        hits = rng.random(len(groups)) < own
        low, high = share_interval(hits, groups)
        held += low <= 0.9 <= high
        low, high = share_interval(hits, np.arange(len(groups)))
        alone += low <= 0.9 <= high
    assert 0.92 <= held / 600 <= 0.995
    assert alone / 600 < 0.9
