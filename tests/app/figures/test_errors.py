import numpy as np
import pandas as pd

from app.figures.comparison import baseline_bars
from app.figures.errors import (
    error_by_hour,
    error_by_region,
    error_histogram,
    heading_error_by_heading,
    heading_error_histogram,
    position_error_cdf,
)
from app.figures.plan import photo_plan
from app.theme import LIGHT


def test_the_cdf_rises_to_one_at_the_largest_error(errors: pd.DataFrame) -> None:
    raw, refined, _ = position_error_cdf(errors, LIGHT).data
    assert list(raw.x) == [4.0, 8.0, 20.0, 100.0]
    assert list(raw.y) == [25, 50, 75, 100]
    assert list(refined.x) == [2.0, 6.0, 12.0, 60.0]


def test_the_histograms_lose_no_photo_not_even_at_180_degrees(errors: pd.DataFrame) -> None:
    for column in ("heading_error_deg", "heading_error_refined_deg"):
        (bars,) = heading_error_histogram(errors[column], LIGHT, refined=True).data
        assert int(np.sum(bars.y)) == len(errors)
        assert list(bars.customdata[-1]) == [170, -1]
    (bars,) = error_histogram([0.0, 1.0, 7.0, 300.0, np.nan], LIGHT, refined=False).data
    assert bars.x[0] == "< 1"
    assert bars.x[-1] == "> 250"
    assert list(bars.y) == [1, 1, 0, 1, 0, 0, 0, 0, 1]


def test_what_is_not_selected_is_faint(errors: pd.DataFrame) -> None:
    (bars,) = error_histogram([3.0], LIGHT, refined=True, chosen=(5.0, 25.0)).data
    assert [low for (low, _), shade in zip(bars.customdata, bars.marker.opacity, strict=True)
            if shade == 1.0] == [5, 10]  # fmt: skip
    rose = heading_error_by_heading(errors, LIGHT, chosen=(337.5, 22.5)).data[0]
    assert list(rose.marker.opacity) == [1.0, 0.3, 0.3]


def test_hours_have_their_median_and_their_number_of_photos() -> None:
    (bars,) = error_by_hour(
        [8.0, 8.9, 15.5, np.nan], [2.0, 4.0, 9.0, 1.0], "error (m)", LIGHT, refined=True
    ).data
    assert list(bars.x) == [8, 15]
    assert list(bars.y) == [3.0, 9.0]
    assert list(bars.text) == ["2", "1"]
    assert [list(span) for span in bars.customdata] == [[8, 9], [15, 16]]


def test_headings_about_north_share_one_sector(errors: pd.DataFrame) -> None:
    raw = heading_error_by_heading(errors, LIGHT).data[0]
    assert list(raw.theta) == [0.0, 90.0, 180.0]
    assert list(raw.r) == [15.0, 90.0, 180.0]
    targets = heading_error_by_heading(errors, LIGHT).data[-1]
    assert [list(one) for one in targets.customdata[:3]] == [[345, 15], [75, 105], [165, 195]]
    assert targets.text[0].startswith("0°, 2 photos")


def test_a_plan_has_north_up_one_scale_and_the_selected_area() -> None:
    figure = photo_plan(
        [[10.0, 0.0], [0.0, 5.0]], [0.5, 500.0], ["a", "b"], LIGHT,
        around_m=[[0, 0], [0, 9], [9, 9]],
    )  # fmt: skip
    dots, around = figure.data
    assert list(dots.y) == [10.0, 0.0]
    assert list(dots.text) == ["a", "b"]
    assert list(around.x) == [0, 9, 9, 0]
    assert figure.layout.yaxis.scaleanchor == "x"


def test_regions_keep_the_order_of_their_names(errors: pd.DataFrame) -> None:
    names = {region: region for region in ("1", "2", "10", "11")}
    figure = error_by_region(
        errors, "error_m", "error_refined_m", "position error (m)", LIGHT, names=names
    )
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
