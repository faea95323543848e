import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.train import train_form
from core.model.card import read_card, write_card
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


def test_a_checkpoint_without_a_report_is_offered_one_and_gets_it(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    folder = workspace_copy / "checkpoints" / "tiny"
    (folder / "report" / "report.json").unlink()
    app = open_page(workspace_copy, "evaluate")
    assert "not been evaluated" in app.info[0].value
    assert "python -m core evaluate checkpoints/tiny data/tiny --part test" in said(app)
    button(app, "Evaluate now").click().run()
    assert not app.exception
    assert not app.error
    report = json.loads((folder / "reports" / "tiny-test" / "report.json").read_text())
    shown = {metric.label: metric for metric in app.metric}
    raw, refined = (report["position"][name]["median_m"] for name in ("raw", "refined"))
    assert shown["Median error, refined"].value == f"{refined:.1f} m"
    low, high = report["intervals"]["refined"]["median_m"]
    beside = f"{low:.1f} to {high:.1f} · {raw:.1f} m raw"
    assert shown["Median error, refined"].delta == beside
    assert "of a training photo; the others are too few" in said(app)
    assert "No label of these photos is suspect according to the label checks." in said(app)
    assert shown["Training photo within 5 m"].value == f"{report['leak']['within_5m']:.0%}"


def test_the_overview_marks_who_was_told_the_truth(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "evaluate")
    table = app.dataframe[1].value.set_index("name")
    assert table.loc["middle of the true region", "given"] == "a part of the truth"
    assert table.loc["true region and time of day, no pixels", "given"] == "a part of the truth"
    assert table.loc["model", "given"] == "nothing"


@pytest.mark.parametrize(
    ("section", "charts"), [("Regions", 1), ("Positions", 2), ("Headings", 3), ("Files", 0)]
)
def test_sections_of_evaluate(
    full_workspace: Path, open_page: OpenPage, section: str, charts: int
) -> None:
    app = open_page(full_workspace, "evaluate", evaluate_section=section)
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == charts
    assert len(app.get("download_button")) == (4 if section == "Files" else 0)


def test_explain_says_why_an_untrained_checkpoint_has_no_maps(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    folder = workspace_copy / "checkpoints" / "tiny"
    write_card(folder, read_card(folder).model_copy(update={"trained": False}))
    app = open_page(workspace_copy, "explain")
    assert not app.exception
    assert "was not trained" in said(app)
    assert not [one for one in app.selectbox if one.label == "Explain its"]


def test_a_photo_of_the_data_set_is_explained_and_compared(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "explain")
    app.selectbox(key="explain_target").set_value("heading").run()
    app.toggle(key="explain_compare").set_value(True).run()
    button(app, "Explain with Grad-CAM").click()
    app.run()
    app.number_input(key="explain_1_integrated_gradients_n_steps").set_value(8)
    button(app, "Explain with Integrated gradients").click()
    app.run()
    assert not app.exception
    assert not app.error
    assert "of the unit vector." in said(app)
    assert "Convergence delta" in said(app)
    assert len(app.get("download_button")) == 2
    app.selectbox(key="explain_target").set_value("north_m").run()
    assert "Convergence delta" not in said(app), "a map must not stay beside another target"


def test_an_uploaded_photo_is_explained_and_a_torn_one_refused(
    full_workspace: Path, open_page: OpenPage
) -> None:
    photo = (full_workspace / "data/tiny/images/img_0003.jpg").read_bytes()
    app = open_page(full_workspace, "explain")
    app.file_uploader[0].upload("mine.jpg", photo, "image/jpeg")
    app.run()
    button(app, "Explain with Grad-CAM").click()
    app.run()
    assert not app.exception
    assert len(app.get("download_button")) == 1
    torn = open_page(full_workspace, "explain")
    torn.file_uploader[0].upload("torn.jpg", photo[:300], "image/jpeg")
    torn.run()
    assert not torn.exception
    assert "torn.jpg" in torn.error[0].value
