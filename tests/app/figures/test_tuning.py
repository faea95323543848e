from pathlib import Path

import pytest

from app.figures import tuning as figures
from app.theme import DARK, LIGHT, Palette
from core.tuning.results import StudyView, read_study
from tests.app.searched import SPACE, searched


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory, shared_campus: Path) -> StudyView:
    return read_study(searched(tmp_path_factory.mktemp("study"), shared_campus))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_history_marks_states_and_the_best_so_far(view: StudyView, palette: Palette) -> None:
    figure = figures.history(view.table(), "score", False, palette)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["finished", "pruned", "best so far"]
    assert list(traces["pruned"].x) == [1]
    assert list(traces["best so far"].x) == [0, 3, 4, 5, 6, 7]
    best = list(traces["best so far"].y)
    assert best == sorted(best, reverse=True)
    upwards = figures.history(view.table(), "score", True, palette)
    assert set(upwards.data[-1].y) == {0.9}
    assert figure.layout.yaxis.title.text == "score"


def test_importances_stand_in_order() -> None:
    bar = figures.importances({"a": 0.1, "b": 0.7, "c": 0.2}, LIGHT).data[0]
    assert list(bar.y) == ["a", "c", "b"]
    assert list(bar.text) == ["10 %", "20 %", "70 %"]


def test_parallel_axes_are_logs_steps_and_numbers(view: StudyView) -> None:
    figure = figures.parallel(view.table(), "score", SPACE, list(SPACE), False, LIGHT)
    rate, dropout, crop, kind, score = figure.data[0].dimensions
    assert list(rate.ticktext) == ["0.0001", "0.001", "0.01"]
    assert list(rate.range) == pytest.approx([-4.0, -2.0])
    assert all(-4.0 <= value <= -2.0 for value in rate.values)
    assert list(dropout.range) == [0.0, 0.5]
    assert list(crop.ticktext) == ["[0.8, 1.0]", "[0.6, 1.0]"]
    assert set(kind.values) <= {0, 1}
    assert len(score.values) == 6, "only finished trials are drawn"
    assert figure.data[0].line.reversescale, "the least score is the good end"
