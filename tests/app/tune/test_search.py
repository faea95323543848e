"""The Tune page over a study that was searched without training, and its figures."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.tune.tune_form import as_text, read_space
from core.errors import ConfigError
from core.jobs.job import read_job
from core.tuning.results import read_study
from core.tuning.schema import TuneConfig
from core.tuning.space import DEFAULT_SPACE
from tests.app.searched import searched

OpenPage = Callable[..., AppTest]


@pytest.fixture
def opened(workspace_copy: Path, open_page: OpenPage) -> AppTest:
    searched(workspace_copy, workspace_copy / "data" / "tiny")
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
    # The page's own, and that of the line about the queue in the sidebar.
    for module in ("app.tune.search", "app.layout"):
        monkeypatch.setattr(f"{module}.ensure_runner", lambda root: None)
    app = open_page(workspace_copy, "tune")
    app.button(key="tune_options_page").click().run()
    app.text_area[0].set_value("stage2.lr_heads = 1e-4..1e-2 log").run()
    app = app.button(key="tune_dialog_Start the search").click().run()
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


@pytest.mark.parametrize("page", ["tune", "train"])
def test_only_figures_that_the_labels_allow_can_be_optimised(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    def offered(app: AppTest) -> list[str]:
        assert not app.exception
        [box] = [one for one in app.selectbox if one.key == f"{page}_monitor"]
        return list(box.options)

    figures = ["score", "loss", "region_accuracy", "median_m", "maae_deg"]
    app = open_page(workspace_copy, page)
    app.button(key=f"{page}_options_sidebar").click().run()
    assert offered(app) == figures
    next(one for one in app.selectbox if one.key == f"{page}_monitor").set_value("maae_deg")
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    pd.read_csv(labels, dtype=str).drop(columns="angle").to_csv(labels, index=False)
    app = app.run()
    assert offered(app) == figures[:-1]
    # What was chosen before is not kept.
    assert next(one for one in app.selectbox if one.key == f"{page}_monitor").value == "score"


def test_a_wrong_line_of_the_space_is_named(workspace_copy: Path, open_page: OpenPage) -> None:
    app = open_page(workspace_copy, "tune")
    app.button(key="tune_options_page").click().run()
    app.text_area[0].set_value("# rates\nstage2.lr_heads = 1..0").run()
    assert not app.exception
    assert "Line 2" in app.error[0].value
    assert "low must be less than high" in app.error[0].value
    app.button(key="tune_start_sidebar").click().run()
    assert "Line 2" in app.sidebar.error[0].value, "nothing is started with the line"
    assert not (workspace_copy / "runs").exists()


def test_a_space_survives_being_written_as_text() -> None:
    assert read_space(as_text(DEFAULT_SPACE)) == DEFAULT_SPACE
    with pytest.raises(ConfigError, match=r"Line 1 .*OPTION = VALUES"):
        read_space("stage2.lr_heads")
