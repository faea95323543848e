"""The training photos that support an answer: pictures, positions, headings, similarity."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pydeck as pdk
import streamlit as st

from app import theme, wording
from app.figures.drawings import horizon
from app.maps.backdrop import region_ids
from app.photo import Photo
from app.selection import selection
from app.widgets import matches, messages, tiles
from app.widgets.photo_source import PhotoSource
from core.amounts import counted
from core.geo import distance_m, heading_error_deg
from core.inference.export import feature_distance
from core.inference.prediction import Prediction
from core.retrieval.gallery import Gallery

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

MAP_ALT = "Predicted position, heading and evidence"
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
    matches.warn_of_same_photo(prediction, row)
    away = distance_m(gallery.position_m[rows], prediction.position_refined_m[row])
    placed = "position" in prediction.labels
    st.caption(
        f"{_agreement(prediction, row, gallery, rows)}{_walks(shelf, gallery, rows)} Click one to "
        "compare it with your photo."
    )
    unlike = feature_distance(prediction.similarity[row])
    page, ids = _page(photo), [gallery.photo_ids[index] for index in rows]
    missing: list[str] = []

    def tile(photo_id: str) -> tiles.Tile:
        rank = ids.index(photo_id)
        index = int(rows[rank])
        words = _agreeing(prediction, row, rank) or f"feature distance {unlike[rank]:.2f}"
        near = f"{wording.metres(away[rank])} from the pin" if placed else ""
        lines = [messages.plain(_labels(prediction, gallery, index)), near, words]
        picture = shelf.picture(gallery.filenames[index], gallery.position_m[index])
        missing.extend([photo_id] if picture is None else ())
        title = f"{rank + 1}: {gallery.filenames[index]}"
        return tiles.Tile(
            photo_id, title, "".join(f"  \n{each}" for each in lines if each), picture
        )

    chosen = selection.chosen(page, partial(_rank, ids), linked=False)
    if chosen is None:
        chosen = best_match(prediction, row, len(rows))
    tiles.grid(
        "predict_evidence", ids, tile, partial(selection.choose, page),
        chosen=None if chosen is None else ids[chosen], page_size=len(ids),
    )  # fmt: skip
    if missing:
        st.caption(matches.NOT_FOUND)
    if chosen is not None:
        matches.pairs(predictor, photo, [int(rows[chosen])], shelf)
        _headings(prediction, row, float(gallery.heading_deg[rows[chosen]]))


def best_match(prediction: Prediction, row: int, most: int) -> int | None:
    """Rank, below `most`, of the photo with the most matched keypoints; None without a match."""
    points = prediction.inliers[row, :most]
    return int(points.argmax()) if len(points) and points.max() > 0 else None


def _headings(prediction: Prediction, row: int, other_deg: float) -> None:
    """Both headings on one horizon, and how far they are apart; nothing if one is unknown."""
    heading = float(prediction.heading_refined_deg[row])
    if not np.isfinite([heading, other_deg]).all():
        return
    palette = theme.palette()
    apart = wording.degrees(float(heading_error_deg(heading, other_deg)))
    words = (
        f"Headings: yours {wording.heading(heading)}, the training photo's "
        f"{wording.heading(other_deg)}, {apart} apart."
    )
    drawing = horizon({palette.refined: heading, palette.evidence: other_deg}, palette)
    st.image(drawing, width="stretch", alt=words)
    st.caption(words)


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
        return f"{near:,} of these {len(rows):,} were taken within {AGREE_M:.0f} m of the pin."
    same = int((gallery.region[rows] == prediction.region_index[row]).sum())
    return f"{same:,} of these {len(rows):,} were taken in the predicted region."


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
    return "" if points < 0 else f"{points} matched keypoints"


def _walks(shelf: PhotoSource, gallery: Gallery, rows: np.ndarray) -> str:
    """The number of walks the photos come from, if the loaded data set knows their walks."""
    found = [shelf.row(gallery.filenames[row], gallery.position_m[row]) for row in rows]
    if shelf.dataset is None or None in found:
        return ""
    table = shelf.dataset.table.loc[[row for row in found if row is not None]]
    walks = {(visit, walk) for visit, walk in zip(table["visit"], table["walk"], strict=True)}
    if ("", "") in walks:
        return ""
    return f" They come from {counted(len(walks), 'walk')}."


def _rank(photo_ids: list[str], photo_id: str) -> int | None:
    return photo_ids.index(photo_id) if photo_id in photo_ids else None


def _page(photo: Photo) -> str:
    """Name of the selection of a training photo to compare with this photo."""
    return f"compare_{photo.digest}"
