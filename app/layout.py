"""The frame of every page: the sidebar, and the place where errors become sentences."""

from typing import Protocol

import streamlit as st

from app import demo, entrance, links, server_start, upload_limit
from app.access import gate, server
from app.theme import both
from app.train import job_page
from app.train.queue_state import look
from app.widgets import messages, pickers
from app.workspace import workspace
from core.jobs.runner import ensure_runner
from core.project import PROJECT


def _style() -> str:
    """What differs from Streamlit's own look on every page."""
    caption = "[data-testid=stCaptionContainer]"
    return (
        # The label of a field for files names its limits; Streamlit's line says 200 MB, of a ZIP.
        "[data-testid=stFileUploaderDropzoneInstructions] {display: none} "
        # In the colour of links, the chosen option has less than 4.5 to 1 on its tinted ground.
        f"button[data-selected=true] p {{color: {both('text')}}} "
        f"[data-testid=stSliderThumbValue] p {{color: {both('text')}}} "
        # Streamlit fades captions to 4.2 to 1 on white; text needs 4.5.
        f"{caption} {{opacity: .8}} "
        # A link among text looks like one, and begins where the text begins.
        "[data-testid=stMain] [data-testid=stPageLink-NavLink] {padding-left: 0} "
        "[data-testid=stMain] [data-testid=stPageLink-NavLink] p "
        f"{{color: {both('link')}}} "
    )


def queue_line() -> None:
    """Show in the sidebar how many jobs run and wait, if any do."""
    if not gate.allows("viewer"):
        return
    runs = workspace().runs
    queue = look(runs)
    if queue.waiting and gate.allows("operator"):
        # After a restart of the machine, opening any page continues the queue.
        ensure_runner(runs)
    if queue.busy:
        st.caption(f"Queue: {queue.summary}")


class Runnable(Protocol):
    """The chosen page, as `st.navigation` returns it."""

    @property
    def url_path(self) -> str:
        """Its short name; empty for Home."""

    def run(self) -> None:
        """Draw the page."""


def show(page: Runnable) -> None:
    """Draw the sidebar, then the page; errors that the reader can mend become sentences."""
    upload_limit.limit_uploads()
    server.guard()
    server_start.begin(workspace())
    st.html(f"<style>{_style()}</style>")
    st.logo(str(PROJECT / "app" / "logo.png"), icon_image=str(PROJECT / "app" / "icon.png"))
    if not entrance.enter(page.url_path):
        return
    demo.begin()
    with st.sidebar, messages.mendable():
        job_page.make_room()
        pickers.pick_dataset()
        pickers.pick_checkpoint()
        if gate.allows("operator"):
            links.to("train", "Train a model")
        queue_line()
        pickers.pick_online_tiles()
    links.note_visit(page.url_path)
    # The page of the labels is where its own link leads.
    with messages.mendable(linked=page.url_path != "data"):
        page.run()
