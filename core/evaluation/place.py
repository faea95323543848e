"""Whether photos belong to the place of a checkpoint; no weights are read."""

import numpy as np

from core.dataset.leak import nearest_training_m
from core.errors import FrameError
from core.geo import CoordinateFrame, Floats
from core.model.card import Card
from core.retrieval.gallery import Gallery

# A campus and its surroundings; without a gallery, from the middle of the campus.
OTHER_PLACE_M, OTHER_ORIGIN_M = 2_000.0, 20_000.0


def metres_of(labels: Floats, frame: CoordinateFrame, card: Card) -> Floats:
    """Return label positions `(n, 2)` of a frame in the local metres of a checkpoint.

    NaN for photos without a position.

    Raises:
        FrameError: Positions cannot be converted from this frame to the checkpoint's.
    """
    local = card.local_frame
    if frame == card.frame:
        return local.to_metres(labels)
    if np.isnan(labels).all():
        return np.full(labels.shape, np.nan)
    if not (frame.has_degrees and card.frame.has_degrees):
        raise _other_frame(frame, card.frame)
    return local.from_degrees(frame.to_degrees(labels))


def in_frame(labels: Floats, frame: CoordinateFrame, other: CoordinateFrame) -> Floats:
    """Return label positions `(n, 2)` of a frame in the label units of another one.

    Raises:
        FrameError: They cannot be converted.
    """
    if frame == other:
        return labels
    if not (frame.has_degrees and other.has_degrees):
        raise _other_frame(other, frame)
    return other.from_degrees(frame.to_degrees(labels))


def _other_frame(dataset: CoordinateFrame, card: CoordinateFrame) -> FrameError:
    return FrameError(
        f"the dataset's positions are {dataset.kind} and the checkpoint's {card.kind}: positions "
        "cannot be converted between the two. Give both the same frame in campus.toml"
    )


def other_place_m(position_m: Floats, gallery: Gallery | None) -> float | None:
    """Return how far photos are from the training photos if they belong to another place.

    Args:
        position_m: Positions of the photos `(n, 2)` in the checkpoint's local metres; NaN for
            those without one.
        gallery: The training photos; without them the origin stands for them.

    Returns:
        The median distance to the nearest training photo in metres; None if half of the photos
        are less than 2 km away, or less than 20 km from the origin, or if no photo has a position.
    """
    limit_m = OTHER_PLACE_M if gallery is not None else OTHER_ORIGIN_M
    train_m = np.zeros((1, 2)) if gallery is None else gallery.position_m
    placed = np.isfinite(position_m).all(axis=1)
    if not placed.any() or not np.isfinite(train_m).any():
        return None
    away_m = float(np.median(nearest_training_m(position_m[placed], train_m)))
    return away_m if away_m > limit_m else None
