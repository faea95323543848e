"""The evidence for an answer: the most similar training photos, and features of strangeness.

The neighbours here are the most similar on the whole campus, whatever the refinement looks at: a
second place that looks the same must show, even where the refinement rightly chose the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats, circular_mean_deg

_SIDE = ("position_m", "heading_deg", "region", "similarity")
_OWN = ("appearance", "signals")


@dataclass(frozen=True)
class Evidence:
    """Neighbours and signals of n photos.

    Attributes:
        position_m: `(n, m, 2)` where the neighbours were taken; m is 0 without a gallery; NaN for
            a gallery without positions.
        heading_deg: `(n, m)` where they faced; NaN without a heading.
        region: `(n, m)` their regions, as indices; -1 without a region.
        similarity: `(n, m)` cosines.
        source: `(m,)` which network found each neighbour: an ensemble's members have their own,
            whose cosines do not compare.
        share: `(networks,)` what each network's neighbours weigh together; they add up to 1.
        appearance: `(n, a)` colours and textures of the photos, see `core.confidence.ood`.
        signals: `(n, s)`, greater: more like the campus.
        names: What the signals are called.
    """

    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    similarity: Floats
    source: NDArray[np.int64]
    share: Floats
    appearance: Floats
    signals: Floats
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check every shape."""
        n, m = self.heading_deg.shape
        shapes = (
            self.position_m.shape, self.region.shape, self.similarity.shape, self.source.shape,
            self.signals.shape,
        )  # fmt: skip
        if len(self.appearance) != n or shapes != (
            (n, m, 2),
            (n, m),
            (n, m),
            (m,),
            (n, len(self.names)),
        ):
            raise ValueError(f"evidence of {n} photos and {m} neighbours does not fit: {shapes}")

    def weights(self, softness: float) -> Floats:
        """Weights `(n, m)`, adding up to 1: exp(similarity / softness) within each network."""
        weight = np.zeros(self.similarity.shape)
        for network, share in enumerate(self.share):
            own = self.source == network
            lifted = self.similarity[:, own]
            lifted = np.exp((lifted - lifted.max(axis=1, keepdims=True)) / softness)
            weight[:, own] = share * lifted / lifted.sum(axis=1, keepdims=True)
        return weight

    def labelled_weights(self, label: Literal["heading", "region"], softness: float) -> Floats:
        """`weights` of the neighbours that have a label `(n, m)`; all 0 where none has it."""
        weight = self.weights(softness)
        has = np.isfinite(self.heading_deg) if label == "heading" else self.region >= 0
        total = (weight * has).sum(axis=1, keepdims=True)
        # Photos whose neighbours all have the label keep their weights to the last bit.
        total = np.where(has.all(axis=1, keepdims=True) | (total == 0.0), 1.0, total)
        return np.asarray(weight * has / total)

    def mean_heading(self, softness: float) -> tuple[Floats, Floats]:
        """Weighted circular mean `(n,)` of the neighbours' headings, and its resultant length.

        The length is 0 if no neighbour has a heading.
        """
        weight = self.labelled_weights("heading", softness)
        return circular_mean_deg(np.nan_to_num(self.heading_deg), weight)

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The evidence for some of the photos."""
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in (*_SIDE, *_OWN)}
        return replace(self, **arrays)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put the photos of several calls of one predictor together."""
        first = parts[0]
        grown = (*_SIDE, *_OWN)
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in grown
        }
        return replace(first, **arrays)

    @classmethod
    def of_members(cls, members: Sequence[Self], weights: Floats) -> Self:
        """Neighbours of all members side by side; signals that all have, averaged by weight."""
        first = members[0]
        names = tuple(
            name for name in first.names if all(name in member.names for member in members)
        )
        signals = [one.signals[:, [one.names.index(name) for name in names]] for one in members]
        having = [
            (one, weight) for one, weight in zip(members, weights, strict=True) if len(one.source)
        ]
        source = [np.full(len(one.source), turn) for turn, (one, _) in enumerate(having)]
        share = np.array([weight for _, weight in having])
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(one, name) for one in members], axis=1) for name in _SIDE
        }
        return replace(
            first,
            **arrays,
            source=np.concatenate([np.empty(0, np.int64), *source]),
            share=share / max(share.sum(), 1e-12),
            signals=np.einsum("m,mns->ns", weights, np.stack(signals)),
            names=names,
        )


class PredictionFields(Protocol):
    """The fields of a `Prediction` for n photos that a calibration reads.

    A protocol, because a prediction holds the confidence that is computed from it.
    """

    @property
    def region_probabilities(self) -> Floats:
        """`(n, R)`, with the neighbours' votes; R is 0 without regions."""

    @property
    def position_m(self) -> Floats:
        """`(n, 2)` of the network; NaN without positions."""

    @property
    def position_refined_m(self) -> Floats:
        """`(n, 2)`, the pins."""

    @property
    def heading_deg(self) -> Floats:
        """`(n,)` of the network; NaN without headings."""

    @property
    def heading_refined_deg(self) -> Floats:
        """`(n,)`."""

    @property
    def heading_length(self) -> Floats:
        """`(n,)` of the network's vector."""

    @property
    def evidence(self) -> Evidence | None:
        """Neighbours and signals."""

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The predictions of some of the photos."""
