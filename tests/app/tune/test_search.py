"""The Tune page over a study that was searched without training, and its figures."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.tune.tune_form import as_text, read_space
from core.errors import ConfigError
from core.jobs.job import read_job
from core.model.schema import ModelConfig
from core.training.schema import TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.results import read_study
from core.tuning.sampling import draw, frozen
from core.tuning.schema import TuneConfig
from core.tuning.space import DEFAULT_SPACE, Distribution
from core.tuning.trials import Trial, read_trials, write_trial

OpenPage = Callable[..., AppTest]


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


@pytest.fixture
def opened(workspace_copy: Path, open_page: OpenPage) -> AppTest:
    _searched(workspace_copy, workspace_copy / "data" / "tiny")
    return open_page(workspace_copy, "tune")


def test_the_page_shows_the_search(opened: AppTest) -> None:
    assert not opened.exception
    assert not [error for error in opened.error if "tune-1" not in error.value]
    shown = {metric.label: metric.value for metric in opened.metric}
    assert shown["Best score, validation"] == "0.55"
    assert (shown["Best trial"], shown["Pruned"], shown["Failed"]) == ("7", "1", "1")
    assert len(opened.get("plotly_chart")) == 3
    table = opened.dataframe[0].value
    assert table["trial"].tolist()[0] == 7
    assert "CUDA out of memory" in table[table["trial"] == 2]["reason"].item()


def test_one_click_hands_the_best_options_to_the_train_page(
    opened: AppTest, workspace_copy: Path
) -> None:
    best = read_study(workspace_copy / "runs" / "tune-1").best
    assert best is not None
    button = next(each for each in opened.button if each.label == "Train with the best options")
    app = button.click().run()
    app = app.switch_page("../pages/train.py").run()
    assert not app.exception
    held = app.session_state
    assert held["train_stage2_lr_heads"] == pytest.approx(best.values["stage2.lr_heads"])
    assert held["train_schedule_kind"] == best.values["schedule.kind"]
    assert held["train_model_backbone"] == "test_resnet"


def test_a_search_is_put_into_the_queue(
    workspace_copy: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tune.search.ensure_runner", lambda root: None)
    app = open_page(workspace_copy, "tune")
    app.text_area[0].set_value("stage2.lr_heads = 1e-4..1e-2 log").run()
    button = next(each for each in app.button if each.label == "Start the search")
    app = button.click().run()
    assert not app.exception
    assert not app.error, app.error[0].value
    folder = workspace_copy / "runs" / "tune-1"
    job = read_job(folder)
    assert job is not None
    assert (job.kind, job.arguments, job.again[:1]) == ("tune", ("tune",), ("tune",))
    config = TuneConfig.model_validate(job.options)
    assert list(config.space) == ["stage2.lr_heads"]
    assert config.train.dataset == workspace_copy / "data" / "tiny"
    assert config.study == folder
    assert any("Queued" in info.value for info in app.info)


def test_a_wrong_line_of_the_space_is_named(workspace_copy: Path, open_page: OpenPage) -> None:
    app = open_page(workspace_copy, "tune")
    app.text_area[0].set_value("# rates\nstage2.lr_heads = 1..0").run()
    assert not app.exception
    assert "Line 2" in app.error[0].value
    assert "low must be less than high" in app.error[0].value


def test_a_space_survives_being_written_as_text() -> None:
    assert read_space(as_text(DEFAULT_SPACE)) == DEFAULT_SPACE
    with pytest.raises(ConfigError, match=r"Line 1 .*OPTION = VALUES"):
        read_space("stage2.lr_heads")
