from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.train import train_form
from core.training.presets import with_preset
from core.training.samples import PhotoAnswer, append_sample
from core.training.schema import TrainConfig
from tests.app.page_text import said
from tests.app.run_folders import event, write_run

OpenPage = Callable[..., AppTest]


def button(app: AppTest, words: str) -> Button:
    return next(one for one in app.button if words in one.label)


def test_the_dialog_shows_the_command_that_does_the_same(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "train")
    app.radio(key="train_preset_sidebar").set_value("balanced").run()
    app.button(key="train_options_sidebar").click().run()
    app.number_input(key="train_stage2_epochs").set_value(3)
    app.selectbox(key="train_split_protocol").set_value("random").run()
    button(app, "Show the command").click().run()
    assert not app.exception
    assert app.code[0].value == (
        f"python -m core train {full_workspace}/data/tiny --run {full_workspace}/runs/tiny-1 "
        "--split random --backbone tf_efficientnet_lite0 --input-size 160 "
        "--retrieval-backbone tf_efficientnet_lite0 --retrieval-input-size 320 --epochs 3"
    )


@pytest.fixture
def started(workspace_copy: Path, monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """Options of the runs that the page starts; none of them really begins."""
    begun: list[TrainConfig] = []

    def enqueue(config: TrainConfig, on: str, origin: Path | None) -> Path:
        assert origin is None
        begun.append(config)
        return write_run(workspace_copy, "tiny-1", "running").path

    monkeypatch.setattr(train_form, "enqueue", enqueue)
    return begun


@pytest.mark.parametrize("where", ["sidebar", "page"])
def test_the_start_button_starts_a_run_and_watches_it(
    workspace_copy: Path, open_page: OpenPage, started: list[TrainConfig], where: str
) -> None:
    app = open_page(workspace_copy, "train")
    assert app.radio(key="train_preset_page").value == "quick", "48 photos are few"
    app.radio(key="train_preset_sidebar").set_value("balanced").run()
    app.button(key=f"train_start_{where}").click().run()
    assert not app.exception
    assert [config.run for config in started] == [workspace_copy / "runs" / "tiny-1"]
    assert (started[0].dataset, started[0].preset) == (workspace_copy / "data/tiny", "balanced")
    assert app.selectbox(key="train_watched").value == "runs/tiny-1"
    app.button(key="train_options_sidebar").click().run()
    assert app.text_input(key="train_run").value == "runs/tiny-2", "the taken name is not offered"


def test_a_quick_look_trains_nothing(
    workspace_copy: Path, open_page: OpenPage, started: list[TrainConfig]
) -> None:
    app = open_page(workspace_copy, "train")
    app.button(key="train_start_page").click().run()
    assert not app.exception
    assert [(config.zero_training, config.preset) for config in started] == [(True, "quick")]


def test_a_failed_start_says_why_beside_the_button_without_flags(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    (workspace_copy / "runs" / "taken").mkdir(parents=True)
    (workspace_copy / "runs" / "taken" / "file").touch()
    app = open_page(workspace_copy, "train")
    app.session_state["train_run"] = "runs/taken"
    app.run()
    app.button(key="train_start_sidebar").click().run()
    assert not app.exception
    [error] = app.sidebar.error
    assert error.value.startswith("Not started\\: run folder runs/taken is not empty")
    assert "choose another run folder" in error.value
    assert "--" not in error.value


def test_no_run_is_offered_for_a_data_set_that_cannot_be_read(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    [dataset] = (workspace_copy / "data").iterdir()
    (dataset / "labels.csv").write_text("colour,size\nred,3\n")
    app = open_page(workspace_copy, "train").run()
    assert not app.exception
    assert [button.label for button in app.sidebar.button if "train" in str(button.key)] == []
    assert "labels.csv" in app.sidebar.error[0].value


def test_a_wrong_option_is_refused_at_the_button_and_beside_its_field(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_form, "enqueue", lambda *_, **__: pytest.fail("it must not start"))
    app = open_page(full_workspace, "train")
    app.button(key="train_options_sidebar").click().run()
    app.text_input(key="train_refine").set_value("no JSON").run()
    assert "Refine must be a JSON object" in app.error[0].value
    app.button(key="train_start_sidebar").click().run()
    assert "Not started. Refine must be a JSON object" in app.sidebar.error[0].value
    app.text_input(key="train_refine").set_value("").run()
    app.number_input(key="train_split_fold").set_value(9).run()
    app.button(key="train_start_sidebar").click().run()
    assert not app.exception
    assert "fold 9 does not exist" in app.sidebar.error[0].value


def test_the_panel_says_how_long_a_run_takes_once_one_was_measured(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    app = open_page(workspace_copy, "train")
    assert "Its time is known once such a run has finished" in said(app)
    options = with_preset({"preset": "balanced"}, 48, gpu=False)
    run = write_run(workspace_copy, "mine", "finished", **options)
    parts = {"train": ["a"] * 40, "val": ["b"] * 8}
    run.write_json("split.json", {"hash": "abcdef0123456789", "parts": parts})
    run.append_event(event(3, "heads"))
    status = run.status()
    assert status is not None
    # 10 minutes beside three epochs of 2 s.
    begun = {"process_start": status.heartbeat - 606.0}
    run.write_status(status.model_copy(update=begun))
    app = open_page(workspace_copy, "train")
    assert not app.exception
    captions = app.radio(key="train_preset_sidebar").proto.captions
    # 2 epochs of stage 1 and 20 of stage 2.
    assert list(captions) == ["time unknown", "about 11 min", "time unknown"]
    app.radio(key="train_preset_sidebar").set_value("balanced").run()
    assert "Its time is known" not in said(app)


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
        ("RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", "Try batch size 16 in place"),
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


def test_validation_photos_are_shown_epoch_by_epoch(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    run = write_run(workspace_copy, "first").path
    names = sorted(
        f"images/{path.name}" for path in (workspace_copy / "data/tiny/images").iterdir()
    )
    for epoch, north_m in ((1, 30.0), (2, 8.0)):
        answer = PhotoAnswer(
            f"images/{names[0]}", (0.0, 0.0), 350.0, "1", (north_m, 6.0), 10.0, "2"
        )
        gone = PhotoAnswer("images/gone.jpg", None, None, None, None, None, None)
        append_sample(run, epoch, [answer, gone])
    app = open_page(workspace_copy, "train")
    assert not app.exception
    slider = app.slider(key="watch_epoch_first")
    assert slider.value == 2
    assert "10.0 m off, heading 20.0° off" in said(app)
    assert "Photo not found." in said(app)
    slider.set_value(1).run()
    assert "30.6 m off" in said(app)
    append_sample(run, 3, [answer, gone])
    assert app.run().slider(key="watch_epoch_first").value == 1, "where the reader left it"
    app.slider(key="watch_epoch_first").set_value(3).run()
    append_sample(run, 4, [answer, gone])
    assert app.run().slider(key="watch_epoch_first").value == 4, "follows the run"
    (run / "samples.jsonl").write_text('{"epoch": 1}\n', encoding="utf-8")
    app = open_page(workspace_copy, "train")
    assert not app.exception
    assert "epoch by epoch" not in said(app)
