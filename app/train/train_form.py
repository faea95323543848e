"""What starts a training run: presets, all options, and which run the Train page watches."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import ValidationError

from app import cache
from app.access import gate, paths
from app.selection import tagging
from app.train import compute_target, job_page
from app.train.job_page import Launch
from app.train.speed import expected_s
from app.widgets import held_options, messages, pickers
from app.widgets.forms import FormPlan, fill, key_at, label_of
from app.wording import roughly
from app.workspace import Workspace, workspace
from core.cli.flags import typed
from core.cli.train import SHORT
from core.crossval.folder import enqueue_crossval
from core.crossval.schema import CrossvalConfig
from core.errors import BearingsError, ConfigError
from core.jobs.devices import fitting, has_gpu, machine_slots, taken_slots
from core.jobs.job import LOCAL
from core.jobs.queue import enqueue, queue_of
from core.jobs.runner import ensure_runner
from core.jobs.state import ACTIVE
from core.options import Names, flat, in_words
from core.project import PROJECT
from core.runs import free_folder
from core.training.presets import PRESETS, TITLES, recommended, row_of, with_preset
from core.training.schema import PresetName, TrainConfig

START, FOLDS, CHECK = "Start training", "Cross-validate", "Show the command"
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
    ("zero_training",): "Train no heads",
    ("descriptor_steps",): "Steps on the descriptor",
    ("stage1", "epochs"): "Epochs with a frozen backbone",
    ("stage1", "lr"): "Learning rate with a frozen backbone",
    ("stage1", "weight_decay"): "Weight decay with a frozen backbone",
    ("stage1", "views"): "Cached views of a photo",
    ("stage2", "epochs"): "Epochs",
    ("stage2", "unfreeze"): "Trained blocks of the backbone",
    ("stage2", "lr_backbone"): "Learning rate of the backbone",
    ("stage2", "lr_heads"): "Learning rate of the heads",
    ("schedule", "kind"): "Learning-rate schedule",
    ("p_known",): "Share of known answers",
    ("ema_decay",): "Decay of the averaged weights",
    ("tta", "views"): "Crops of a photo at prediction",
    ("split", "protocol"): "Split",
    ("split", "seed"): "Seed of the split",
    ("leave_out_tags",): "Leave out photos with these tags",
    ("retrieval", "backbone"): "Retrieval backbone",
    ("retrieval", "weights"): "Weights of the retrieval backbone",
    ("retrieval", "input_size"): "Input size of the retrieval backbone",
}
# Small ones first.
BACKBONES = (
    "tf_efficientnet_lite0",
    "resnet10t",
    "mobilenetv3_small_100",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "resnet34",
    "convnext_atto",
    "vit_base_patch14_dinov2.lvd142m",
)
WEIGHTS = ("pretrained", "random")
BATCH_SIZES = ("16", "32", "64", "128", "256")
_TAKEN, _BEGUN, _ORIGIN = "train_folder_taken", "train_begun_with", "train_origin"
_WATCHED, _CHECKED = "train_watched", "train_checked"
_PRESET = "train_preset"
# The data set stands in the sidebar, and the preset above the start button.
HIDDEN = (("dataset",), ("command",), ("preset",))


def launch(place: Workspace) -> None:
    """Draw what starts a run: presets, expected times, the start button, and all options."""
    _take_over(place)
    form = Launch(
        key="train",
        title="New run",
        start=START,
        schema=TrainConfig,
        plan=partial(_plan, place, _preset()),
        panel=partial(_panel, place),
        act=partial(_act, place),
        others=(FOLDS, CHECK),
        above=_above,
    )
    job_page.launch(place, form)


def _take_over(place: Workspace) -> None:
    """Let the options begin with those of an earlier run, and with a folder that is free."""
    begun: TrainConfig | None = st.session_state.pop(_BEGUN, None)
    dataset = pickers.dataset_path()
    if dataset is None:
        return
    if begun is not None:
        st.session_state[_TAKEN] = begun.run
        st.session_state[_PRESET] = begun.preset or _preset()
        plan = _plan(place, _preset(), dataset)
        held_options.follow(TrainConfig, plan)
        fill(TrainConfig, plan, begun)
    if _TAKEN in st.session_state:
        another = _another(place, st.session_state.pop(_TAKEN), dataset)
        st.session_state[key_at("train", ("run",))] = place.label(another)


def _preset() -> PresetName:
    """The chosen preset; before any choice, the one for a data set of this size."""
    dataset = pickers.dataset_path()
    chosen: PresetName | None = st.session_state.get(_PRESET)
    return chosen or recommended(_photos(dataset) if dataset is not None else 0)


def _panel(place: Workspace, dataset: Path, where: str) -> None:
    key = f"{_PRESET}_{where}"
    # The panel may be drawn twice, and both show the one choice.
    st.session_state[key] = _preset()

    def choose() -> None:
        st.session_state[_PRESET] = st.session_state[key]

    plans = {name: _plan(place, name, dataset) for name in PRESETS}
    changed = held_options.changes(TrainConfig, plans[_preset()])
    times = [_time(place, plan, changed, dataset) for plan in plans.values()]
    captions = [roughly(time) if time is not None else "time unknown" for time in times]
    st.radio(
        "Preset",
        PRESETS,
        key=key,
        format_func=TITLES.__getitem__,
        captions=captions if any(times) else None,
        on_change=choose,
        label_visibility="collapsed",
    )
    summary = row_of(_preset(), _photos(dataset), gpu=_on_gpu()).summary
    if times[PRESETS.index(_preset())] is None:
        summary += " Its time is known once such a run has finished on this machine."
    st.caption(summary)
    names = [title_of(path) for path in changed if path != ("run",)]
    if names:
        more = " …" if len(names) > 4 else ""
        st.caption(f"Changed from the preset: {', '.join(names[:4]).lower()}{more}.")


def title_of(path: Names) -> str:
    """What the form calls an option of training; no two have one title."""
    return LABELS.get(path, label_of(path))


def _time(
    place: Workspace, plan: FormPlan, changed: Mapping[Names, Any], dataset: Path
) -> float | None:
    """Seconds that a run will take; None if nobody knows, and for options that are not allowed."""
    if not compute_target.is_here():
        return None
    try:
        config = held_options.config_of(TrainConfig, plan, changed)
    except ValidationError:
        return None
    return expected_s(config, _photos(dataset), place.runs)


def _photos(dataset: Path) -> int:
    """Photos of the data set; 0 if it cannot be read, which the start button then says."""
    try:
        return len(cache.dataset(dataset))
    except BearingsError:
        return 0


def _on_gpu() -> bool:
    """Whether a GPU will train, as the options are now; a cluster is taken to have some."""
    if not compute_target.is_here():
        return True
    return _has_gpu(str(st.session_state.get(key_at("train", ("device",)), "auto")))


@st.cache_data(show_spinner=False, ttl=60.0, max_entries=8)
def _has_gpu(device: str) -> bool:
    return has_gpu(device)


def _above() -> None:
    if _CHECKED in st.session_state:
        st.success("These options are valid. The same from the command line:")
        st.code(st.session_state.pop(_CHECKED), language="bash", wrap_lines=True)
    compute_target.pick()


def prefill(config: TrainConfig) -> None:
    """Let the form show the options of an earlier run next time, and a run folder that is free."""
    st.session_state[_BEGUN] = config
    st.session_state[_ORIGIN] = config.run
    pickers.hand_over_dataset(config.dataset)


def propose_another_folder(taken: Path) -> None:
    """Let the form offer a free folder next time, named like the one that was just taken."""
    st.session_state[_TAKEN] = taken


def _plan(place: Workspace, preset: PresetName, dataset: Path) -> FormPlan:
    """Layout and start values: those of the preset for this data set, device and weights."""
    photos, gpu = _photos(dataset), _on_gpu()
    keys = {name: key_at("train", ("model", name)) for name in ("backbone", "weights")}
    held = {name: st.session_state[key] for name, key in keys.items() if st.session_state.get(key)}
    # A file of weights serves the retrieval backbone too, so its start value depends on the file.
    values = with_preset({"preset": preset, "model": held}, photos, gpu=gpu)
    alone = with_preset({"preset": preset}, photos, gpu=gpu)
    values["model"] = values["model"] | {"weights": "pretrained"} | alone["model"]
    return FormPlan(
        key="train",
        first=FIRST,
        buttons=(),
        labels=LABELS,
        start={
            **flat(values),
            ("dataset",): dataset,
            ("run",): place.label(free_folder(place.runs, dataset.name)),
        },
        suggestions={
            ("model", "backbone"): BACKBONES,
            ("model", "weights"): WEIGHTS,
            ("batch_size",): BATCH_SIZES,
            ("leave_out_tags",): tagging.known_tags(dataset),
        },
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


def _act(place: Workspace, config: TrainConfig, button: str, on: str) -> None:
    run = job_page.queue_folder(place, config.run.expanduser())
    config = config.model_copy(update={"run": run})
    paths.check_options(config)
    if button == CHECK:
        st.session_state[_CHECKED] = command(config)
        return
    gate.need("operator")
    cache.dataset(config.dataset)
    before = _jobs_before(place, config.device, on)
    if button == START:
        queued = enqueue(config, on=on, origin=st.session_state.get(_ORIGIN))
        st.session_state.pop(_ORIGIN, None)
    else:
        queued = enqueue_crossval(_folds(config), on=on)
    ensure_runner(queued.parent)
    if before:
        messages.later(f"**{queued.name}** waits in the queue: {before} before it.")
    else:
        messages.later(f"**{queued.name}** is started.")
        if button == START:
            watch_next(queued)
    propose_another_folder(config.run)
    job_page.close_options("train")
    # Everything above was drawn before there was a run.
    st.rerun()


def _folds(config: TrainConfig) -> CrossvalConfig:
    try:
        return CrossvalConfig.model_validate(config.model_dump())
    except ValidationError as error:
        raise ConfigError(in_words(error)) from error


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
