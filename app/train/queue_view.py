"""The queue on the Train page: running, waiting and recently ended jobs."""

import streamlit as st

from app import links
from app.access import gate
from app.train import compute_target, eta, job_page, train_form, watch
from app.train.history import best_event
from app.train.queue_state import Entry, Queue, look, options_of
from app.widgets import messages
from app.wording import metres, roughly, share
from app.workspace import Workspace
from core.errors import RunError
from core.jobs.failures import plain_cause
from core.jobs.queue import interrupted
from core.jobs.runner import ensure_runner
from core.jobs.state import log_tail, read_events
from core.training.schema import TrainConfig

KINDS = {"train": "training run", "crossval": "cross-validation", "tune": "search for options"}
# Where the results of the other kinds are shown.
_PAGES = {"crossval": "runs", "tune": "tune"}
# The word itself names the state; colour only adds to it.
_COLOURS = {
    "queued": "gray",
    "starting": "blue",
    "running": "blue",
    "cancelling": "orange",
    "cancelled": "orange",
    "finished": "green",
    "failed": "red",
    "lost": "red",
    "damaged": "red",
}
_UNHAPPY = ("failed", "lost", "damaged")


def show(place: Workspace) -> None:
    """Show the queue; look again every two seconds while anything is at work or waits."""
    queue = look(place.runs)
    if queue.busy or queue.ended:
        resumes = gate.allows("operator") and _resumes(place, queue)
        every = job_page.POLL_S if queue.busy or resumes else None
        st.fragment(_show, run_every=every)(place, queue.standing)


def _show(place: Workspace, standing: tuple[tuple[str, str], ...]) -> None:
    with messages.mendable():
        # A fragment is drawn again without what stands before every page.
        gate.need("viewer")
        queue = look(place.runs)
        if queue.standing != standing:
            # A job began or ended, so the rest of the page changes too.
            st.rerun()
        if gate.allows("operator") and (queue.waiting or _resumes(place, queue)):
            # After a restart of the machine no runner is left for jobs that wait or were at work.
            ensure_runner(place.runs)
        _draw(queue)


def _resumes(place: Workspace, queue: Queue) -> bool:
    """Whether jobs were lost with their queue, which the next runner starts again."""
    return any(entry.now.state == "lost" for entry in queue.ended) and bool(interrupted(place.runs))


def _draw(queue: Queue) -> None:
    st.subheader(f"Queue: {queue.summary}" if queue.busy else "Queue")
    if not queue.busy:
        st.caption("No job is running or waiting.")
    compute_target.show()
    for entry in queue.active:
        with st.container(border=True):
            config = _config(entry)
            _row(entry, config)
            _progress(entry, config)
    for entry in queue.waiting:
        _row(entry, _config(entry), _duration(entry), len(queue.waiting))
    if queue.ended:
        st.caption("Ended in the last 24 hours")
    for entry in queue.ended:
        _row(entry, _config(entry), _outcome(entry))
        if entry.now.state in _UNHAPPY:
            _why(entry)


def _row(entry: Entry, config: TrainConfig | None, more: str = "", last_place: int = 0) -> None:
    """One line: state, name, what it is, and the buttons; it wraps on a narrow screen."""
    badge = f":{_COLOURS[entry.now.shown]}-badge[{entry.now.shown}]"
    first = f"{entry.place}. {badge}" if entry.place else badge
    # As code, because Markdown would turn an address into a link.
    where = f"`{entry.where}`" if entry.where else ""
    facts = " · ".join(filter(None, [_what(entry, config), where, more]))
    key = f"queue_row_{entry.name}"
    with st.container(key=key, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{first} **{messages.plain(entry.name)}** · {facts}", width="stretch")
        watch.offer(entry, last_place)
        _show_button(entry)


def _show_button(entry: Entry) -> None:
    key = f"queue_show_{entry.name}"
    if entry.kind == "train":
        # In a callback, because the menu below cannot be set once it is drawn.
        if st.button("Show", key=key, on_click=train_form.watch_next, args=(entry.path,)):
            st.rerun()
    elif st.button("Open", key=key):
        links.go(_PAGES[entry.kind])


def _what(entry: Entry, config: TrainConfig | None) -> str:
    if config is None:
        return KINDS[entry.kind]
    planned = config.planned_epochs
    epochs = f"{planned:,} epoch{'s' * (planned > 1)}" if planned else "no training"
    model = f"{config.model.backbone} at {config.model.input_size} px, {epochs}"
    folds = f"cross-validation, {config.split.folds} folds of "
    return folds + model if entry.kind == "crossval" else model


def _progress(entry: Entry, config: TrainConfig | None) -> None:
    if entry.now.starting or entry.now.status is None:
        st.caption("Loading the program and its packages, which takes a while.")
        return
    now = eta.progress_of(entry, config, entry.now.status)
    st.progress(now.share, now.words)


def _duration(entry: Entry) -> str:
    """The expected duration of a waiting job, if runs of its kind were measured."""
    seconds = eta.duration_s(entry, _config(entry))
    return "" if seconds is None else f"takes {roughly(seconds)}"


def _outcome(entry: Entry) -> str:
    best = best_event(read_events(entry.path)) if entry.kind == "train" else None
    if best is None:
        return ""
    figures, known = best["validation"], []
    if (median_m := figures["median_m"]) is not None:
        known.append(f"median {metres(median_m)}")
    if (accuracy := figures["region_accuracy"]) is not None:
        known.append(f"region {share(accuracy)}")
    return ", ".join(known)


def _why(entry: Entry) -> None:
    """The cause of a failure, with the end of the log."""
    tail = log_tail(entry.path)
    cause = plain_cause(entry.now.message, tail, _config(entry))
    with st.expander(f"Cause: {messages.plain(cause)}"):
        st.code("\n".join(tail.splitlines()[-15:]) or "The log is empty.", language=None)


def _config(entry: Entry) -> TrainConfig | None:
    try:
        return options_of(entry)
    except RunError:
        # The damaged job is shown with its cause, and must not hide the others.
        return None
