"""What surrounds every page: the sidebar, and the one place that shows mendable errors."""

from typing import Protocol

import streamlit as st

from app import controls, first_start, links, queue_line, states
from core.project import PROJECT


class Runnable(Protocol):
    """The chosen page, as `st.navigation` returns it."""

    def run(self) -> None:
        """Draw the page."""


def show(page: Runnable) -> None:
    """Draw the sidebar, then the page; a mistake that the reader can mend becomes a sentence."""
    first_start.begin()
    st.logo(str(PROJECT / "app" / "logo.png"), icon_image=str(PROJECT / "app" / "icon.png"))
    with st.sidebar:
        controls.pick_dataset()
        controls.pick_checkpoint()
        links.to("train", "Train a model")
        queue_line.show()
        controls.pick_online_tiles()
    with states.mendable():
        page.run()
