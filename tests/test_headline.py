from dataclasses import fields

import numpy as np
import pytest

from core.headline import (
    FIGURES,
    SHARES,
    FigureIntervals,
    Figures,
    PhotoErrors,
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


def test_unknown_regions_have_no_figure_and_no_score() -> None:
    blind = PhotoErrors(np.ones(3), np.ones(3), None)
    assert blind.figures().region_accuracy is None
    with pytest.raises(ValueError, match="region_accuracy"):
        blind.figures().known("region_accuracy")
    with pytest.raises(ValueError, match="regions"):
        blind.score(1.0)


def test_figures_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="within_10m"):
        Figures(within_10m=1.5)
    with pytest.raises(ValueError, match="median_m"):
        Figures(median_m=float("nan"))
    with pytest.raises(ValueError, match="do not fit"):
        PhotoErrors(np.ones(3), np.ones(2), None)
    with pytest.raises(ValueError, match="no photo"):
        errors().figures(np.zeros(12, bool))
