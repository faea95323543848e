import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.splits.stratified_groups import assign_groups, cover_regions, spare_groups

SHARES = np.array([0.8, 0.1, 0.1])


def counts(parts: np.ndarray, regions: np.ndarray) -> np.ndarray:
    return np.array([np.bincount(regions[parts == part], minlength=15) for part in range(3)])


def test_every_region_is_dealt_in_its_shares() -> None:
    regions = np.repeat(np.arange(15), 100)
    parts = assign_groups(np.arange(1500), regions, SHARES, np.random.default_rng(0))
    np.testing.assert_allclose(counts(parts, regions).T, [[80, 10, 10]] * 15, atol=1)


def test_uneven_groups_stay_whole_and_near_their_shares() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 12, 400)
    groups = np.repeat(np.arange(400), sizes)
    regions = np.repeat(rng.integers(0, 8, 400), sizes)
    parts = assign_groups(groups, regions, SHARES, rng)
    for group in range(400):
        assert len(set(parts[groups == group])) == 1
    np.testing.assert_allclose(np.bincount(parts) / len(parts), SHARES, atol=0.01)
    share = counts(parts, regions)[:, :8] / np.bincount(regions)
    np.testing.assert_allclose(share[1:], 0.1, atol=0.05)


def test_chance_decides_who_is_tested() -> None:
    groups, regions = np.arange(200), np.zeros(200, np.int64)
    tested = [
        assign_groups(groups, regions, SHARES, np.random.default_rng(seed)) == 2
        for seed in range(20)
    ]
    assert (np.sum(tested, axis=0) > 0).mean() > 0.7


@pytest.mark.trap(name="rare regions lost by stratified groups")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), min_size=1, max_size=80))
def test_every_region_can_be_taught_and_groups_stay_whole(pairs: list[tuple[int, int]]) -> None:
    groups, regions = np.array(pairs).T
    parts = assign_groups(groups, regions, SHARES, np.random.default_rng(0))
    cover_regions(parts, groups, regions)
    assert set(regions[parts == 0]) == set(regions)
    for group in set(groups):
        assert len(set(parts[groups == group])) == 1


@pytest.mark.trap(name="rare regions lost by stratified groups")
def test_a_region_of_one_photo_or_one_spot_is_trained() -> None:
    regions = np.array([0] * 166 + [1] * 40 + [2])
    groups = np.concatenate([np.arange(166), np.full(40, 500), [501]])
    parts = assign_groups(groups, regions, SHARES, np.random.default_rng(0))
    cover_regions(parts, groups, regions)
    assert (parts[regions > 0] == 0).all()


def test_spare_groups_leave_every_region_taught() -> None:
    # Group 0 alone knows region 0; of groups 1 to 3 any two may go.
    groups = np.repeat([0, 1, 2, 3], 4)
    regions = np.array([0, 0, 1, 1] + [1, 2, 1, 2] * 3)
    for seed in range(8):
        chosen = spare_groups(groups, regions, 8.0, np.random.default_rng(seed))
        assert set(regions[~chosen]) == {0, 1, 2}
        assert len(set(groups[chosen])) == 2
    assert not spare_groups(groups, groups, 8.0, np.random.default_rng(0)).any()
