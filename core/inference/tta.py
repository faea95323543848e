"""Test-time averaging over crops whose headings are known: the whole photo, and pairs beside it.

A crop off the middle looks to the side by a known angle, so its answer for the heading is turned
back by it. Mirrored photos are never asked: they show no real place. Crops come in pairs left and
right, so that what the assumed field of view is wrong by cancels in the mean.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.dataset.augment import View, render_view, resize_photo, slack
from core.dataset.decode import Pixels
from core.geo import Floats, heading_from_unit, heading_unit
from core.inference.known import KnownMetadata
from core.inference.network import NetworkOutputs, run_network
from core.model.card import Card, TtaCard
from core.model.network import BearingsModel
from core.retrieval.refine import mode_mean

WHOLE = View()
# Crops of a photo that place it further apart than this do not speak of one place.
AGREE_M = 25.0
_CANCELLED = 0.1


def crops_of(tta: TtaCard | None) -> tuple[View, ...]:
    """The views that a photo is asked in, the whole first."""
    if tta is None or tta.views == 1:
        return (WHOLE,)
    pairs = tta.views // 2
    reach = slack(View(tta.side))
    rights = [sign * reach * (pairs - i) / pairs for i in range(pairs) for sign in (-1.0, 1.0)]
    return (WHOLE, *(View(tta.side, right) for right in rights))


def render_crop(photo: Pixels, crop: View, size: int) -> Pixels:
    """What the network sees of a square photo `(s, s, 3)`: `(size, size, 3)`."""
    return resize_photo(photo, size) if crop == WHOLE else render_view(photo, crop, size)


def shifts_deg(crops: Sequence[View], hfov_deg: float) -> Floats:
    """By how much each crop looks clockwise of the whole photo, `(v,)`."""
    return np.array([crop.heading_shift_deg(hfov_deg) for crop in crops])


def run_in_crops(
    card: Card, model: BearingsModel, photos: Pixels, known: KnownMetadata, device: str
) -> NetworkOutputs:
    """Ask the network about decoded photos `(n, s, s, 3)` as the card says, and merge its answers.

    A known heading is turned with each crop.
    """
    size, crops = card.preprocess.input_size, crops_of(card.tta)
    turns = shifts_deg(crops, 0.0 if card.tta is None else card.tta.hfov_deg)
    answers = []
    for crop, turn in zip(crops, turns, strict=True):
        if crop == WHOLE and photos.shape[1] == size:
            seen = photos
        else:
            seen = np.stack([render_crop(photo, crop, size) for photo in photos])
        turned = KnownMetadata(known.region, known.heading_deg + turn)
        answers.append(run_network(model, seen, turned, device))
    return merge(answers, turns, np.asarray(card.normaliser.spread))


def merge(answers: Sequence[NetworkOutputs], turns_deg: Floats, spread_m: Floats) -> NetworkOutputs:
    """One answer of several crops' for the same n photos, the first of them the whole photo's.

    Positions are averaged within their strongest cluster, headings as vectors after they are turned
    back (where they cancel, the whole photo's), probabilities and features by their mean.

    Args:
        answers: One a crop.
        turns_deg: `(v,)` by how much each crop looks clockwise of the whole photo.
        spread_m: Metres per unit of the positions, north and east.
    """
    first = answers[0]
    if len(answers) == 1:
        return first
    position_m = np.stack([answer.position for answer in answers], axis=1) * spread_m
    even = np.full(position_m.shape[:2], 1.0 / len(answers))
    place_m, _ = mode_mean(position_m, even, AGREE_M)
    vectors = np.stack(
        [_turned(answer.heading, -turn) for answer, turn in zip(answers, turns_deg, strict=True)]
    )
    mean = vectors.mean(axis=0)
    lengths = np.hypot(vectors[..., 0], vectors[..., 1]).mean(axis=0)
    cancelled = np.hypot(mean[:, 0], mean[:, 1]) < _CANCELLED * lengths
    return replace(
        first,
        probabilities=np.mean([answer.probabilities for answer in answers], axis=0),
        position=place_m / spread_m,
        heading=np.where(cancelled[:, None], first.heading, mean),
        features=np.mean([answer.features for answer in answers], axis=0, dtype=np.float32),
        # A crop turns by less than half of what lies between two bearings.
        views=np.mean([answer.views for answer in answers], axis=0),
    )


def _turned(vector: Floats, degrees: float) -> Floats:
    """Vectors `(n, 2)` turned clockwise, their lengths kept."""
    length = np.hypot(vector[:, 0], vector[:, 1])[:, None]
    return np.asarray(heading_unit(heading_from_unit(vector) + degrees) * length)
