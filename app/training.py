"""The two halves of the Train page: what is put into the queue, and which run is watched."""

from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from app import controls, notices, states, train_form, where
from app.forms import FormAnswer
from app.workspace import Workspace, workspace
from core.crossval.enqueue import enqueue_crossval
from core.crossval.schema import CrossvalConfig
from core.errors import BearingsError, ConfigError
from core.jobs.job import LOCAL
from core.jobs.queue import enqueue, queue_of
from core.jobs.slots import fitting, machine_slots
from core.jobs.start import ensure_runner
from core.jobs.state import ACTIVE
from core.jobs.summary import list_runs
from core.jobs.taken import taken_slots
from core.options import in_words
from core.training.schema import TrainConfig

_WATCHED, _CHECKED = "train_watched", "train_checked"


def launch_from_sidebar(place: Workspace) -> None:
    """Draw the form in the sidebar; put a run into the queue where the reader says so."""
    with st.sidebar:
        st.divider()
        st.subheader("New run")
        dataset = controls.dataset_path()
        if dataset is None or not dataset.is_dir():
            st.caption("Choose a data set above; a run needs one to learn from.")
            return
        st.caption(
            f"Learns from `{place.label(dataset)}`. It starts at once where its device is free, "
            "and waits in the queue otherwise."
        )
        on = where.pick()
        try:
            answer = train_form.ask(place, dataset)
            if answer is not None and on is not None:
                _act(place, answer, on)
        except BearingsError as error:
            # The queue beside the form is no less true for it.
            states.show_error(error)


def pick_run(place: Workspace) -> Path | None:
    """Let the reader choose which run is watched: first one at work. None where none is."""
    found = list_runs(place.runs)
    runs = [place.label(run.path) for run in found]
    if not runs:
        return None
    if st.session_state.get(_WATCHED) not in runs:
        st.session_state.pop(_WATCHED, None)
    first = next((n for n, run in enumerate(found) if run.state in ACTIVE), 0)
    st.divider()
    # The address of the page holds what the menu shows: a state in it would soon be another.
    chosen = st.selectbox("Run", runs, first, key=_WATCHED, bind="query-params")
    return place.root / chosen


def watch_next(run: Path) -> None:
    """Let the Train page open on this run; for other pages."""
    st.session_state[_WATCHED] = workspace().label(run)


def show_checked() -> None:
    """Show what was just done, and the command of the options that were checked last."""
    notices.show()
    if _CHECKED in st.session_state:
        st.success("These options are valid. The same from the command line:")
        st.code(st.session_state[_CHECKED], language="bash", wrap_lines=True)


def _act(place: Workspace, answer: FormAnswer[TrainConfig], on: str) -> None:
    if answer.button == train_form.CHECK:
        st.session_state[_CHECKED] = train_form.command(answer.config)
        return
    st.session_state.pop(_CHECKED, None)
    before = _jobs_before(place, answer.config.device, on)
    run = _enqueue(answer, on)
    ensure_runner(run.parent)
    if before:
        notices.later(f"**{run.name}** waits in the queue: {before} before it.")
    else:
        notices.later(f"**{run.name}** is started.")
        if answer.button != train_form.FOLDS:
            watch_next(run)
    train_form.propose_another_folder(answer.config.run)
    # Everything above was drawn before there was a run.
    st.rerun()


def _enqueue(answer: FormAnswer[TrainConfig], on: str) -> Path:
    if answer.button == train_form.START:
        return enqueue(answer.config, on=on)
    if answer.button == train_form.INSTANT:
        return enqueue(train_form.untrained(answer.config), on=on)
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
