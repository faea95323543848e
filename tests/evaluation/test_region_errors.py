"""Errors region by region: constructed photos whose figures are known."""

import numpy as np
import pytest

from core.evaluation.region_errors import errors_by_region

NAN = float("nan")


def test_figures_of_a_region_are_those_of_its_photos() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(-50, 50, (40, 2))
    # Every prediction of the first region is 6 m north and 8 m east of the truth.
    predicted = true + np.array([6.0, 8.0])
    predicted[30:] = true[30:] + np.where(np.arange(10) % 2, 20.0, -20.0)[:, None] * [1.0, 0.0]
    region = ["a"] * 30 + ["b"] * 8 + ["", "b"]
    predicted[39] = NAN
    inside = np.r_[np.ones(24), np.zeros(6), np.full(10, NAN)]
    heading = np.r_[np.full(30, 4.0), np.full(10, NAN)]
    first, second = errors_by_region(region, true, predicted, heading, inside, np.arange(40) // 3)
    assert (first.region, first.n, first.groups) == ("a", 30, 10)
    assert first.median_m == pytest.approx(10.0)
    assert first.shift_m == pytest.approx((6.0, 8.0))
    assert first.heading_deg == 4.0
    assert first.coverage == pytest.approx(0.8)
    assert first.coverage_interval is not None
    assert first.coverage_interval[0] < 0.8 < first.coverage_interval[1]
    assert first.middle_m == pytest.approx(tuple(np.median(true[:30], axis=0)))
    # Neither the photo without a region nor the one without a prediction counts.
    assert (second.region, second.n) == ("b", 8)
    assert second.median_m == pytest.approx(20.0)
    assert second.near_share == 0.0
    assert second.near_interval[1] > 0.2
    assert second.shift_m == pytest.approx((0.0, 0.0))
    assert not second.shift_is_clear
    assert np.isnan(second.heading_deg)
    assert second.coverage is None


def test_a_shift_is_clear_only_if_whole_groups_agree() -> None:
    rng = np.random.default_rng(1)
    true = np.zeros((60, 2))
    groups = np.repeat(np.arange(6), 10)
    shifted = true + np.array([5.0, 0.0]) + rng.normal(0, 2.0, (6, 2))[groups]
    # One group of six is far off: the same mean shift, but not of all.
    one_group = true + np.where(groups == 0, 30.0, 0.0)[:, None] * [1.0, 0.0]
    one_group += rng.normal(0, 1.0, (6, 2))[groups]
    (clear,) = errors_by_region(["a"] * 60, true, shifted, np.zeros(60), None, groups)
    (chance,) = errors_by_region(["a"] * 60, true, one_group, np.zeros(60), None, groups)
    assert clear.shift_m[0] == pytest.approx(5.0, abs=1.5)
    assert chance.shift_m[0] == pytest.approx(5.0, abs=1.5)
    assert clear.shift_is_clear
    assert not chance.shift_is_clear
    assert clear.coverage is None


def test_one_group_gives_no_interval_of_the_median() -> None:
    (one,) = errors_by_region(
        ["a"] * 3, np.zeros((3, 2)), np.ones((3, 2)), np.zeros(3), None, np.zeros(3, np.int64)
    )
    assert one.median_interval is None
    assert one.near_interval == (0.0, 1.0)


def test_the_interval_of_a_median_is_wider_for_fewer_groups() -> None:
    rng = np.random.default_rng(2)
    errors = rng.gamma(2.0, 5.0, 200)
    predicted = np.stack([errors, np.zeros(200)], axis=1)

    def width(groups: np.ndarray) -> float:
        (one,) = errors_by_region(
            ["a"] * 200, np.zeros((200, 2)), predicted, np.zeros(200), None, groups
        )
        assert one.median_interval is not None
        low, high = one.median_interval
        assert low < one.median_m < high
        return high - low

    single = width(np.arange(200))
    # Sorted, so that photos of one group have like errors.
    predicted = np.sort(predicted, axis=0)
    assert width(np.arange(200) // 20) > 1.5 * single
