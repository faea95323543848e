import numpy as np
import pandas as pd
import pytest

from app.figures.agreement import predicted_against_actual
from app.figures.axes import FAINT
from app.figures.errors import error_by_region, position_error_cdf
from app.figures.retrieval import error_by_similarity, recall_at_k, similarity_bounds
from app.figures.selective import reliability_bars, risk_by_share
from app.theme import LIGHT
from core.evaluation.selective import reliability, risk_curve


def test_a_point_of_the_risk_curve_stands_for_its_doubt_and_the_next() -> None:
    curve = risk_curve(np.array([1.0, 5.0, 3.0]), np.array([0.5, 2.0, 4.0]))
    assert curve is not None
    figure = risk_by_share({"median": curve}, "m", LIGHT, chosen=(2.0, np.inf))
    points = figure.data[-1]
    assert [list(one) for one in points.customdata] == [[0.5, 2.0], [2.0, 4.0], [4.0, -1.0]]
    assert list(points.marker.opacity) == [FAINT, 1.0, 1.0]
    np.testing.assert_allclose(points.x, [100 / 3, 200 / 3, 100])


def test_bars_of_reliability_are_in_per_cent_and_the_last_has_no_end() -> None:
    bins = reliability(np.array([0.42, 0.97, 0.99]), np.array([0.0, 1.0, 1.0]))
    bars = reliability_bars(bins, LIGHT, chosen=(0.9, np.inf)).data[1]
    assert [list(one) for one in bars.customdata] == [[0.4, 0.5], [0.9, -1.0]]
    assert list(bars.y) == [0.0, 100.0]
    assert list(bars.marker.opacity) == [FAINT, 1.0]


def test_recall_is_drawn_beside_what_is_possible() -> None:
    curves = {10.0: np.array([0.2, 0.5]), 25.0: np.array([0.4, 0.8])}
    figure = recall_at_k(curves, {10.0: 0.6, 25.0: 0.9}, LIGHT, every=curves)
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines["within 25 m"] == [40.0, 80.0]
    assert lines["within 10 m, possible"] == [60.0, 60.0]
    assert lines["within 10 m, all photos"] == [20.0, 50.0]


def test_bars_of_similarity_hold_about_as_many_photos_each() -> None:
    similarity = np.linspace(0.2, 0.9, 80)
    bounds = similarity_bounds(similarity)
    assert (np.diff(bounds) > 0).all()
    assert bounds[0] <= 0.2
    assert bounds[-1] >= 0.9
    errors_m = np.where(similarity > 0.5, 1.0, 9.0)
    bars = error_by_similarity(similarity, errors_m, LIGHT, refined=True, bounds=bounds).data[0]
    assert sum(int(text) for text in bars.text) == 80
    assert bars.y[0] == 9.0
    assert bars.y[-1] == 1.0
    assert bars.customdata[-1][1] == -1.0
    same = similarity_bounds(np.full(5, 0.7))
    assert len(error_by_similarity(np.full(5, 0.7), np.ones(5), LIGHT, refined=True,
                                   bounds=same).data[0].x) == 1  # fmt: skip


def test_boxes_take_clicks_by_region_and_fade_if_not_chosen() -> None:
    rows = pd.DataFrame({"true_region": ["2", "1", "1"], "raw": [4.0, 2.0, 3.0],
                         "refined": [3.0, 1.0, 2.0]})  # fmt: skip
    figure = error_by_region(
        rows, "raw", "refined", "m", LIGHT, names={"1": "Gate", "2": "Lake"}, chosen=("1",)
    )
    targets = figure.data[-1]
    assert [list(one) for one in targets.customdata] == [["1"], ["2"]]
    assert list(targets.x) == ["Gate", "Lake"]
    assert "2 photos" in targets.text[0]
    assert {trace.opacity for trace in figure.data[:-1]} == {1.0, FAINT}
    assert list(figure.layout.xaxis.categoryarray) == ["Gate", "Lake"]


def test_marks_of_the_cumulative_curve_hold_an_error_and_the_next() -> None:
    rows = pd.DataFrame({"error_m": [9.0, 4.0], "error_refined_m": [3.0, 0.0]})
    figure = position_error_cdf(rows, LIGHT, every=rows, chosen=(0.0, 2.0))
    marks = figure.data[-1]
    assert [list(one) for one in marks.customdata] == [[0.0, 3.0], [3.0, -1.0]]
    assert list(marks.x) == [0.1, 3.0]
    assert sum("all photos" in (trace.name or "") for trace in figure.data) == 2
    assert position_error_cdf(rows.iloc[:0], LIGHT).data[-1].x.size == 0


@pytest.mark.parametrize("chosen", [(), ("b",)])
def test_predicted_positions_stand_against_labelled_ones(chosen: tuple[str, ...]) -> None:
    figure = predicted_against_actual(
        [0.0, 10.0], [1.0, 8.0], ["a", "b"], ["a: 1 m", "b: 2 m"], "east", LIGHT, refined=True,
        chosen=chosen,
    )  # fmt: skip
    line, dots = figure.data
    assert list(line.x) == list(line.y) == [0.0, 10.0]
    assert [one[0] for one in dots.customdata] == ["a", "b"]
    assert list(dots.marker.opacity) == ([0.15, 0.7] if chosen else [0.7, 0.7])
