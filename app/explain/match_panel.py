"""The training photos that an answer rests on, with the keypoints that they share with a photo."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import cache
from app.explain import rests_panel
from app.photo import Photo
from app.widgets import matches, messages, pickers
from app.widgets.photo_source import PhotoSource
from core.errors import ImageError

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

_SHOWN = 3
_OPEN = "explain_matches"


def show(predictor: "Predictor", photo: Photo) -> None:
    """Offer the training photos with the most matched keypoints; they are compared when opened."""
    if predictor.gallery is None:
        return
    with st.expander(
        "Training photos that match this photo", key=_OPEN, on_change="rerun"
    ) as opened:
        if opened.open:
            _pairs(predictor, photo)


def _pairs(predictor: "Predictor", photo: Photo) -> None:
    [answer] = cache.predictions_of(predictor.folder, (photo,))
    if isinstance(answer, ImageError):
        messages.show_error(answer)
        return
    own = rests_panel.training_photo(predictor, photo)
    if own is None:
        matches.warn_of_same_photo(answer, 0)
    shelf = PhotoSource.of(predictor.card, pickers.dataset_if_readable())
    # A stable sort: of equal counts the more similar photo comes first.
    order = np.argsort(-answer.inliers[0], kind="stable")
    ids = predictor.gallery.photo_ids if predictor.gallery is not None else ()
    others = [int(row) for row in answer.neighbours[0][order] if ids[row] != own]
    counts = matches.pairs(predictor, photo, others[:_SHOWN], shelf)
    if counts and not any(counts):
        st.info(
            "No keypoint of this photo matches a training photo: the answer rests on the network "
            "alone."
        )
