"""What the pages of runs and of searches share: a form in the sidebar, a folder, a watched job."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import streamlit as st

from app import absence, cache
from app.train import compute_target
from app.widgets import messages, pickers
from app.workspace import Workspace
from core.errors import BearingsError, RunError
from core.jobs.failures import plain_cause
from core.jobs.state import UNFINISHED, RunState, log_tail, run_state
from core.labels import LABELS
from core.training.schema import MONITORED, Monitor, TrainConfig

POLL_S = 2.0
Answer = TypeVar("Answer")


def start_from_sidebar(
    place: Workspace,
    title: str,
    note: str,
    ask: Callable[[Workspace, Path], Answer | None],
    start: Callable[[Answer, str], None],
) -> None:
    """Draw the form of a new job in the sidebar, and start the job when a button was pressed.

    An error is shown on the page, because the end of a long form is out of sight.

    Args:
        place: The workspace.
        title: Heading of the form.
        note: Sentence under the heading; `{dataset}` becomes the data set.
        ask: Draws the form for a data set; returns its answer once it was sent and is valid.
        start: Queues the answer, for this machine or for the address of a cluster.
    """
    fault = None
    with st.sidebar:
        st.divider()
        st.subheader(title)
        dataset = pickers.dataset_path()
        if dataset is None or not dataset.is_dir():
            st.caption("Choose a data set above first.")
            return
        st.caption(note.format(dataset=f"`{place.label(dataset)}`"))
        data = pickers.dataset_if_readable()
        if data is not None and (text := absence.of_training(data)):
            st.caption(text)
        target = compute_target.pick()
        try:
            answer = ask(place, dataset)
            if answer is not None and target is not None:
                start(answer, target)
        except BearingsError as error:
            fault = error
    if fault is not None:
        messages.show_error(f"Not started: {fault}")


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
    if path.parent != place.runs:
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
        cause = plain_cause(now.message, log_tail(job), config)
        st.error(f"{text} {messages.plain_lines(cause)}")
    elif now.state in ("cancelled", "lost"):
        st.warning(text)
    elif now.state == "finished":
        st.success(text)
    else:
        st.info(text)


def _show(job: Path, draw: Callable[[Path, RunState], None], *, polling: bool) -> None:
    with messages.mendable():
        now = run_state(job)
        if polling and now.state not in UNFINISHED:
            # A rerun of the whole page ends the polling.
            st.rerun()
        draw(job, now)
