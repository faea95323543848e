"""A photo beside a training photo, with lines between the keypoints that matched."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.figures.matches import draw_matches
from app.photo import Photo
from app.widgets import messages
from app.widgets.photo_source import PhotoSource
from core.dataset.decode import Pixels, decode_photo

if TYPE_CHECKING:
    from core.inference.matches import Matches
    from core.inference.prediction import Prediction
    from core.inference.predictor import Predictor

NO_KEYPOINTS = "The gallery of this model holds no keypoints, so no lines are drawn."
# A cosine of 1 but for rounding: the same photo, or a copy of it.
_SAME_PHOTO = 0.9995
NOT_FOUND = "Photo not found: choose the data set of the training in the sidebar (» opens it)."


def pairs(
    predictor: "Predictor", photo: Photo, rows: Sequence[int], shelf: PhotoSource
) -> tuple[int, ...]:
    """Show a photo beside each of some training photos, with their matched keypoints.

    Args:
        predictor: The model.
        photo: The photo that was predicted.
        rows: Rows of the gallery.
        shelf: Where the pictures of training photos are.

    Returns:
        Numbers of matched keypoints; empty for a gallery without keypoints.
    """
    decoded = photo.square(predictor.store_size)
    model = f"{predictor.folder} {predictor.fingerprint}"
    found = _matched(model, photo.digest, tuple(rows), predictor, decoded)
    named = f"Left: your photo {messages.plain(photo.name)}."
    for place, row in enumerate(rows):
        _pair(predictor, decoded, named, row, shelf, None if found is None else found[place])
    return () if found is None else tuple(map(len, found))


@st.cache_resource(max_entries=256, show_spinner=False)
def _matched(
    model: str, digest: str, rows: tuple[int, ...], _predictor: "Predictor", _photo: Pixels
) -> "tuple[Matches, ...] | None":
    """Matches of a photo and training photos; found once, not at every rerun of a page."""
    from core.inference.matches import match_keypoints

    return match_keypoints(_predictor, _photo, rows)


def warn_of_same_photo(prediction: "Prediction", row: int) -> None:
    """Say so if the most similar training photo is the photo itself."""
    if prediction.similarity[row, :1].max(initial=0.0) >= _SAME_PHOTO:
        st.warning("The first one is this very photo: the model was trained on it.")


def sentence(count: int) -> str:
    """What a number of matched keypoints says."""
    if count == 0:
        return (
            "No keypoints match: the two photos look alike to the network, but nothing shows that "
            "they are of the same place."
        )
    points = "keypoint lies" if count == 1 else "keypoints lie"
    return f"{count} {points} in the same arrangement in both photos."


def _pair(
    predictor: "Predictor",
    photo: Pixels,
    named: str,
    row: int,
    shelf: PhotoSource,
    found: "Matches | None",
) -> None:
    gallery = predictor.gallery
    if gallery is None:
        raise ValueError("a model without a gallery has no training photos to show")
    content = shelf.picture(gallery.filenames[row], gallery.position_m[row])
    if content is None:
        st.caption(NOT_FOUND)
        return
    other = decode_photo(content, size=predictor.store_size)[0]
    nothing = np.empty((0, 2))
    places, others = (nothing, nothing) if found is None else (found.places, found.others)
    said = NO_KEYPOINTS if found is None else sentence(len(found))
    st.image(
        draw_matches(photo, other, places, others),
        caption=f"{named} Right: {messages.plain(gallery.filenames[row])}. {said}",
        width="stretch",
        output_format="PNG",
        alt="Both photos side by side, matching keypoints joined by lines",
    )
