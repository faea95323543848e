"""Which photo is explained: an upload, or one of the loaded data set."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.photo import Photo
from app.selection import selection
from app.widgets import pickers
from core.dataset.decode import PHOTO_SUFFIXES

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

_OFFERED = 200
_UPLOAD, _CHOSEN = "explain_upload", "explain_chosen"


def pick(predictor: "Predictor") -> Photo | None:
    """Ask for an upload or a photo of the loaded data set; None if there is none yet."""
    upload = st.file_uploader("Drop a photo here (up to 20 MB)", list(PHOTO_SUFFIXES), key=_UPLOAD)
    if upload is not None:
        return Photo(upload.name, upload.getvalue())
    data = pickers.dataset_if_readable()
    if data is None:
        return None
    rows = np.arange(len(data))
    if predictor.gallery is not None:
        # Of a photo that it was trained on a model is sure whatever is hidden.
        unseen = ~data.table["photo_id"].isin(predictor.gallery.photo_ids).to_numpy()
        rows = np.flatnonzero(unseen) if unseen.any() else rows
    # Spread over the whole campus, and few enough for a menu.
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(_OFFERED, len(rows))).astype(int))]
    linked = selection.linked(_CHOSEN, data.table["photo_id"])
    if linked is not None:
        rows = np.union1d(rows, np.flatnonzero(data.table["photo_id"] == linked))
    photos = data.table.iloc[rows].set_index("photo_id")["path"]
    chosen = st.selectbox("Or a photo of the loaded data set", list(photos.index), key=_CHOSEN)
    selection.link(_CHOSEN, chosen)
    if chosen is None:
        return None
    selection.stepper("explain", list(photos.index), chosen, _take)
    selection.lead_on(chosen, "explain")
    return Photo(chosen, Path(photos[chosen]).read_bytes())


def _take(photo_id: str) -> None:
    st.session_state[_CHOSEN] = photo_id
