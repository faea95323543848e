"""What surrounds every page: the sidebar, and the one place that shows mendable errors."""

from typing import Protocol

import streamlit as st

from app import demo, links
from app.train.queue_state import look
from app.widgets import messages, pickers
from app.workspace import workspace
from core.jobs.runner import ensure_runner
from core.project import PROJECT


def queue_line() -> None:
    """Say in the sidebar how many jobs run and wait; nothing while nothing is at work."""
    runs = workspace().runs
    queue = look(runs)
    if queue.waiting:
        # After a restart of the machine, whoever opens any page lets the queue go on.
        ensure_runner(runs)
    if queue.busy:
        st.caption(f"Queue: {queue.words}")


class Runnable(Protocol):
    """The chosen page, as `st.navigation` returns it."""

    def run(self) -> None:
        """Draw the page."""


def show(page: Runnable) -> None:
    """Draw the sidebar, then the page; a mistake that the reader can mend becomes a sentence."""
    demo.begin()
    st.logo(str(PROJECT / "app" / "logo.png"), icon_image=str(PROJECT / "app" / "icon.png"))
    with st.sidebar:
        pickers.pick_dataset()
        pickers.pick_checkpoint()
        links.to("train", "Train a model")
        queue_line()
        pickers.pick_online_tiles()
    with messages.mendable():
        page.run()
