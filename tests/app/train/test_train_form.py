"""The form filled with the options of another run: nothing is lost, and what differs shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.train import train_form
from app.widgets.forms import as_held, read_list
from core.options import nested, options
from core.training.schema import TrainConfig
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]
# One answer of every kind of widget.
CHANGED: dict[tuple[str, ...], Any] = {
    ("seed",): 7,
    ("batch_size",): 24,
    ("model", "backbone"): "a_backbone_of_mine",
    ("model", "weights"): "pretrained",
    ("split", "protocol"): "random",
    ("split", "fold"): 3,
    ("stage1", "epochs"): 4,
    ("stage2", "lr_backbone"): 1.2345678e-5,
    ("stage2", "unfreeze"): None,
    ("farthest_spreads",): 9.0,
    ("clip_norm",): None,
    ("refine",): {"method": "retrieval", "k": 7},
}


def config_of(workspace: Path) -> TrainConfig:
    """Options of an earlier run that differ from what the form begins with."""
    paths = {("dataset",): workspace / "data" / "tiny", ("run",): workspace / "runs" / "mine-3"}
    return TrainConfig.model_validate(nested(paths | CHANGED))


def filled(app: AppTest, config: TrainConfig) -> AppTest:
    """The page after another page said: train with these options."""
    app.session_state["train_preset"] = "balanced"
    app.session_state["train_begun_with"] = config
    return app.run()


def all_options(app: AppTest) -> AppTest:
    """The page with the dialog of all options open."""
    return app.button(key="train_options_sidebar").click().run()


def test_the_options_repeat_an_earlier_run_to_the_last_digit(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr(train_form, "command", lambda config: asked.append(config) or "typed")
    earlier = config_of(full_workspace)
    app = all_options(filled(open_page(full_workspace, "train"), earlier))
    app.button(key="train_dialog_Show the command").click().run()
    assert not app.exception
    assert not app.error
    free = full_workspace / "runs" / "mine-4"
    assert asked == [earlier.model_copy(update={"run": free, "preset": "balanced"})]


def test_groups_and_the_panel_say_which_answers_are_changed(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = all_options(filled(open_page(full_workspace, "train"), config_of(full_workspace)))
    titles = {item.label for item in app.expander}
    assert {
        "Training · 4 changed", "Data and split · 1 changed", "Gallery and refinement · 3 changed",
        "Expert options · 1 changed", "Loss",
    } <= titles  # fmt: skip
    assert "Changed from the preset: seed, split, fold, backbone …." in said(app)
    app.button(key="train_reset").click().run()
    assert not [item.label for item in app.expander if "changed" in item.label]


def test_options_of_a_study_get_a_folder_of_their_own_name(
    full_workspace: Path, open_page: OpenPage
) -> None:
    trial = full_workspace / "runs" / "study" / "trials" / "0007"
    config = config_of(full_workspace).model_copy(update={"run": trial})
    app = all_options(filled(open_page(full_workspace, "train"), config))
    assert app.text_input(key="train_run").value == "runs/tiny-1"


def test_a_preset_moves_the_options_that_nobody_changed(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "train")
    app.radio(key="train_preset_page").set_value("balanced").run()
    app = all_options(app)
    app.selectbox(key="train_batch_size").set_value("auto").run()
    assert app.number_input(key="train_model_input_size").value == 160
    app.radio(key="train_preset_sidebar").set_value("quick").run()
    assert app.number_input(key="train_model_input_size").value == 320
    assert app.checkbox(key="train_zero_training").value
    assert app.selectbox(key="train_batch_size").value == "auto"
    assert app.radio(key="train_preset_page").value == "quick", "both panels show one choice"


def test_one_file_of_weights_is_enough_for_a_preset(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "train")
    app.session_state["train_model_weights"] = "lite0.safetensors"
    app.session_state["train_preset"] = "balanced"
    app = all_options(app.run())
    assert app.text_input(key="train_retrieval_weights").value == "lite0.safetensors"
    assert "Changed from the preset: weights." in said(app)


def test_options_are_found_by_words_of_their_help(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = all_options(open_page(full_workspace, "train"))
    app.text_input(key="train_search").set_value("peak rate transformers").run()
    assert [box.label for box in app.number_input] == ["Learning rate of the backbone"]
    app.text_input(key="train_search").set_value("leave out").run()
    assert any(words.value.startswith("Data and split: ") for words in app.caption)
    assert "leave_out_tags" not in said(app)
    app.text_input(key="train_search").set_value("no such thing").run()
    assert "No option matches" in said(app)


def test_every_default_survives_the_widget_that_holds_it() -> None:
    for item in options(TrainConfig, without=train_form.HIDDEN):
        held = as_held(item, item.default)
        if item.kind == "list":
            assert tuple(read_list(held, item)) == tuple(item.default)
        elif item.default is not None and item.kind not in ("object", "text"):
            # What is held as text is what the command line takes.
            assert held in (item.default, item.text(item.default)), item.path


def test_numbers_are_held_in_full() -> None:
    item = next(item for item in options(TrainConfig) if item.name == "augment.crop_scale")
    assert as_held(item, (0.8, 0.123456789)) == "0.8, 0.123456789"
