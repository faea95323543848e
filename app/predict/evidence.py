"""The training photos that support an answer: pictures, positions, headings, similarity."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pydeck as pdk
import streamlit as st

from app import wording
from app.maps.backdrop import region_ids
from app.photo import Photo
from app.widgets import matches, selection
from app.widgets.photo_source import PhotoSource
from core.geo import distance_m
from core.inference.export import feature_distance
from core.inference.prediction import Prediction
from core.retrieval.gallery import Gallery

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

COLUMNS, COLUMNS_BESIDE = 6, 4
MAP_ALT = "Predicted position, heading and evidence"
# A cosine of 1 but for rounding: the same photo, or a copy of it.
SAME_PHOTO = 0.9995
AGREE_M = 20.0


def strip(
    predictor: "Predictor",
    prediction: Prediction,
    row: int,
    shelf: PhotoSource,
    photo: Photo,
    most: int,
) -> None:
    """Show the nearest training photos in feature space, most similar first.

    Args:
        predictor: Whose gallery holds the training photos.
        prediction: Answers for one or more photos.
        row: Which of them.
        shelf: Where their pictures are.
        photo: The predicted photo, to compare with a chosen training photo.
        most: How many to show.
    """
    gallery = predictor.gallery
    if gallery is None:
        raise ValueError("a model without a gallery has no training photos to show")
    st.subheader("Most similar training photos")
    rows = prediction.neighbours[row][:most]
    if prediction.similarity[row][0] >= SAME_PHOTO:
        st.warning("The first one is this very photo: the model was trained on it.")
    away = distance_m(gallery.position_m[rows], prediction.position_refined_m[row])
    placed = "position" in prediction.labels
    st.caption(f"{_agreement(prediction, row, gallery, rows)}{_walks(shelf, gallery, rows)}")
    columns = COLUMNS if placed else COLUMNS_BESIDE
    unlike = feature_distance(prediction.similarity[row])
    page, ids = _page(photo), [gallery.photo_ids[index] for index in rows]
    chosen = selection.chosen(page, partial(_rank, ids), linked=False)
    for start in range(0, len(rows), columns):
        for rank, cell in zip(range(start, len(rows)), st.columns(columns), strict=False):
            index = int(rows[rank])
            with cell:
                _picture(shelf, gallery, index)
                st.button(
                    f"{rank + 1}: compare", key=f"predict_compare_{rank}", type="tertiary",
                    on_click=selection.choose, args=(page, ids[rank]),
                )  # fmt: skip
                lines = [
                    _labels(prediction, gallery, index),
                    f"{wording.metres(away[rank])} from the pin" if placed else "",
                    f"feature distance {unlike[rank]:.2f}{_agreeing(prediction, row, rank)}",
                    f"`{gallery.filenames[index]}`",
                ]
                st.caption("  \n".join(filter(None, lines)))
    if chosen is not None:
        matches.pairs(predictor, photo, [int(rows[chosen])], shelf)


def map_of(
    photo: Photo,
    prediction: Prediction,
    row: int,
    gallery: Gallery | None,
    deck: pdk.Deck,
    height_px: int,
) -> None:
    """Draw the map of an answer; a click on a training photo compares the two."""
    if gallery is None:
        st.pydeck_chart(deck, height=height_px, alt=MAP_ALT)
        return

    def name(rank: int) -> str:
        return gallery.photo_ids[int(prediction.neighbours[row][rank])]

    selection.clickable_map(_page(photo), deck, name, MAP_ALT, height_px=height_px)


def _agreement(prediction: Prediction, row: int, gallery: Gallery, rows: np.ndarray) -> str:
    """How many of the training photos agree with the answer."""
    if "position" in prediction.labels:
        away = distance_m(gallery.position_m[rows], prediction.position_refined_m[row])
        near = int((away <= AGREE_M).sum())
        return f"{near} of these {len(rows)} were taken within {AGREE_M:.0f} m of the pin."
    same = int((gallery.region[rows] == prediction.region_index[row]).sum())
    return f"{same} of these {len(rows)} were taken in the predicted region."


def _labels(prediction: Prediction, gallery: Gallery, index: int) -> str:
    """Region and heading of a training photo, as far as it has them."""
    [region] = region_ids(gallery.region[[index]], prediction.regions)
    parts = [prediction.region_names.get(region, f"region {region}")] if region else []
    heading = float(gallery.heading_deg[index])
    parts += [f"faces {wording.heading(heading)}"] if np.isfinite(heading) else []
    return ", ".join(parts)


def _agreeing(prediction: Prediction, row: int, rank: int) -> str:
    """The number of matched keypoints, if keypoints were compared."""
    points = prediction.inliers[row, rank]
    return "" if points < 0 else f"  \n{points} matched keypoints"


def _walks(shelf: PhotoSource, gallery: Gallery, rows: np.ndarray) -> str:
    """The number of walks the photos come from, if the loaded data set knows their walks."""
    found = [shelf.row(gallery.filenames[row], gallery.position_m[row]) for row in rows]
    if shelf.dataset is None or None in found:
        return ""
    table = shelf.dataset.table.loc[[row for row in found if row is not None]]
    walks = {(visit, walk) for visit, walk in zip(table["visit"], table["walk"], strict=True)}
    if ("", "") in walks:
        return ""
    return f" They come from {len(walks)} walk{'s' if len(walks) > 1 else ''}."


def _picture(shelf: PhotoSource, gallery: Gallery, index: int) -> None:
    content = shelf.picture(gallery.filenames[index], gallery.position_m[index])
    if content is None:
        st.caption(matches.NOT_FOUND)
    else:
        st.image(content, width="stretch")


def _rank(photo_ids: list[str], photo_id: str) -> int | None:
    return photo_ids.index(photo_id) if photo_id in photo_ids else None


def _page(photo: Photo) -> str:
    """Name of the selection of a training photo to compare with this photo."""
    return f"compare_{photo.digest}"
