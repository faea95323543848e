"""The banner over a data set and a model that belong to different places."""

import streamlit as st

from app import cache
from app.widgets import pickers
from core.errors import BearingsError


def show() -> None:
    """Warn if the loaded data set lies kilometres from the training photos of the loaded model.

    What cannot be read is no matter of this banner: the page itself says so.
    """
    source, checkpoint = pickers.dataset_path(), pickers.checkpoint_path()
    if source is None or checkpoint is None:
        return
    try:
        away_m = cache.other_place_m(source, checkpoint)
    except BearingsError:
        return
    if away_m is not None:
        st.warning(
            f"The data set and the model belong to different places, {away_m / 1000:,.0f} km "
            "apart. The model knows only the place of its training photos: choose the data set or "
            "the model of the same place in the sidebar (» opens it), or train a model on this "
            "data set."
        )
