"""The queue on the Train page, over folders that nothing computes in."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import layout, server_start
from app.train import queue_view, train_form, watch
from core.crossval.folder import enqueue_crossval
from core.crossval.schema import CrossvalConfig
from core.jobs.job import read_job
from core.jobs.queue import cancel, enqueue, queue_of
from core.jobs.state import run_state
from core.training.run_folder import RunFolder, own_status
from core.training.schema import TrainConfig
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]
Place = tuple[Path, list[Path]]


@pytest.fixture
def place(workspace_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A workspace, and the folders of runs for which somebody asked for a runner; none starts."""
    asked: list[Path] = []
    for module in (layout, server_start, queue_view, watch, train_form):
        monkeypatch.setattr(module, "ensure_runner", asked.append)
    return workspace_copy, asked


def config(root: Path, name: str, **options: object) -> TrainConfig:
    paths = {"dataset": root / "data" / "tiny", "run": root / "runs" / name}
    return TrainConfig.model_validate(paths | options)


def queued(root: Path, *names: str) -> None:
    for name in names:
        enqueue(config(root, name))


def order(root: Path) -> list[str]:
    return [each.name for each in queue_of(root / "runs")]


def epochs(run: RunFolder, count: int, seconds: float) -> None:
    figures = {"loss": 1.0, "region_accuracy": 0.5, "median_m": 42.0, "maae_deg": 9.0}
    for epoch in range(1, count + 1):
        run.append_event(
            {"stage": "fine-tune", "epoch": epoch, "epochs": 20, "seconds": seconds, "best": True,
             "train": {"total": 1.0}, "validation": figures | {"mean_m": 50.0, "score": 1.0}}
        )  # fmt: skip


def test_jobs_that_wait_are_moved_and_taken_out_by_their_buttons(
    place: Place, open_page: OpenPage
) -> None:
    root, asked = place
    queued(root, "one", "two", "three")
    app = open_page(root, "train")
    assert not app.exception
    assert app.main.subheader[0].value == "Queue: 3 waiting"
    assert asked, "whoever opens the page lets the queue go on"
    assert app.button(key="queue_up_one").disabled
    assert app.button(key="queue_down_three").disabled
    app.button(key="queue_down_one").click().run()
    assert order(root) == ["two", "one", "three"]
    app.button(key="queue_up_three").click().run()
    assert order(root) == ["two", "three", "one"]
    app.button(key="queue_cancel_two").click().run()
    assert not app.exception
    assert order(root) == ["three", "one"]
    assert run_state(root / "runs" / "two").state == "cancelled"
    assert "Queue: 2 waiting" in [line.value for line in app.sidebar.caption]


def test_a_cancelled_job_is_resumed_or_begun_anew_with_changes(
    place: Place, open_page: OpenPage
) -> None:
    root, _ = place
    enqueue(config(root, "one", batch_size=24))
    cancel(root / "runs" / "one")
    app = open_page(root, "train")
    app.button(key="queue_retry_one").click().run()
    assert not app.exception
    app.button(key="train_options_page").click().run()
    assert app.selectbox(key="train_batch_size").value == "24"
    assert app.text_input(key="train_run").value == "runs/one-2"
    app.button(key="queue_resume_one").click().run()
    assert not app.exception
    assert order(root) == ["one"]


def test_a_failed_job_says_why_and_shows_the_end_of_its_log(
    place: Place, open_page: OpenPage
) -> None:
    root, _ = place
    queued(root, "one")
    run = RunFolder(path=root / "runs" / "one")
    job = read_job(run.path)
    assert job is not None
    job.model_copy(update={"state": "started"}).write(run.path)
    run.log("the last words")
    message = "RuntimeError: CUDA out of memory"
    run.write_status(own_status("failed").model_copy(update={"message": message}))
    app = open_page(root, "train")
    (why,) = [item for item in app.expander if item.label.startswith("Cause")]
    assert "--batch-size 16 in place of 32" in why.label
    assert "the last words" in why.code[0].value


def test_a_job_that_waits_says_how_long_it_takes_only_where_its_like_was_measured(
    place: Place, open_page: OpenPage
) -> None:
    root, _ = place
    queued(root, "like", "unlike")
    enqueue(config(root, "other", model={"backbone": "resnet34"}, stage1={"epochs": 0}))
    done = config(root, "done", stage1={"epochs": 0})
    run = RunFolder(path=done.run)
    run.path.mkdir(parents=True)
    run.write_config(done)
    epochs(run, 2, 60.0)
    for name, changes in (("like", {"stage1": {"epochs": 0}}), ("unlike", {"batch_size": 8})):
        cancel(root / "runs" / name)
        (root / "runs" / name / "job.json").unlink()
        enqueue(config(root, name, **changes))
    text = said(open_page(root, "train"))
    row = {name: next(part for part in text.split("\n") if f"**{name}**" in part)
           for name in ("like", "unlike", "other")}  # fmt: skip
    assert row["like"].endswith("takes about 20 min")
    assert "takes" not in row["unlike"]
    assert "takes" not in row["other"]


