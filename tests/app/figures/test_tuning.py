from pathlib import Path

import pytest

from app.figures import tuning as figures
from app.theme import DARK, LIGHT, Palette
from core.model.schema import ModelConfig
from core.training.schema import TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.results import StudyView, read_study
from core.tuning.sampling import draw, frozen
from core.tuning.schema import TuneConfig
from core.tuning.space import Distribution
from core.tuning.trials import Trial, read_trials, write_trial

SPACE = {
    "stage2.lr_heads": Distribution(low=1e-4, high=1e-2, log=True),
    "model.region_dropout": Distribution(low=0.0, high=0.5),
    "augment.crop_scale": Distribution(choices=([0.8, 1.0], [0.6, 1.0])),
    "schedule.kind": Distribution(choices=("cosine", "plateau")),
}


def _searched(root: Path, dataset: Path, trials: int = 8) -> Path:
    """A study whose trials were told: one pruned, one failed, the rest better and better."""
    path = root / "runs" / "tune-1"
    model = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    train = TrainConfig(dataset=dataset, run=path, model=model)
    config = TuneConfig(study=path, trials=trials, space=SPACE, train=train)
    folder = StudyFolder.of(config)
    folder.begin(config)
    for number in range(trials):
        known = [frozen(config, trial, {}) for trial in read_trials(path)]
        value = 0.9 - 0.05 * number
        ended: dict[str, object] = {"state": "finished", "value": value}
        if number == 1:
            ended = {"state": "pruned"}
        elif number == 2:
            ended = {"state": "failed", "reason": "RuntimeError: CUDA out of memory"}
        trial = Trial(number=number, values=draw(config, known), epochs=1)
        write_trial(path, trial.model_copy(update=ended))
        run = folder.run(number)
        run.path.mkdir()
        run.append_event({"epoch": 1, "best": True, "validation": {"score": value}})
    return path


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory, shared_campus: Path) -> StudyView:
    return read_study(_searched(tmp_path_factory.mktemp("study"), shared_campus))


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
    assert list(bar.text) == ["10%", "20%", "70%"]


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
