import time

import numpy as np
import pytest

from core.errors import ConfigError
from core.evaluation.intervals import (
    Bootstrap,
    Grouping,
    cluster_draws,
    group_photos,
    joint_intervals,
    resampled_means,
    resampled_medians,
    resampled_quantiles,
    share_interval,
)
from core.evaluation.make_report import subset
from core.evaluation.report import Both
from core.headline import FIGURES, FigureIntervals, PhotoErrors


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
    monkeypatch.setattr("core.evaluation.intervals._CELLS_AT_ONCE", 200)
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
    """150 simulated campuses whose true difference is 1 m; photos of a spot agree."""
    rng = np.random.default_rng(5)
    spots, photos, trials = 40, 8, 150
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
    # 95 % of 150, give or take three standard deviations of a binomial.
    assert 0.90 <= covered["cluster"] / trials <= 0.995
    assert covered["photo"] / trials < 0.75
    assert widths["cluster"] > 1.8 * widths["photo"]


def test_fourteen_hundred_photos_take_seconds() -> None:
    rng = np.random.default_rng(6)
    clusters, values = np.arange(1400) // 3, rng.normal(size=1400)
    began = time.process_time()
    resampled_medians(values, clusters, cluster_draws(467, 5000, rng))
    assert time.process_time() - began < 10.0  # 0.1 s where it was written


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


def errors(rng: np.random.Generator, groups: np.ndarray, spread_m: float) -> PhotoErrors:
    """Errors that photos of a group have in common, about 30 m and 20 degrees."""
    shared = rng.normal(0.0, spread_m, groups.max() + 1)[groups]
    n = len(groups)
    error_m = np.abs(30.0 + shared + rng.normal(0, 1, n))
    return PhotoErrors(error_m, np.abs(20.0 + rng.normal(0, 5, n)), rng.random(n) < 0.8)


def test_every_figure_lies_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    photos = errors(rng, groups, 8.0)
    intervals = Bootstrap(Grouping("visit", groups)).intervals(photos)
    figures = photos.figures()
    for name in FIGURES:
        found, figure = intervals.of(name), figures.of(name)
        assert found is not None
        assert figure is not None
        assert found[0] <= figure <= found[1]


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    groups = np.repeat(np.arange(30), 6)
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = Bootstrap(Grouping("visit", groups), 500).intervals(errors(rng, groups, 8.0))
        low, high = found.mean_m or (0.0, 0.0)
        held += low <= 30.0 <= high
    assert 0.91 <= held / 200 <= 0.99


def test_photos_that_fail_together_have_wider_intervals_than_photos_drawn_one_by_one() -> None:
    groups = np.repeat(np.arange(20), 10)
    photos = errors(np.random.default_rng(3), groups, 8.0)
    whole = Bootstrap(Grouping("visit", groups)).intervals(photos).median_m or (0.0, 0.0)
    single = Bootstrap(Grouping("spot", np.arange(200))).intervals(photos).median_m or (0.0, 0.0)
    assert whole[1] - whole[0] > 1.5 * (single[1] - single[0])


def test_one_group_has_no_interval_and_unknown_figures_none() -> None:
    groups = np.zeros(12, np.int64)
    photos = errors(np.random.default_rng(0), groups, 1.0)
    alone = Bootstrap(Grouping("visit", groups))
    assert alone.intervals(photos) == FigureIntervals()
    assert alone.described()["reliable"] is False
    blind = PhotoErrors(photos.error_m, photos.error_deg, None)
    found = Bootstrap(Grouping("spot", np.arange(12))).intervals(blind)
    assert found.region_accuracy is None
    assert found.median_m is not None


def test_visits_are_drawn_where_they_are_known_and_enough() -> None:
    points = np.random.default_rng(0).uniform(0, 900, (60, 2))
    many, few = np.arange(60) // 4, np.arange(60) // 15
    assert group_photos(points, many, 3.0, None) is not None
    asked = {
        (None, "many"): group_photos(points, many + 7, 3.0, None),
        (None, "few"): group_photos(points, few, 3.0, None),
        ("visit", "few"): group_photos(points, few, 3.0, "visit"),
        ("spot", "many"): group_photos(points, many, 3.0, "spot"),
        (None, "none"): group_photos(points, None, None, None),
    }
    assert [found.by for found in asked.values() if found] == [
        "visit", "spot", "visit", "spot", "spot"
    ]  # fmt: skip
    assert [found.count for found in asked.values() if found][::2] == [15, 4, 60]
    with pytest.raises(ConfigError, match="--by spot"):
        group_photos(points, None, 3.0, "visit")


def test_a_dense_crowd_without_visits_has_no_groups() -> None:
    crowd = np.zeros((60, 2))
    assert group_photos(crowd, None, None, None) is None
    with pytest.raises(ConfigError, match="--by visit"):
        group_photos(crowd, None, None, "spot")


def test_figures_of_too_few_photos_are_not_given() -> None:
    photos = errors(np.random.default_rng(0), np.arange(40), 1.0)
    nine = subset(Both(photos, photos), np.arange(40) < 9)
    assert (nine.n, nine.raw, nine.reason) == (9, None, "9 photos are fewer than 10")
    ten = subset(Both(photos, photos), np.arange(40) < 10)
    assert ten.reason is None
    assert ten.raw is not None
    assert ten.raw.mean_m == pytest.approx(photos.error_m[:10].mean())


def test_the_intervals_of_1500_photos_take_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    groups = np.arange(1500) // 3
    predictors = [errors(rng, groups, 5.0) for _ in range(7)]
    began = time.process_time()
    bootstrap = Bootstrap(Grouping("spot", groups, 3.0))
    for each in predictors:
        bootstrap.intervals(each)
    assert time.process_time() - began < 2.0
