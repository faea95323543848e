"""Whether photos belong to the place of a checkpoint; no weights are read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.dataset.exif import read_exif
from core.errors import BearingsError, ConfigError, FrameError
from core.geo import CoordinateFrame, Floats
from core.model.card import Card
from core.retrieval.gallery import Gallery
from core.splits.leak import nearest_training_m

# A campus and its surroundings; without a gallery, from the middle of the campus.
OTHER_PLACE_M, OTHER_ORIGIN_M = 2_000.0, 20_000.0
# Reading the headers of thousands of photos for one sentence is not worth the time.
_HEADERS_READ = 200


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


def check_place(
    card: Card, gallery: Gallery | None, position_m: Floats, dataset: Path | str
) -> None:
    """Refuse photos of another place than that of the training photos.

    Args:
        card: Of the model; one without positions has no place.
        gallery: Its training photos; without them its origin stands for them.
        position_m: Positions of the photos `(n, 2)` in the model's local metres; NaN for those
            without one.
        dataset: Where they come from, for the message.

    Raises:
        ConfigError: Half of the photos are kilometres from every training photo.
    """
    if "position" not in card.labels:
        return
    away_m = other_place_m(position_m, gallery)
    if away_m is not None:
        raise ConfigError(
            f"the photos of {dataset} stand {away_m / 1000:,.0f} km from the training photos of "
            "this model, so its figures would mean nothing. Choose the data set of the model's "
            "campus, or ask for the figures all the same (--other-place)"
        )


def other_place_note(
    card: Card, gallery: Gallery | None, source: Path, photos: Sequence[Path]
) -> tuple[str, ...]:
    """Return a note if photos say, by labels or EXIF, that they are of another place.

    Args:
        card: Of the model.
        gallery: Its training photos.
        source: The photo, or the folder of photos; a label table may be in it or beside it.
        photos: The photos.
    """
    if "position" not in card.labels:
        return ()
    labelled, exif = _labelled_m(card, source, photos), _exif_m(card, photos)
    for position_m, how in ((labelled, "their labels"), (exif, "their EXIF")):
        away_m = other_place_m(position_m, gallery) if len(position_m) else None
        if away_m is not None:
            return (
                f"By {how} these photos stand {away_m / 1000:,.0f} km from the training photos of "
                "this model, which knows only its own campus: its answers for them are wrong.",
            )
    return ()


def _labelled_m(card: Card, source: Path, photos: Sequence[Path]) -> Floats:
    """Positions `(k, 2)` of the photos that a label table in or beside their folder names."""
    # Most photos have no table, and pandas takes a third of a second to import.
    from core.dataset.layout import find_label_files

    folder = source.parent if source.is_file() else source
    wanted = {str(path.resolve()) for path in photos}
    for root in (folder, folder.parent):
        try:
            find_label_files(root)
            from core.dataset.labels import read_dataset  # imports pandas

            dataset = read_dataset(root, allow_missing=True)
            named = [str(Path(path).resolve()) in wanted for path in dataset.table["path"]]
            if any(named):
                return metres_of(dataset.positions[named], dataset.campus.frame, card)
        except BearingsError:
            # Photos without a table, or with one that cannot be read, are predicted all the same.
            continue
    return np.empty((0, 2))


def _exif_m(card: Card, photos: Sequence[Path]) -> Floats:
    """Positions `(k, 2)` that the EXIF of the photos names, of some hundreds at most."""
    if not card.frame.has_degrees:
        return np.empty((0, 2))
    degrees = []
    for path in photos[:: max(1, -(-len(photos) // _HEADERS_READ))]:
        try:
            found = read_exif(path)
        except BearingsError:
            # The prediction names a photo that cannot be read.
            continue
        if found.latitude is not None and found.longitude is not None:
            degrees.append([found.latitude, found.longitude])
    return card.local_frame.from_degrees(np.reshape(degrees, (-1, 2)))
