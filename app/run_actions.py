"""What can be done to a job, by its state: cancel, end, move, resume, retry with changes."""

import streamlit as st

from app import notices, train_form
from app.queue_state import Entry, options_of
from core.jobs.queue import cancel, move, requeue
from core.jobs.start import ensure_runner
from core.jobs.state import RESUMABLE
from core.jobs.stop import stop


def offer(entry: Entry, last_place: int = 0) -> None:
    """Draw the buttons of a job; what they did shows in the run of the page that follows.

    Args:
        entry: The job.
        last_place: How many jobs wait; only who waits needs to know.
    """
    if entry.now.state == "queued":
        _waiting(entry, last_place)
    elif entry.now.state == "cancelling":
        _end_now(entry)
    elif entry.now.state == "running":
        _cancel_active(entry)
    else:
        ended(entry, "queue")


def ended(entry: Entry, key: str) -> None:
    """Draw the buttons of a job that has ended: go on where it was, or begin with changes."""
    # The queue knows how to go on with what it started, and with any training run.
    known = entry.now.job is not None or entry.kind == "train"
    resumable = known and entry.now.state in RESUMABLE
    if resumable and st.button("Resume", key=f"{key}_resume_{entry.name}"):
        requeue(entry.path)
        ensure_runner(entry.path.parent)
        st.rerun()
    if entry.now.state == "damaged":
        return
    config = options_of(entry)
    if config is not None and st.button(
        "Retry with changes",
        key=f"{key}_retry_{entry.name}",
        help="Puts its options into the form in the sidebar, with a new run folder",
    ):
        train_form.prefill(config)
        notices.later(f"The options of **{entry.name}** are in the form in the sidebar.")
        st.rerun()


def _waiting(entry: Entry, last_place: int) -> None:
    for words, places, possible in (
        ("Up", -1, entry.place > 1),
        ("Down", 1, entry.place < last_place),
    ):
        key = f"queue_{words}_{entry.name}".lower()
        if st.button(words, key=key, disabled=not possible):
            move(entry.path, places)
            st.rerun()
    if st.button("Cancel", key=f"queue_cancel_{entry.name}"):
        cancel(entry.path)
        st.rerun()


def _cancel_active(entry: Entry) -> None:
    with st.popover("Cancel …", key=f"queue_ask_{entry.name}"):
        st.write("It saves where it is, and can be resumed at that very step.")
        if st.button("Yes, cancel it", key=f"queue_cancel_{entry.name}", type="primary"):
            cancel(entry.path)
            st.rerun()


def _end_now(entry: Entry) -> None:
    if st.button(
        "End it now", key=f"queue_end_{entry.name}", help="Without waiting for it to save"
    ):
        with st.spinner("Ending the process …"):
            stop(entry.path, grace_s=0.0)
        st.rerun()
