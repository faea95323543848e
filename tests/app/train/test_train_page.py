from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.train import train_form
from core.training.schema import TrainConfig
from tests.app.page_text import said
from tests.app.run_folders import write_run

OpenPage = Callable[..., AppTest]


def button(app: AppTest, words: str) -> Button:
    return next(one for one in app.button if words in one.label)


def test_the_form_shows_the_command_that_does_the_same(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "train")
    app.number_input(key="train_stage2_epochs").set_value(3)
    app.selectbox(key="train_split_protocol").set_value("random")
    button(app, "Check and show").click()
    app.run()
    assert not app.exception
    assert app.code[0].value == (
        f"python -m core train {full_workspace}/data/tiny --run {full_workspace}/runs/tiny-1 "
        "--split random --backbone resnet10t --input-size 112 --weights random --epochs 3"
    )


@pytest.fixture
def started(workspace_copy: Path, monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """Options of the runs that the page starts; none of them really begins."""
    begun: list[TrainConfig] = []

    def enqueue(config: TrainConfig, on: str) -> Path:
        begun.append(config)
        return write_run(workspace_copy, "tiny-1", "running").path

    monkeypatch.setattr(train_form, "enqueue", enqueue)
    return begun


def test_the_form_starts_a_run_and_watches_it(
    workspace_copy: Path, open_page: OpenPage, started: list[TrainConfig]
) -> None:
    app = open_page(workspace_copy, "train")
    button(app, "Start training").click()
    app.run()
    assert not app.exception
    assert [config.run for config in started] == [workspace_copy / "runs" / "tiny-1"]
    assert started[0].dataset == workspace_copy / "data" / "tiny"
    assert app.selectbox(key="train_watched").value == "runs/tiny-1"
    assert app.text_input(key="train_run").value == "runs/tiny-2", "the taken name is not offered"


def test_a_first_answer_without_training_is_queued_like_any_run(
    workspace_copy: Path, open_page: OpenPage, started: list[TrainConfig]
) -> None:
    app = open_page(workspace_copy, "train")
    button(app, "First answer without training").click()
    app.run()
    assert "needs a trained backbone" in app.error[0].value, "the form begins with random weights"
    assert started == []
    app.selectbox(key="train_model_weights").set_value("pretrained")
    button(app, "First answer without training").click()
    app.run()
    assert not app.exception
    assert [(config.zero_training, config.planned_epochs) for config in started] == [(True, 0)]
    assert app.selectbox(key="train_watched").value == "runs/tiny-1"


def test_a_wrong_option_is_refused_beside_its_field(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_form, "enqueue", lambda *_, **__: pytest.fail("it must not start"))
    app = open_page(full_workspace, "train")
    app.number_input(key="train_split_fold").set_value(9)
    button(app, "Start training").click()
    app.run()
    assert not app.exception
    assert "fold 9 does not exist" in app.error[0].value


def test_an_active_run_shows_progress_and_is_cancelled_after_a_question(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    run = write_run(workspace_copy, "mine", "running")
    app = open_page(workspace_copy, "train")
    assert not app.exception
    assert "Running" in said(app)
    text = app.get("progress")[0].proto.text
    assert "epoch 3 of 3, step 4 of 10, about 1 min left" in text
    assert len(app.get("plotly_chart")) == 4
    assert "log of mine" in said(app)
    button(app, "Yes, cancel it").click().run()
    assert not app.exception
    assert run.stop_requested
    assert "Cancelling" in said(app)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", "--batch-size 16 in place"),
        ("LabelError: labels.csv lacks longitude", "labels.csv lacks longitude"),
        ("LocalEntryNotFoundError: cannot reach huggingface.co", "path of a local weights file"),
    ],
)
def test_a_failed_run_says_why_in_plain_words(
    workspace_copy: Path, open_page: OpenPage, message: str, cause: str
) -> None:
    run = write_run(workspace_copy, "mine")
    status = run.status()
    assert status is not None
    run.write_status(status.model_copy(update={"state": "failed", "message": message}))
    app = open_page(workspace_copy, "train")
    assert not app.exception
    assert cause in app.error[0].value
    assert button(app, "Resume")
    assert "log of mine" in said(app)


def test_a_damaged_run_is_named_on_both_pages(workspace_copy: Path, open_page: OpenPage) -> None:
    run = write_run(workspace_copy, "mine")
    (run.path / "status.json").write_text("{", encoding="utf-8")
    for page in ("train", "runs"):
        app = open_page(workspace_copy, page)
        assert not app.exception
        assert "status.json" in app.error[0].value
