"""The form of a new training run, what its buttons do, and which run the Train page watches."""

import re
from functools import partial
from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from app import cache
from app.train import job_page
from app.widgets import messages, pickers
from app.widgets.forms import FormAnswer, FormPlan, config_form, fill
from app.workspace import Workspace, workspace
from core.cli.flags import typed
from core.cli.train import SHORT
from core.crossval.folder import enqueue_crossval
from core.crossval.schema import CrossvalConfig
from core.errors import ConfigError
from core.jobs.devices import fitting, machine_slots, taken_slots
from core.jobs.job import LOCAL
from core.jobs.queue import enqueue, queue_of
from core.jobs.runner import ensure_runner
from core.jobs.state import ACTIVE
from core.options import in_words
from core.project import PROJECT
from core.runs import free_folder
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
    ("retrieval", "backbone"): "Retrieval backbone",
    ("retrieval", "weights"): "Weights of the retrieval backbone",
    ("retrieval", "input_size"): "Input size of the retrieval backbone",
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
_WATCHED, _CHECKED = "train_watched", "train_checked"
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
    run = job_page.queue_folder(place, answer.config.run.expanduser())
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
    pickers.hand_over_dataset(config.dataset)


def propose_another_folder(taken: Path) -> None:
    """Let the form offer a free folder next time, named like the one that was just taken."""
    st.session_state[_TAKEN] = taken


def _plan(place: Workspace, dataset: Path) -> FormPlan:
    return FormPlan(
        key="train",
        first=FIRST,
        buttons=(START, INSTANT, FOLDS, CHECK),
        labels=LABELS,
        start={
            ("dataset",): dataset,
            ("run",): place.label(free_folder(place.runs, dataset.name)),
            ("model", "backbone"): "resnet10t",
            ("model", "weights"): "random",
            ("model", "input_size"): 112,
        },
        suggestions={("model", "backbone"): BACKBONES, ("model", "weights"): WEIGHTS},
        choices={("monitor",): job_page.monitors(dataset)},
        hidden=HIDDEN,
    )


def _another(place: Workspace, run: Path, dataset: Path) -> Path:
    """A free folder named like `run`, or like the data set if `run` is outside the queue."""
    match = re.fullmatch(r"(.+?)(?:-(\d+))?", run.name)
    if match is None or run.parent != place.runs:
        return free_folder(place.runs, dataset.name)
    return free_folder(place.runs, match[1], int(match[2] or 1) + 1)


def command(config: TrainConfig) -> str:
    """Return the command that does the same, typed in the project's folder."""
    near = {name: _near(getattr(config, name)) for name in ("dataset", "run")}
    return typed("train", config.model_copy(update=near), SHORT)


def _near(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path


def launch_from_sidebar(place: Workspace) -> None:
    """Draw the form in the sidebar; queue a run when a button was pressed."""
    job_page.start_from_sidebar(
        place,
        "New run",
        "Trains on {dataset}. Starts immediately if the device is free; otherwise it waits in the "
        "queue.",
        ask,
        partial(_act, place),
    )


def pick_run(place: Workspace) -> Path | None:
    """Let the reader choose which run is watched, at first an active one; None if there is none."""
    runs = cache.runs(place.runs)
    active = next((index for index, run in enumerate(runs) if run.state in ACTIVE), 0)
    if runs:
        st.divider()
    return job_page.pick_job(place, "Run", _WATCHED, [run.path for run in runs], active)


def watch_next(run: Path) -> None:
    """Let the Train page open on this run; for other pages."""
    st.session_state[_WATCHED] = workspace().label(run)


def show_checked() -> None:
    """Show what was just done, and the command of the options that were checked last."""
    messages.show()
    if _CHECKED in st.session_state:
        st.success("These options are valid. The same from the command line:")
        st.code(st.session_state[_CHECKED], language="bash", wrap_lines=True)


def _act(place: Workspace, answer: FormAnswer[TrainConfig], on: str) -> None:
    if answer.button == CHECK:
        st.session_state[_CHECKED] = command(answer.config)
        return
    st.session_state.pop(_CHECKED, None)
    before = _jobs_before(place, answer.config.device, on)
    run = _enqueue(answer, on)
    ensure_runner(run.parent)
    if before:
        messages.later(f"**{run.name}** waits in the queue: {before} before it.")
    else:
        messages.later(f"**{run.name}** is started.")
        if answer.button != FOLDS:
            watch_next(run)
    propose_another_folder(answer.config.run)
    # Everything above was drawn before there was a run.
    st.rerun()


def _enqueue(answer: FormAnswer[TrainConfig], on: str) -> Path:
    if answer.button == START:
        return enqueue(answer.config, on=on)
    if answer.button == INSTANT:
        return enqueue(untrained(answer.config), on=on)
    try:
        folds = CrossvalConfig.model_validate(answer.config.model_dump())
    except ValidationError as error:
        raise ConfigError(in_words(error)) from error
    return enqueue_crossval(folds, on=on)


def _jobs_before(place: Workspace, device: str, on: str) -> int:
    """How many jobs keep a new one from its start; 0 where a fitting device is free."""
    if on != LOCAL or not place.runs.is_dir():
        return 0
    slots = set(fitting(device, machine_slots()))
    waiting = [each for each in queue_of(place.runs) if each.job.is_local]
    rivals = [each for each in waiting if slots & set(fitting(each.job.device, slots))]
    taken = slots & taken_slots(place.runs)
    free = len(slots - taken) - len(rivals)
    return 0 if free > 0 else len(taken) + len(rivals)
