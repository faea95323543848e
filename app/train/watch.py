"""One job: the buttons that its state allows, and a run watched live.

A run is a process of its own; the page only reads what it writes. Closing the tab or the app does
not stop the run.
"""

from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from app import links
from app.access import gate
from app.figures.curves import curve
from app.theme import palette
from app.train import job_page, reproduce, samples_view, train_form
from app.train.history import Events, best_event, curve_table, fine_tuning_begins, measured
from app.train.queue_state import Entry, options_of
from app.widgets import figure_files, messages, pickers
from core.jobs.queue import cancel, move, requeue, stop
from core.jobs.runner import ensure_runner
from core.jobs.state import ACTIVE, RESUMABLE, UNFINISHED, RunState, log_tail, read_events
from core.runs import best_of, has_card

_STATES = {
    "queued": "Queued: starts when it is first in the queue and a device is free.",
    "starting": "Starting: loading the program and its packages, which takes a while.",
    "running": "Running.",
    "cancelling": "Cancelling: saving its state, then ending.",
    "finished": "Finished.",
    "cancelled": "Cancelled: its state is saved; it can resume from there.",
    "failed": "Failed.",
    "lost": "Lost: its process is gone (killed, or the machine restarted). Its last epoch is safe.",
    "damaged": "Damaged.",
}


def offer(entry: Entry, last_place: int = 0) -> None:
    """Draw the buttons of a job; their effect shows on the next run of the page.

    Args:
        entry: The job.
        last_place: How many jobs wait; used for waiting jobs only.
    """
    if not gate.allows("operator"):
        return
    if entry.now.state == "queued":
        _waiting(entry, last_place)
    elif entry.now.state == "cancelling":
        _end_now(entry)
    elif entry.now.state == "running":
        _cancel_active(entry)
    else:
        ended(entry, "queue")


def ended(entry: Entry, key: str) -> None:
    """Draw the buttons of a job that has ended: resume it, or retry it with changes."""
    if not gate.allows("operator"):
        return
    # The queue can resume the jobs it started, and any training run.
    known = entry.now.job is not None or entry.kind == "train"
    resumable = known and entry.now.state in RESUMABLE
    if resumable and st.button("Resume", key=f"{key}_resume_{entry.name}"):
        gate.need("operator")
        requeue(entry.path)
        ensure_runner(entry.path.parent)
        st.rerun()
    if entry.now.state == "damaged":
        return
    config = options_of(entry)
    if config is not None and st.button(
        "Retry with changes",
        key=f"{key}_retry_{entry.name}",
        help="Copies its options to a new run, in a new folder",
    ):
        train_form.prefill(config)
        messages.later(f"The options of **{entry.name}** are set. Change some, then start the run.")
        st.rerun()


def _waiting(entry: Entry, last_place: int) -> None:
    for words, places, possible in (
        ("Up", -1, entry.place > 1),
        ("Down", 1, entry.place < last_place),
    ):
        key = f"queue_{words}_{entry.name}".lower()
        if st.button(words, key=key, disabled=not possible):
            gate.need("operator")
            move(entry.path, places)
            st.rerun()
    if st.button("Cancel", key=f"queue_cancel_{entry.name}"):
        gate.need("operator")
        cancel(entry.path)
        st.rerun()


def _cancel_active(entry: Entry) -> None:
    with st.popover("Cancel …", key=f"queue_ask_{entry.name}"):
        st.write("The run saves its state and can resume at exactly this step.")
        if st.button("Yes, cancel it", key=f"queue_cancel_{entry.name}", type="primary"):
            gate.need("operator")
            cancel(entry.path)
            st.rerun()


def _end_now(entry: Entry) -> None:
    if st.button("End it now", key=f"queue_end_{entry.name}", help="Ends without saving"):
        gate.need("operator")
        with st.spinner("Ending the process …"):
            stop(entry.path, grace_s=0.0)
        st.rerun()


def watch(run: Path) -> None:
    """Show a run: its state, what can be done, curves, log, and how to reproduce it."""
    job_page.watch(run, _show)


def _show(run: Path, now: RunState) -> None:
    entry = Entry(run, now)
    config = options_of(entry)
    job_page.headline(run, now, _STATES, config)
    with st.container(horizontal=True):
        if now.state not in UNFINISHED:
            ended(entry, "watch")
        if has_card(best_of(run)):
            _next(run)
    charts = _curves(read_events(run), now)
    if config is not None:
        charts |= samples_view.show(run, config.dataset)
    figure_files.offer("watch", charts)
    _log(run, now)
    if config is not None:
        reproduce.show(run, config)


def _next(run: Path) -> None:
    """Draw buttons that open other pages with the trained model."""
    for page, label in (("evaluate", "Evaluate"), ("predict", "Predict"), ("explain", "Explain")):
        if st.button(
            label,
            key=f"watch_{page}",
            on_click=pickers.hand_over_checkpoint,
            args=(best_of(run),),
        ):
            links.go(page)


def _curves(events: Events, now: RunState) -> dict[str, go.Figure]:
    charts: dict[str, go.Figure] = {}
    if not events:
        if now.state in ACTIVE:
            st.caption("Curves appear after the first epoch.")
        return charts
    begins, best = fine_tuning_begins(events), best_event(events)
    if best is not None:
        st.caption(f"The best epoch so far is {best['epoch']}; its model is kept.")
    measures = measured([events])
    for pair in (measures[:2], measures[2:]):
        for place, measure in zip(st.columns(2), pair, strict=False):
            table = curve_table(events, measure)
            figure = curve(table, measure.title, measure.unit, palette(), begins)
            charts[measure.title] = figure
            place.plotly_chart(
                figure, key=f"watch_{measure.title}", config=figure_files.config(measure.title)
            )
    return charts


def _log(run: Path, now: RunState) -> None:
    with st.expander("Log", expanded=now.shown in ("failed", "starting")):
        st.code(log_tail(run) or "The log is empty.", language=None, height=260)
