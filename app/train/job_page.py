"""What the pages of runs and of searches share: a panel that starts jobs, and a watched job."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, get_args

import streamlit as st
from pydantic import ValidationError

from app import absence, cache
from app.access import gate
from app.theme import both
from app.train import compute_target
from app.widgets import held_options, messages, pickers
from app.widgets.forms import FormPlan
from app.workspace import Workspace
from core.errors import BearingsError, RunError
from core.jobs.failures import plain_cause
from core.jobs.state import UNFINISHED, RunState, log_tail, run_state
from core.labels import LABELS
from core.options import Schema
from core.training.schema import MONITORED, Monitor, TrainConfig

POLL_S = 2.0
_FLAG = re.compile(r"--([a-z][a-z0-9_]*(?:[.-][a-z0-9_]+)*)")
_ROOM = "launch_room"
_SAID = {"run": "run folder", "out": "folder", "resume": "Resume", "study": "study folder"}
"""What the app calls a flag, where that is another word."""


@dataclass(frozen=True)
class Launch(Generic[Schema]):
    """How a page starts its jobs: a short panel, and all options in a dialog.

    Attributes:
        key: Prefix of the state keys; the same as that of the plan.
        title: Heading of the panel.
        start: Label of the button that starts the job.
        schema: The options of the job.
        plan: Start values and layout of the options for a data set.
        panel: Draws what the panel shows above the start button, for a data set and a place
            (`sidebar` or `page`), which keeps the state keys apart.
        act: Does what a button says with the options and the address of a cluster, or `local`.
        others: Labels of further buttons, which only the dialog has.
        above: Draws what the dialog shows above its options.
    """

    key: str
    title: str
    start: str
    schema: type[Schema]
    plan: Callable[[Path], FormPlan]
    panel: Callable[[Path, str], None]
    act: Callable[[Schema, str, str], None]
    others: tuple[str, ...] = ()
    above: Callable[[], None] = lambda: None


def launch(place: Workspace, form: Launch[Schema]) -> None:
    """Draw the panel of a new job in the sidebar, and on the page while the sidebar is closed."""
    if not gate.allows("operator"):
        return
    dataset = pickers.dataset_path()
    if dataset is not None and dataset.is_dir():
        held_options.follow(form.schema, form.plan(dataset))
    st.html(f"<style>{_panel_style(form.key)}</style>")
    with st.session_state.get(_ROOM, st.sidebar), st.container():
        _panel(place, form, "sidebar")
    with st.container(key=f"{form.key}_on_page", border=True):
        _panel(place, form, "page")
    if st.session_state.get(f"{form.key}_open") and dataset is not None:
        st.dialog("All options", width="medium", on_dismiss=partial(_close, form.key))(_dialog)(
            place, form, dataset
        )


def make_room() -> None:
    """Keep the top of the sidebar free for a panel, which a page draws after the pickers."""
    st.session_state[_ROOM] = st.container()


def _panel_style(key: str) -> str:
    sidebar, wrapper = "[data-testid=stSidebar]", "[data-testid=stLayoutWrapper]"
    return (
        # On a low screen the start button stays on it, below the rest of the panel.
        f"{wrapper}:has(> .st-key-{key}_bar_sidebar) {{position: sticky; bottom: 0; z-index: 1; "
        f"background: {both('surface')}; padding-bottom: .5rem}}"
        f".stApp:has({sidebar}[data-collapsed=false]) {wrapper}:has(> .st-key-{key}_on_page) "
        "{display: none}"
    )


def _panel(place: Workspace, form: Launch[Schema], where: str) -> None:
    dataset = pickers.dataset_path()
    if dataset is None or not dataset.is_dir():
        st.markdown(f"**{form.title}**")
        there = "below" if where == "sidebar" else "in the sidebar (» opens it)"
        st.caption(f"Choose a data set {there} first.")
        return
    st.markdown(f"**{form.title}** on `{place.label(dataset)}`")
    try:
        data = cache.dataset(dataset)
    except BearingsError as error:
        # Nothing can be started on it.
        messages.show_error(error, linked=True)
        return
    if lost := absence.of_training(data):
        st.caption(lost)
    form.panel(dataset, where)
    st.button(
        "All options …",
        key=f"{form.key}_options_{where}",
        width="stretch",
        on_click=_open,
        args=(form.key,),
    )
    with st.container(key=f"{form.key}_bar_{where}"):
        pressed = st.button(
            form.start, key=f"{form.key}_start_{where}", type="primary", width="stretch"
        )
        _press(place, form, dataset, form.start if pressed else None)


def _dialog(place: Workspace, form: Launch[Schema], dataset: Path) -> None:
    with messages.mendable():
        held_options.follow(form.schema, form.plan(dataset), shown=True)
        with st.container(horizontal=True):
            labels = (form.start, *form.others)
            pressed = [
                label
                for label in labels
                if st.button(
                    label,
                    key=f"{form.key}_dialog_{label}",
                    type="primary" if label == form.start else "secondary",
                )
            ]
            back = st.button("Reset all", key=f"{form.key}_reset", help="Undo every change")
        if back:
            held_options.forget(form.schema, form.plan(dataset))
        _press(place, form, dataset, pressed[0] if pressed else None)
        form.above()
        held_options.search(form.schema, form.plan(dataset))


def _press(place: Workspace, form: Launch[Schema], dataset: Path, button: str | None) -> None:
    """Do what a button says; what hinders it is shown here, beside the button."""
    if button is None:
        return
    plan = form.plan(dataset)
    try:
        changed = held_options.changes(form.schema, plan)
        config = held_options.config_of(form.schema, plan, changed)
        form.act(config, button, compute_target.chosen())
    except ValidationError as error:
        said = "; ".join(held_options.faults(error, plan).values())
        messages.show_error(f"Not started. {without_flags(said)}.")
    except BearingsError as error:
        near = str(error).replace(f"{place.root}{os.sep}", "")
        messages.show_error(f"Not started: {without_flags(near)}.")


def _open(key: str) -> None:
    st.session_state[f"{key}_open"] = True


def _close(key: str) -> None:
    st.session_state[f"{key}_open"] = False


def close_options(key: str) -> None:
    """Close the dialog of all options with the next run of the page."""
    _close(key)


def without_flags(text: str) -> str:
    """Replace the flags in a message of the command line by what the app calls them."""
    return _FLAG.sub(lambda found: _SAID.get(found[1], found[1].replace("-", " ")), text)


def monitors(dataset: Path) -> tuple[str, ...]:
    """The validation figures that can choose the best epoch: those of labels that photos have."""
    try:
        labels = cache.dataset(dataset).labels
    except BearingsError:
        labels = LABELS
    return tuple(name for name in get_args(Monitor) if MONITORED.get(name, labels[0]) in labels)


def queue_folder(place: Workspace, folder: Path) -> Path:
    """Return the folder of a new job as the reader named it: `runs/first`, or `first` alone.

    Raises:
        RunError: It is not directly under `runs/`, where the queue looks for jobs.
    """
    path = (place.runs if folder.parent == Path() else place.root) / folder
    if path.parent != place.runs or path.name == "..":
        raise RunError(
            f"the folder {folder} is outside the queue: give a name such as "
            f"{place.label(place.runs / 'first')}"
        )
    return path


def pick_job(
    place: Workspace, label: str, key: str, jobs: Sequence[Path], first: int = 0
) -> Path | None:
    """Let the reader choose which job is watched; None if there are no jobs.

    Args:
        place: The workspace.
        label: Label of the menu.
        key: State key of the menu, and its name in the address of the page.
        jobs: Folders of the jobs.
        first: Index of the job that is chosen at first.
    """
    labels = [place.label(job) for job in jobs]
    if not labels:
        return None
    if st.session_state.get(key) not in labels:
        st.session_state.pop(key, None)
    # The address of the page holds the option itself, so the option must not contain a state.
    chosen = st.selectbox(label, labels, first, key=key, bind="query-params")
    return place.root / chosen


def watch(job: Path, draw: Callable[[Path, RunState], None]) -> None:
    """Draw a job, again every two seconds while it is unfinished."""
    polling = run_state(job).state in UNFINISHED
    st.fragment(_show, run_every=POLL_S if polling else None)(job, draw, polling=polling)


def headline(
    job: Path, now: RunState, states: Mapping[str, str], config: TrainConfig | None = None
) -> None:
    """Draw the name of a job with a sentence about its state, and the cause of a failure.

    Args:
        job: Its folder.
        now: Its state.
        states: State -> sentence.
        config: Options of the training, for the advice after a failure.
    """
    text = f"**{messages.plain(job.name)}** · {states[now.shown]}"
    if now.state in ("failed", "damaged"):
        cause = without_flags(plain_cause(now.message, log_tail(job), config))
        st.error(f"{text} {messages.plain_lines(cause)}")
    elif now.state in ("cancelled", "lost"):
        st.warning(text)
    elif now.state == "finished":
        st.success(text)
    else:
        st.info(text)


def _show(job: Path, draw: Callable[[Path, RunState], None], *, polling: bool) -> None:
    with messages.mendable():
        # A fragment is drawn again without what stands before every page.
        gate.need("viewer")
        now = run_state(job)
        if polling and now.state not in UNFINISHED:
            # A rerun of the whole page ends the polling.
            st.rerun()
        draw(job, now)
