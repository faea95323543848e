import numpy as np
import pandas as pd

from app.figures.comparison import baseline_bars
from app.figures.errors import (
    error_by_region,
    heading_error_by_heading,
    heading_error_histogram,
    position_error_cdf,
)
from app.theme import LIGHT


def test_the_cdf_rises_to_one_at_the_largest_error(errors: pd.DataFrame) -> None:
    raw, refined = position_error_cdf(errors, LIGHT).data
    assert list(raw.x) == [4.0, 8.0, 20.0, 100.0]
    assert list(raw.y) == [0.25, 0.5, 0.75, 1.0]
    assert list(refined.x) == [2.0, 6.0, 12.0, 60.0]


def test_the_heading_histogram_loses_no_photo_not_even_at_180_degrees(
    errors: pd.DataFrame,
) -> None:
    for bars in heading_error_histogram(errors, LIGHT).data:
        assert int(np.sum(bars.y)) == len(errors)


def test_headings_about_north_share_one_sector(errors: pd.DataFrame) -> None:
    raw = heading_error_by_heading(errors, LIGHT).data[0]
    assert list(raw.theta) == [0.0, 90.0, 180.0]
    assert list(raw.r) == [15.0, 90.0, 180.0]
    assert list(raw.customdata) == [2, 1, 1]


def test_regions_keep_the_order_of_the_table(errors: pd.DataFrame) -> None:
    figure = error_by_region(errors, "error_m", "error_refined_m", "position error (m)", LIGHT)
    assert list(figure.layout.xaxis.categoryarray) == ["1", "2", "10"]


def test_a_baseline_that_was_given_the_truth_is_hatched() -> None:
    table = pd.DataFrame(
        {
            "name": ["model", "true region's centre", "no position"],
            "kind": ["prediction", "baseline", "baseline"],
            "given_truth": [False, True, False],
            "median_m": [12.0, 30.0, float("nan")],
        }
    )
    bars = baseline_bars(table, "median_m", "median error (m)", LIGHT).data[0]
    assert list(bars.y) == ["true region's centre", "model"], "the first row is drawn on top"
    assert list(bars.marker.pattern.shape) == ["/", ""]
    assert list(bars.marker.color) == [LIGHT.faint, LIGHT.prediction]
