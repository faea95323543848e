"""Photos through the network: one batch to plain arrays, and the average over crops of a photo.

A crop off the middle looks to the side by a known angle, so its heading is turned back by that
angle. Mirrored photos are never used, as they show no real place. Crops come in pairs left and
right, so that an error of the assumed field of view cancels in the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.confidence.ood import SIZE
from core.dataset.augment import View, render_view, resize_photo, slack
from core.dataset.decode import Pixels
from core.geo import Floats, heading_from_unit, heading_unit
from core.inference.known import KnownMetadata
from core.model.card import Card, RetrievalCard, TtaCard
from core.retrieval.gallery import Gallery
from core.retrieval.modes import mode_mean
from core.retrieval.neighbours import PlaceShares

if TYPE_CHECKING:
    from core.model.network import BearingsModel


@dataclass(frozen=True)
class NetworkOutputs:
    """The network's outputs for n photos, as arrays on the CPU.

    Attributes:
        probabilities: `(n, R)` float64, rows adding to 1; R is 0 without a region head.
        position: `(n, 2)` normalised, as the heads give it; NaN if none predicts it.
        heading: `(n, 2)` `(cos, sin)`, of any length; NaN if no head predicts it.
        features: `(n, width)` float32 pooled features.
        descriptor: `(n, D)` float32, what the gallery is searched by; starts with the features.
        views: `(n, anchors * bearings)` float64 logits of the place head; no column without one.
        appearance: `(n, SIZE)` see `core.confidence.ood`; of the pixels, not of the network.
    """

    probabilities: Floats
    position: Floats
    heading: Floats
    features: NDArray[np.float32]
    descriptor: NDArray[np.float32]
    views: Floats
    appearance: Floats

    @classmethod
    def joined(cls, parts: list[Self], regions: int, widths: tuple[int, ...], views: int) -> Self:
        """Put batches together; no batch gives arrays of 0 photos.

        Args:
            parts: The outputs of each batch.
            regions: Number of regions.
            widths: Of the parts of a descriptor, the features first.
            views: Number of views of the place head.
        """
        empty = cls(
            np.empty((0, regions)),
            np.empty((0, 2)),
            np.empty((0, 2)),
            np.empty((0, widths[0]), np.float32),
            np.empty((0, sum(widths)), np.float32),
            np.empty((0, views)),
            np.empty((0, SIZE)),
        )
        columns = [
            np.concatenate([getattr(part, field.name) for part in (empty, *parts)])
            for field in fields(cls)
        ]
        return cls(*columns)

    @property
    def are_finite(self) -> bool:
        """Whether the network computed numbers; finite weights can overflow too."""
        computed = (self.probabilities, self.features, self.descriptor, self.views)
        return all(bool(np.isfinite(values).all()) for values in computed)

    def rows(self, part: slice) -> Self:
        """The outputs for some of the photos."""
        return type(self)(*(getattr(self, field.name)[part] for field in fields(self)))


class Network(Protocol):
    """A network in evaluation mode, whatever computes it; hold the predictor's lock meanwhile."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the parts of its descriptors."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """What the parts of its descriptors are, in words."""
        ...

    @property
    def anchors(self) -> Floats | None:
        """`(anchors, 2)` normalised positions of its place head, NaN where not placed."""
        ...

    @property
    def model(self) -> "BearingsModel":
        """The module of torch, loaded when it is first asked for: for gradients and layers."""
        ...

    def run(self, photos: Pixels, known: KnownMetadata) -> NetworkOutputs:
        """Run photos `(n, input_size, input_size, 3)` through backbone and heads."""
        ...


class Describer(Protocol):
    """A frozen backbone that describes photos for retrieval, whatever computes it."""

    @property
    def card(self) -> RetrievalCard:
        """Which backbone it is, and how photos become its input."""
        ...

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the parts of its descriptors."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """What the parts of its descriptors are, in words."""
        ...

    def describe(self, photos: Pixels) -> NDArray[np.float32]:
        """Descriptors `(n, d)` of RGB photos `(n, input_size, input_size, 3)`."""
        ...


def place_shares(
    network: Network, card: Card, views: Floats, gallery: Gallery
) -> PlaceShares | None:
    """The place head's shares for n photos; None if it is missing or nothing has a position.

    Args:
        network: The network.
        card: Its card.
        views: `(n, anchors * bearings)` logits of its place head.
        gallery: The training photos that the shares rank.
    """
    if network.anchors is None or "position" not in gallery.labels:
        return None
    return PlaceShares.of(views, card.normaliser.to_metres(network.anchors), gallery)


WHOLE = View()
# Positions of two crops that lie further apart than this are different places.
AGREE_M = 25.0
_CANCELLED = 0.1


def crops_of(tta: TtaCard | None) -> tuple[View, ...]:
    """The views of a photo that a prediction averages, the whole first."""
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
    card: Card, network: Network, photos: Pixels, known: KnownMetadata
) -> NetworkOutputs:
    """Run decoded photos `(n, s, s, 3)` in the crops that the card names, and merge the outputs.

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
        answers.append(network.run(seen, turned))
    return merge(answers, turns, np.asarray(card.normaliser.spread))


def describe_whole(network: Describer, photos: Pixels) -> NDArray[np.float32]:
    """Descriptors `(n, d)` by a retrieval network of decoded photos `(n, s, s, 3)`."""
    side = network.card.preprocess.input_size
    if photos.shape[1] != side:
        photos = np.stack([resize_photo(photo, side) for photo in photos])
    return network.describe(photos)


def merge(answers: Sequence[NetworkOutputs], turns_deg: Floats, spread_m: Floats) -> NetworkOutputs:
    """Merge the outputs of several crops of the same n photos; the first crop is the whole photo.

    Positions are averaged within their strongest cluster, headings as vectors after they are turned
    back (where they cancel, the whole photo's), probabilities, features and descriptors by their
    mean. What the
    network does not predict stays NaN or without a column.

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
        descriptor=np.mean([answer.descriptor for answer in answers], axis=0, dtype=np.float32),
        # A crop turns by less than half of what lies between two bearings.
        views=np.mean([answer.views for answer in answers], axis=0),
    )


def _turned(vector: Floats, degrees: float) -> Floats:
    """Vectors `(n, 2)` turned clockwise, their lengths kept."""
    length = np.hypot(vector[:, 0], vector[:, 1])[:, None]
    return np.asarray(heading_unit(heading_from_unit(vector) + degrees) * length)
