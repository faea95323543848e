"""The tour: four steps through the app, which a reader can close for good and open again.

A step is done once its page was opened in this session. That the tour is closed is stored in
`tour.json` of the workspace.
"""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from pydantic import BaseModel, ConfigDict

from app import links
from app.access import gate
from app.widgets import messages
from app.workspace import workspace
from core.errors import BearingsError, ConfigError
from core.files import read_stored, write_json

FILE = "tour.json"
_OPEN, _FAULT = "tour_open", "tour_fault"


@dataclass(frozen=True)
class Step:
    """One step: its page, what it shows in a sentence, and the words of its link."""

    page: str
    title: str
    text: str
    link: str


STEPS = (
    Step(
        "predict", "See a prediction",
        "A photo gets a position, a heading, and how certain each one is.", "Predict a photo",
    ),
    Step(
        "map", "See the errors on a map",
        "Each photo at its true place, coloured by how far off the model was.", "Open the map",
    ),
    Step(
        "explain", "See why",
        "Which parts of the photo drove the answer, and which training photos match.",
        "Explain a photo",
    ),
    Step(
        "train", "Train your own",
        "Bring a folder of labelled photos, press Start, and watch the model learn.",
        "Train a model",
    ),
)  # fmt: skip


class StoredTour(BaseModel):
    """Content of `tour.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    closed: bool = False


def is_closed(root: Path) -> bool:
    """Whether somebody closed the tour of a workspace; a damaged file is as good as none."""
    try:
        stored = read_stored(root / FILE, StoredTour, "delete it", ConfigError)
    except BearingsError:
        return False
    return stored is not None and stored.closed


def show() -> None:
    """Draw the tour, or the button that opens it again."""
    if fault := st.session_state.pop(_FAULT, None):
        messages.show_error(fault)
    # Who could not store that the tour is closed does not see it again in this session.
    if not st.session_state.get(_OPEN, not is_closed(workspace().root)):
        st.button("Show the tour", key="tour_show", type="tertiary", on_click=_keep, args=(True,))
        return
    seen = links.visited()
    done = sum(step.page in seen for step in STEPS)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Tour", width="content")
        st.caption(f"{done} of {len(STEPS)} steps done", width="content")
        st.space("stretch")
        st.button("Close the tour", key="tour_close", type="tertiary",
                  on_click=_keep, args=(False,))  # fmt: skip
    for number, (step, cell) in enumerate(zip(STEPS, st.columns(len(STEPS)), strict=True), 1):
        with cell, st.container(border=True, height="stretch"):
            tick = " ✓" if step.page in seen else ""
            st.markdown(f"**{number}. {step.title}{tick}**")
            st.caption(step.text)
            links.to(step.page, step.link)


def _keep(open_: bool) -> None:
    """Open or close the tour, for this session and for good; for callbacks."""
    st.session_state[_OPEN] = open_
    if not gate.allows("operator"):
        # For this session only: the file is that of all.
        return
    path = workspace().root / FILE
    try:
        write_json(path, StoredTour(closed=not open_).model_dump(mode="json"))
    except OSError as error:
        st.session_state[_FAULT] = (
            f"The tour is {'open' if open_ else 'closed'} for this session only: {path} cannot be "
            f"written ({error.strerror})"
        )
