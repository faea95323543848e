"""The first thing to do on Home: drop a photo, which Predict answers."""

import streamlit as st

from app import cache, demo, links
from app.predict import uploads
from app.selection import selection
from app.widgets import messages, pickers
from app.workspace import workspace
from core.errors import BearingsError

_EXAMPLE = "home_example"
# The one primary action of the page: a field that is easy to hit with a dragged photo.
_STYLE = """
.st-key-home_uploads [data-testid=stFileUploaderDropzone] {min-height: 7rem; align-items: center}
"""


def show() -> None:
    """Draw the field for photos and some examples; without a model, the way to one."""
    folder = pickers.checkpoint_path()
    if folder is None:
        st.info("Predictions need a trained model: train one, or choose one in the sidebar.")
        links.to("train", "Train a model")
        return
    if (name := st.session_state.pop(_EXAMPLE, None)) is not None:
        links.go("predict", {selection.PHOTO: name})
    st.html(f"<style>{_STYLE}</style>")
    files = uploads.drop_field("home_uploads")
    for note in uploads.hand_over(files) if files else ():
        st.warning(messages.plain(note))
    if demo.is_rendering(workspace()):
        return
    try:
        card = cache.card(folder)
    except BearingsError:
        # The box of the model says what is wrong with it.
        return
    data = pickers.dataset_if_readable()
    uploads.examples("home_examples", folder, card, data, _choose, most=uploads.EXAMPLES)


def _choose(photo_id: str) -> None:
    st.session_state[_EXAMPLE] = photo_id