def test_a_second_run_waits_and_the_watched_one_stays(place: Place, open_page: OpenPage) -> None:
    root, _ = place
    queued(root, "first")
    app = open_page(root, "train")
    for name in ("second", "third"):
        app.session_state["train_run"] = name
        app.button(key="train_start_page").click().run()
        assert not app.exception
    assert order(root) == ["first", "second", "third"]
    assert "waits in the queue: 2 before it" in app.toast[0].value
    assert app.session_state["train_run"] == "runs/third-2"


def test_nobody_says_how_long_a_run_without_epochs_takes(place: Place, open_page: OpenPage) -> None:
    root, _ = place
    enqueue(config(root, "one", zero_training=True))
    app = open_page(root, "train")
    assert "no training" in said(app)
    assert "takes" not in said(app)


def test_a_run_folder_outside_the_queue_is_refused(place: Place, open_page: OpenPage) -> None:
    root, _ = place
    app = open_page(root, "train")
    app.session_state["train_run"] = "elsewhere/deep/run"
    app.button(key="train_start_page").click().run()
    assert "is outside the queue" in app.error[0].value
    assert order(root) == []


def test_a_cross_validation_is_queued_with_the_same_options(
    place: Place, open_page: OpenPage
) -> None:
    root, _ = place
    app = open_page(root, "train")
    app.button(key="train_options_page").click().run()
    app.selectbox(key="train_split_protocol").set_value("random")
    app.number_input(key="train_split_folds").set_value(3)
    app.button(key="train_dialog_Cross-validate").click().run()
    assert not app.exception
    (job,) = queue_of(root / "runs")
    assert (job.name, job.job.kind) == ("tiny-1", "crossval")
    assert "cross-validation, 3 folds of tf_efficientnet_lite0" in said(app)
    assert not [box for box in app.text_input if box.key == "train_search"], "the dialog closes"


def test_a_fold_makes_no_cross_validation(place: Place, open_page: OpenPage) -> None:
    root, _ = place
    app = open_page(root, "train")
    app.button(key="train_options_page").click().run()
    app.number_input(key="train_split_fold").set_value(1)
    app.button(key="train_dialog_Cross-validate").click().run()
    assert not app.exception
    assert "split.fold must stay empty" in app.error[0].value
    assert order(root) == []


def test_the_folds_that_are_left_decide_how_long_a_cross_validation_takes(
    place: Place, open_page: OpenPage
) -> None:
    root, _ = place
    options = config(root, "cv", stage1={"epochs": 0}, split={"protocol": "random", "folds": 4})
    folder = enqueue_crossval(CrossvalConfig.model_validate(options.model_dump()))
    job = RunFolder(path=folder)
    job.write_status(own_status().model_copy(update={"stage": "fold 2 of 4", "step": 1,
                                                     "steps": 4}))  # fmt: skip
    first = RunFolder(path=folder / "fold-0")
    first.path.mkdir()
    # It ended early: what is left of its epochs will never be trained.
    epochs(first, 12, 30.0)
    first.write_status(own_status("finished"))
    app = open_page(root, "train")
    assert not app.exception
    bar = app.get("progress")[0].proto
    assert bar.text == "Fold 2 of 4, about 30 min left"
    assert bar.value == 25


def on_address(root: Path, open_page: OpenPage, address: str) -> AppTest:
    """The Train page after an address was typed and a run was started."""
    app = open_page(root, "home")
    app.session_state["train_on"] = address
    app.switch_page("../pages/train.py").run()
    next(one for one in app.button if one.label == "Start training").click()
    return app.run()


def test_a_wrong_address_of_a_cluster_is_refused_beside_it(
    place: Place, open_page: OpenPage
) -> None:
    app = on_address(place[0], open_page, "nowhere")
    assert not app.exception
    assert "not the address of a Ray cluster" in app.error[0].value
    assert order(place[0]) == []


def test_a_run_is_sent_to_the_cluster_that_was_named(place: Place, open_page: OpenPage) -> None:
    app = on_address(place[0], open_page, "http://head")
    assert not app.exception
    (job,) = queue_of(place[0] / "runs")
    assert job.job.on == "http://head:8265"
    assert "http://head:8265" in said(app)
