from dataclasses import fields

import numpy as np
import pytest

from core.headline import (
    FIGURES,
    SHARES,
    FigureIntervals,
    Figures,
    PhotoErrors,
    raw_card_metrics,
    refined_card_metrics,
)


def errors() -> PhotoErrors:
    """Twelve photos: errors 1 to 12 m and 5 to 60 degrees, every third region wrong."""
    return PhotoErrors(np.arange(1.0, 13.0), np.arange(5.0, 61.0, 5.0), np.arange(12) % 3 > 0)


def test_every_figure_has_a_name_and_an_interval() -> None:
    assert tuple(each.name for each in fields(Figures)) == FIGURES
    assert tuple(each.name for each in fields(FigureIntervals)) == FIGURES
    assert set(FIGURES) >= SHARES


def test_figures_by_hand() -> None:
    assert errors().figures().as_dict() == pytest.approx(
        {
            "region_accuracy": 8 / 12, "median_m": 6.5, "mean_m": 6.5, "p90_m": 10.9,
            "within_10m": 10 / 12, "within_25m": 1.0, "maae_deg": 32.5, "within_15": 0.25,
            "joint_10m_15deg": 0.25,
        }
    )  # fmt: skip
    some = errors().figures(np.arange(12) < 2)
    assert (some.median_m, some.maae_deg, some.region_accuracy) == (1.5, 7.5, 0.5)


def test_the_score_is_0_for_perfect_and_about_1_for_ignorant_answers() -> None:
    perfect = PhotoErrors(np.zeros(4), np.zeros(4), np.ones(4, bool))
    assert perfect.score(100.0) == 0.0
    ignorant = PhotoErrors(np.full(4, 100.0), np.full(4, 90.0), np.zeros(4, bool))
    assert ignorant.score(100.0) == 1.0
    assert errors().score(65.0) == pytest.approx((0.1 + 32.5 / 90 + 4 / 12) / 3)


def test_errors_go_the_short_way_round_and_compare_regions() -> None:
    found = PhotoErrors.between(
        ([[0.0, 0.0], [1.0, 1.0]], [359.0, 10.0], [0, 1]),
        ([[3.0, 4.0], [1.0, 1.0]], [1.0, 350.0], [0, 2]),
    )
    np.testing.assert_allclose(found.error_m, [5.0, 0.0])
    np.testing.assert_allclose(found.error_deg, [2.0, 20.0])
    assert found.region_hit is not None
    assert found.region_hit.tolist() == [True, False]


def test_unknown_regions_have_no_figure_and_no_term_in_the_score() -> None:
    blind = PhotoErrors(np.ones(3), np.full(3, 9.0), None)
    assert blind.figures().region_accuracy is None
    with pytest.raises(ValueError, match="region_accuracy"):
        blind.figures().known("region_accuracy")
    assert blind.score(10.0) == pytest.approx((0.1 + 0.1) / 2)


def test_figures_are_over_the_photos_that_have_the_label() -> None:
    """Four photos: one without a position, two without a heading, one without a region."""
    some = PhotoErrors.between(
        (
            [[0.0, 0.0], [np.nan, np.nan], [0.0, 0.0], [0.0, 0.0]],
            [10.0, 90.0, np.nan, np.nan],
            [0, 1, -1, 1],
        ),
        (np.tile([3.0, 4.0], (4, 1)) * [[1.0], [1.0], [2.0], [6.0]], [20.0] * 4, [0, 1, 0, 0]),
    )
    np.testing.assert_array_equal(some.error_m, [5.0, np.nan, 10.0, 30.0])
    np.testing.assert_array_equal(some.error_deg, [10.0, 70.0, np.nan, np.nan])
    np.testing.assert_array_equal(some.region_hit, [1.0, 1.0, np.nan, 0.0])
    assert some.figures().as_dict() == pytest.approx(
        {
            "region_accuracy": 2 / 3, "median_m": 10.0, "mean_m": 15.0, "p90_m": 26.0,
            "within_10m": 2 / 3, "within_25m": 2 / 3, "maae_deg": 40.0, "within_15": 0.5,
            "joint_10m_15deg": 1.0,
        }
    )  # fmt: skip
    assert some.score(100.0) == pytest.approx((0.1 + 40 / 90 + 1 / 3) / 3)
    last = some.figures(np.array([False, False, True, True]))
    assert (last.median_m, last.maae_deg, last.joint_10m_15deg) == (20.0, None, None)
    assert last.region_accuracy == 0.0


def test_what_is_not_predicted_has_no_figure() -> None:
    regions = PhotoErrors.between((None, [1.0, 2.0], [3, 4]), (np.ones((2, 2)), None, [3, 3]))
    assert {key: value for key, value in regions.figures().as_dict().items() if value} == {
        "region_accuracy": 0.5
    }
    assert regions.score(float("nan")) == 0.5
    assert list(regions.means) == ["region_accuracy"]
    nowhere = PhotoErrors(np.full(2, np.nan), np.full(2, np.nan), None)
    assert set(nowhere.figures().as_dict().values()) == {None}
    with pytest.raises(ValueError, match="a label that is predicted"):
        nowhere.score(1.0)
    with pytest.raises(ValueError, match="no label"):
        PhotoErrors.between((np.ones((2, 2)), None, None), (None, [1.0, 2.0], None))


def test_a_card_has_no_unknown_figure() -> None:
    no_heading = PhotoErrors(np.array([1.0, 3.0]), np.full(2, np.nan), np.array([True, False]))
    assert raw_card_metrics(no_heading.figures()) == {
        "val_region_accuracy": 0.5, "val_median_m": 2.0, "val_mean_m": 2.0,
    }  # fmt: skip
    assert refined_card_metrics(no_heading.figures()) == {
        "val_region_accuracy_refined": 0.5, "val_median_refined_m": 2.0,
    }  # fmt: skip


def test_figures_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="within_10m"):
        Figures(within_10m=1.5)
    with pytest.raises(ValueError, match="median_m"):
        Figures(median_m=float("nan"))
    with pytest.raises(ValueError, match="do not fit"):
        PhotoErrors(np.ones(3), np.ones(2), None)
    with pytest.raises(ValueError, match="no photo"):
        errors().figures(np.zeros(12, bool))
