"""The form of a training run: which options stand first, and what a newcomer's machine can do."""

import re
from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from app import controls
from app.forms import FormAnswer, FormPlan, config_form, fill
from app.workspace import Workspace
from core.cli.flags import typed
from core.cli.train import SHORT
from core.errors import ConfigError, RunError
from core.options import in_words
from core.project import PROJECT
from core.training.schema import TrainConfig

START, FOLDS, CHECK = "Start training", "Cross-validate", "Check and show the command"
INSTANT = "First answer without training"
FIRST = (
    ("run",),
    ("model", "backbone"),
    ("model", "weights"),
    ("model", "input_size"),
    ("stage2", "epochs"),
    ("batch_size",),
    ("split", "protocol"),
    ("device",),
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
_TAKEN, _BEGUN = "train_folder_taken", "train_begun_with"
# The data set stands in the sidebar, and no training has a button of its own.
HIDDEN = (("dataset",), ("command",), ("zero_training",))


def ask(place: Workspace, dataset: Path) -> FormAnswer[TrainConfig] | None:
    """Draw the form; return the options once a button was pressed and all of them are valid."""
    begun: TrainConfig | None = st.session_state.pop(_BEGUN, None)
    if begun is not None:
        st.session_state[_TAKEN] = begun.run
    plan = _plan(place, dataset)
    if begun is not None:
        fill(TrainConfig, plan, begun)
    if _TAKEN in st.session_state:
        another = _another(place, st.session_state.pop(_TAKEN), dataset)
        st.session_state["train_run"] = place.label(another)
    answer = config_form(TrainConfig, plan)
    if answer is None:
        return None
    run = _in_queue(place, answer.config.run.expanduser())
    return FormAnswer(answer.config.model_copy(update={"run": run}), answer.button)


def untrained(config: TrainConfig) -> TrainConfig:
    """The same options with nothing trained.

    Raises:
        ConfigError: The backbone would be a random one, whose features say nothing.
    """
    try:
        return TrainConfig.model_validate(config.model_dump() | {"zero_training": True})
    except ValidationError as error:
        raise ConfigError(in_words(error)) from error


def prefill(config: TrainConfig) -> None:
    """Let the form show the options of an earlier run next time, and a run folder that is free."""
    st.session_state[_BEGUN] = config
    controls.hand_over_dataset(config.dataset)


def propose_another_folder(taken: Path) -> None:
    """Let the form offer a free folder next time, named like the one that was just taken."""
    st.session_state[_TAKEN] = taken


def free_run(place: Workspace, dataset: Path) -> Path:
    """Return the first of `runs/NAME-1`, `runs/NAME-2` ... that is not there yet."""
    return _free(place.runs, dataset.name, 1)


def _in_queue(place: Workspace, run: Path) -> Path:
    """The folder of a run as the reader named it: `runs/first`, or `first` alone."""
    folder = (place.runs if run.parent == Path() else place.root) / run
    if folder.parent != place.runs:
        raise RunError(
            f"the run folder {run} lies elsewhere than the queue: give a name such as "
            f"{place.label(place.runs / 'first')}"
        )
    return folder


def _plan(place: Workspace, dataset: Path) -> FormPlan:
    return FormPlan(
        key="train",
        first=FIRST,
        buttons=(START, INSTANT, FOLDS, CHECK),
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


def _another(place: Workspace, run: Path, dataset: Path) -> Path:
    """A free folder named like `run`; one that lies elsewhere, as in a study, lends no name."""
    match = re.fullmatch(r"(.+?)(?:-(\d+))?", run.name)
    if match is None or run.parent != place.runs:
        return free_run(place, dataset)
    return _free(place.runs, match[1], int(match[2] or 1) + 1)


def _free(parent: Path, stem: str, number: int) -> Path:
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


def command(config: TrainConfig) -> str:
    """Return the command that does the same, typed in the project's folder."""
    near = {name: _near(getattr(config, name)) for name in ("dataset", "run")}
    return typed("train", config.model_copy(update=near), SHORT)


def _near(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
