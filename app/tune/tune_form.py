"""The options of a search: trials, sampler, what all trials share, the space as lines of text."""

from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import ValidationError

from app.train import compute_target, job_page
from app.train.train_form import BACKBONES, BATCH_SIZES, LABELS, WEIGHTS
from app.widgets import messages
from app.widgets.forms import FormPlan, key_at
from app.workspace import Workspace
from core.errors import ConfigError, RunError
from core.jobs.job import LOCAL, Job
from core.options import in_words
from core.runs import free_folder
from core.tuning.schema import DEFAULT_TRIALS, TuneConfig
from core.tuning.space import DEFAULT_SPACE, Distribution, parse_distribution

START = "Start the search"
_SPACE = "study_space"
_FIRST = (
    ("study",),
    ("trials",),
    ("sampler",),
    ("pruner",),
    ("workers",),
    ("train", "model", "backbone"),
    ("train", "model", "weights"),
    ("train", "model", "input_size"),
    ("train", "stage2", "epochs"),
    ("train", "split", "protocol"),
)
_LABELS = {
    **{("train", *path): label for path, label in LABELS.items()},
    ("study",): "Study folder",
    ("workers",): "Trials at the same time",
    ("monitor",): "Figure to optimise",
    ("train", "stage2", "epochs"): "Epochs of a trial",
}
_HIDDEN = (
    ("space",),
    ("train", "dataset"),
    ("train", "run"),
    ("train", "command"),
    ("train", "monitor"),
    ("train", "refine"),
    ("train", "preset"),
)


def panel(dataset: Path, where: str) -> None:
    """Say what a search does; the same in the sidebar and on the page."""
    trials = st.session_state.get(key_at("tune", ("trials",)), DEFAULT_TRIALS) or "All"
    lines = [line.strip() for line in _space_text().splitlines()]
    varied = sum(bool(line) and not line.startswith("#") for line in lines)
    st.caption(f"{trials} trials, each a short training. They vary {varied} of the options.")


def ask_space() -> None:
    """Ask which options to vary; what is wrong with a line is shown beside it."""
    text = st.text_area(
        "Options to vary",
        as_text(DEFAULT_SPACE),
        key=_SPACE,
        height=260,
        persist_state="session",
        help="One option a line, by its dotted name: `stage2.lr_heads = 1e-4..1e-2 log`, "
        "`model.region_dropout = 0..0.5 step 0.1`, `model.backbone = resnet10t, resnet18`",
    )
    try:
        read_space(str(text))
    except ConfigError as error:
        messages.show_error(error)
    compute_target.pick()


def checked(place: Workspace, config: TuneConfig) -> TuneConfig:
    """Return the options of a search with its space and its folder.

    Raises:
        ConfigError: A line of the space cannot be read, or names what cannot be varied.
        RunError: The folder is outside the queue, or is not empty.
    """
    folder = job_page.queue_folder(place, config.study.expanduser())
    if folder.exists() and any(folder.iterdir()):
        raise RunError(f"{place.label(folder)} exists already: choose another study folder")
    train = config.train.model_copy(update={"run": folder})
    changes = {"study": folder, "train": train.model_dump(), "space": read_space(_space_text())}
    try:
        return TuneConfig.model_validate(config.model_dump() | changes)
    except ValidationError as error:
        raise ConfigError(in_words(error)) from error


def _space_text() -> str:
    return str(st.session_state.get(_SPACE, as_text(DEFAULT_SPACE)))


def job(config: TuneConfig, on: str = LOCAL) -> Job:
    """The job of a search, as the queue takes it."""
    return Job(
        kind="tune",
        arguments=("tune",),
        options=config.model_dump(mode="json"),
        again=("tune", "--study", str(config.study)),
        device=config.train.device,
        slots=config.workers,
        on=on,
    )


def as_text(space: dict[str, Distribution]) -> str:
    """A space as lines that `read_space` reads."""
    return "\n".join(f"{path} = {one}" for path, one in space.items())


def read_space(text: str) -> dict[str, Distribution]:
    """Read a space from lines; empty ones and those that begin with # are ignored.

    Raises:
        ConfigError: Names the line and what is wrong with it.
    """
    space: dict[str, Distribution] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        path, found, values = (part.strip() for part in line.partition("="))
        if not line.strip() or path.startswith("#"):
            continue
        if not found or not values:
            raise ConfigError(f"Line {number} of the options to vary: write OPTION = VALUES")
        try:
            space[path] = parse_distribution(values)
        except ValueError as error:
            raise ConfigError(
                f"Line {number} of the options to vary, {path}: {in_words(error)}"
            ) from error
    return space


def plan(place: Workspace, dataset: Path) -> FormPlan:
    """Layout and start values of the options of a search."""
    study = place.label(free_folder(place.runs, "tune"))
    start: dict[tuple[str, ...], Any] = {
        ("study",): study,
        ("trials",): DEFAULT_TRIALS,
        ("train", "dataset"): dataset,
        # Every trial has its own.
        ("train", "run"): Path(study),
        ("train", "model", "backbone"): "resnet10t",
        ("train", "model", "weights"): "random",
        ("train", "model", "input_size"): 112,
    }
    suggestions: dict[tuple[str, ...], tuple[str, ...]] = {
        ("train", "model", "backbone"): BACKBONES,
        ("train", "model", "weights"): WEIGHTS,
        ("train", "batch_size"): BATCH_SIZES,
    }
    return FormPlan(
        key="tune",
        first=_FIRST,
        buttons=(),
        labels=_LABELS,
        start=start,
        suggestions=suggestions,
        choices={("monitor",): job_page.monitors(dataset)},
        hidden=_HIDDEN,
    )
