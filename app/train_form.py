"""The form of a training run: which options stand first, and what a newcomer's machine can do."""

import shlex
from pathlib import Path

import streamlit as st

from app.forms import FormAnswer, FormPlan, config_form
from app.workspace import PROJECT, Workspace
from core.cli.flags import as_words
from core.cli.train import SHORT
from core.training.schema import TrainConfig

START, CHECK = "Start training", "Check and show the command"
FIRST = (
    ("run",),
    ("model", "backbone"),
    ("model", "weights"),
    ("model", "input_size"),
    ("stage2", "epochs"),
    ("batch_size",),
    ("split", "protocol"),
)
LABELS = {
    ("run",): "Run folder",
    ("stage2", "epochs"): "Epochs",
    ("split", "protocol"): "Split",
}
# Small ones first: a run on two cores must end while its owner still looks.
BACKBONES = (
    "resnet10t",
    "mobilenetv3_small_100",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "resnet34",
    "convnext_atto",
    "vit_tiny_patch16_224",
)
WEIGHTS = ("random", "pretrained")
_TAKEN = "train_folder_taken"
# The refinement is chosen on validation, and the data set stands in the sidebar.
HIDDEN = (("dataset",), ("command",), ("refine",))


def ask(place: Workspace, dataset: Path) -> FormAnswer[TrainConfig] | None:
    """Draw the form; return the options once a button was pressed and all of them are valid."""
    plan = FormPlan(
        key="train",
        first=FIRST,
        buttons=(START, CHECK),
        labels=LABELS,
        start={
            ("dataset",): dataset,
            ("run",): place.label(free_run(place, dataset)),
            ("model", "backbone"): "resnet10t",
            ("model", "weights"): "random",
            ("model", "input_size"): 112,
        },
        suggestions={("model", "backbone"): BACKBONES, ("model", "weights"): WEIGHTS},
        hidden=HIDDEN,
    )
    if st.session_state.pop(_TAKEN, False):
        st.session_state["train_run"] = plan.start[("run",)]
    answer = config_form(TrainConfig, plan)
    if answer is None:
        return None
    run = place.root / answer.config.run.expanduser()
    return FormAnswer(answer.config.model_copy(update={"run": run}), answer.button)


def propose_another_folder() -> None:
    """Let the form offer a free run folder next time: the one that stands there was just taken."""
    st.session_state[_TAKEN] = True


def free_run(place: Workspace, dataset: Path) -> Path:
    """Return the first of `runs/NAME-1`, `runs/NAME-2` ... that is not there yet."""
    number = 1
    while (place.runs / f"{dataset.name}-{number}").exists():
        number += 1
    return place.runs / f"{dataset.name}-{number}"


def command(config: TrainConfig) -> str:
    """Return the command that does the same, typed in the project's folder."""
    near = {name: _near(getattr(config, name)) for name in ("dataset", "run")}
    words = as_words(config.model_copy(update={**near, "command": ""}), SHORT)
    # The command line takes the data set, which comes first, without a flag.
    return "python -m core train " + shlex.join(words[1:])


def _near(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
