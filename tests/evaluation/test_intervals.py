import time

import numpy as np
import pytest

from core.errors import ConfigError
from core.evaluation.intervals import Bootstrap, Grouping, group_photos
from core.evaluation.make_report import subset
from core.evaluation.report import (
    Both,
)
from core.headline import (
    FIGURES,
    FigureIntervals,
    PhotoErrors,
)


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
