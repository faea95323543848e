"""What surrounds every page: the sidebar, and the one place that shows mendable errors."""

from typing import Protocol

import streamlit as st

from app import controls, links, states


class Runnable(Protocol):
    """The chosen page, as `st.navigation` returns it."""

    def run(self) -> None:
        """Draw the page."""


def show(page: Runnable) -> None:
    """Draw the sidebar, then the page; a mistake that the reader can mend becomes a sentence."""
    with st.sidebar:
        controls.pick_dataset()
        controls.pick_checkpoint()
        links.to("train", "Train a model")
        controls.pick_online_tiles()
    with states.mendable():
        page.run()
