"""The two halves of the Train page: the launch in the sidebar, and which run is watched."""

from pathlib import Path

import streamlit as st

from app import controls, train_form
from app.forms import FormAnswer
from app.workspace import Workspace, workspace
from core.jobs.launch import launch
from core.jobs.summary import list_runs
from core.training.schema import TrainConfig

_WATCHED, _CHECKED = "train_watched", "train_checked"


def launch_from_sidebar(place: Workspace) -> None:
    """Draw the form in the sidebar; start a run of its own where the reader says so."""
    with st.sidebar:
        st.divider()
        st.subheader("New run")
        dataset = controls.dataset_path()
        if dataset is None or not dataset.is_dir():
            st.caption("Choose a data set above; a run needs one to learn from.")
            return
        st.caption(f"Learns from `{place.label(dataset)}`.")
        answer = train_form.ask(place, dataset)
    if answer is not None:
        _act(place, answer)


def pick_run(place: Workspace) -> Path | None:
    """Let the reader choose which run is watched: the newest one first. None where none is."""
    runs = [place.label(run.path) for run in list_runs(place.runs)]
    if not runs:
        return None
    if st.session_state.get(_WATCHED) not in runs:
        st.session_state.pop(_WATCHED, None)
    # The address of the page holds what the menu shows: a state in it would soon be another.
    chosen = st.selectbox("Run", runs, key=_WATCHED, bind="query-params")
    return place.root / chosen


def watch_next(run: Path) -> None:
    """Let the Train page open on this run; for other pages."""
    st.session_state[_WATCHED] = workspace().label(run)


def show_checked() -> None:
    """Show the command of the options that were checked last, until a run is started."""
    if _CHECKED in st.session_state:
        st.success("These options are valid. The same from the command line:")
        st.code(st.session_state[_CHECKED], language="bash", wrap_lines=True)


def _act(place: Workspace, answer: FormAnswer[TrainConfig]) -> None:
    if answer.button != train_form.START:
        st.session_state[_CHECKED] = train_form.command(answer.config)
        return
    st.session_state.pop(_CHECKED, None)
    watch_next(launch(answer.config))
    train_form.propose_another_folder(answer.config.run)
    # Everything above was drawn before there was a run.
    st.rerun()
