"""The queue in a line, on every page: how many jobs run and wait; looked at once a page."""

import streamlit as st

from app.queue_state import look
from app.workspace import workspace
from core.jobs.start import ensure_runner


def show() -> None:
    """Say it in the sidebar; nothing while nothing is at work."""
    place = workspace()
    # After a restart of the machine, whoever opens any page lets the queue go on.
    ensure_runner(place.runs)
    words = look(place.runs).words
    if words:
        st.caption(f"Queue: {words}")
