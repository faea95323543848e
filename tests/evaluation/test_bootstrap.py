import time

import numpy as np
import pytest

from core.evaluation.bootstrap import (
    cluster_draws,
    joint_intervals,
    resampled_means,
    resampled_medians,
    resampled_quantiles,
)


def replicated(values: np.ndarray, clusters: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The photos of one draw, written out."""
    return np.repeat(values, counts[clusters], axis=0)


def test_resampled_statistics_are_those_of_the_photos_written_out() -> None:
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 9, 60)
    clusters[:9] = np.arange(9)
    values = rng.normal(size=(60, 3)).round(1)  # rounded: with ties
    drawn = cluster_draws(9, 200, rng)
    assert (drawn.sum(axis=1) == 9).all()
    means = resampled_means(values, clusters, drawn)
    medians = resampled_medians(values[:, 0], clusters, drawn)
    quantiles = resampled_quantiles(values[:, 1], clusters, drawn, (0.0, 0.5, 0.9, 1.0))
    for index, counts in enumerate(drawn):
        photos = replicated(values, clusters, counts)
        np.testing.assert_allclose(means[index], photos.mean(axis=0), atol=1e-12)
        assert medians[index] == pytest.approx(np.median(photos[:, 0]))
        expected = np.quantile(photos[:, 1], (0.0, 0.5, 0.9, 1.0))
        np.testing.assert_allclose(quantiles[index], expected, atol=1e-12)


def test_medians_of_many_photos_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    clusters, values = np.arange(50), rng.normal(size=50)
    drawn = cluster_draws(50, 31, rng)
    whole = resampled_medians(values, clusters, drawn)
    monkeypatch.setattr("core.evaluation.bootstrap._CELLS_AT_ONCE", 200)
    np.testing.assert_array_equal(resampled_medians(values, clusters, drawn), whole)


def test_one_column_has_the_percentile_interval_widened_as_student_asks() -> None:
    draws = np.random.default_rng(2).normal(size=(40_000, 1))
    many = joint_intervals(draws, 0.95, np.array([10_000]))
    np.testing.assert_allclose(many, [[-1.96, 1.96]], atol=0.05)
    few = joint_intervals(draws, 0.95, np.array([10]))
    # t with 9 degrees of freedom is 2.262, times the square root of 10/9.
    np.testing.assert_allclose(few, [[-2.384, 2.384]], atol=0.08)


def test_more_columns_widen_the_intervals() -> None:
    draws = np.random.default_rng(3).normal(size=(200_000, 7))
    found = joint_intervals(draws, 0.95, np.full(7, 10_000))
    # Seven looks at once: the normal quantile of 1 - 0.05 / 7 / 2.
    np.testing.assert_allclose(np.abs(found), 2.69, atol=0.08)


def test_a_column_that_never_moves_has_no_width() -> None:
    draws = np.random.default_rng(4).normal(size=(40_000, 2)) * [1.0, 0.0] + [0.0, 3.0]
    found = joint_intervals(draws, 0.95, np.full(2, 10_000))
    np.testing.assert_allclose(found, [[-2.24, 2.24], [3.0, 3.0]], atol=0.06)


@pytest.mark.trap(name="intervals from photos that are no independent draws")
@pytest.mark.parametrize("median", [False, True])
def test_intervals_by_cluster_cover_the_truth_and_those_by_photo_do_not(median: bool) -> None:
    """300 simulated campuses whose true difference is 1 m; photos of a spot agree."""
    rng = np.random.default_rng(5)
    spots, photos, trials = 40, 8, 300
    clusters = np.repeat(np.arange(spots), photos)
    alone = np.arange(spots * photos)
    covered = {"cluster": 0, "photo": 0}
    widths = {"cluster": 0.0, "photo": 0.0}
    for _ in range(trials):
        first, second = (
            rng.normal(0.0, 3.0, spots)[clusters] + rng.normal(0.0, 1.0, len(clusters)) + shift
            for shift in (20.0, 21.0)
        )
        for name, groups in (("cluster", clusters), ("photo", alone)):
            drawn = cluster_draws(int(groups.max()) + 1, 400, rng)
            if median:
                draws = resampled_medians(second, groups, drawn) - resampled_medians(
                    first, groups, drawn
                )
                draws = draws[:, None]
            else:
                draws = resampled_means((second - first)[:, None], groups, drawn)
            low, high = joint_intervals(draws, 0.95, np.array([drawn.shape[1]]))[0]
            covered[name] += low <= 1.0 <= high
            widths[name] += high - low
    # 95 % of 300, give or take three standard deviations of a binomial and the bootstrap's bias.
    assert 0.90 <= covered["cluster"] / trials <= 0.99
    assert covered["photo"] / trials < 0.75
    assert widths["cluster"] > 1.8 * widths["photo"]


def test_fourteen_hundred_photos_take_seconds() -> None:
    rng = np.random.default_rng(6)
    clusters, values = np.arange(1400) // 3, rng.normal(size=1400)
    began = time.process_time()
    resampled_medians(values, clusters, cluster_draws(467, 5000, rng))
    assert time.process_time() - began < 10.0  # 0.1 s where it was written
