"""One batch through the network: pixels in, plain arrays out."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.confidence.ood import SIZE, appearance
from core.dataset.decode import Pixels
from core.geo import Floats, heading_unit
from core.inference.known import KnownMetadata
from core.model.backbone import normalise
from core.model.network import BearingsModel, Outputs


@dataclass(frozen=True)
class NetworkOutputs:
    """What the network says of n photos, as arrays on the CPU.

    Attributes:
        probabilities: `(n, R)` float64, rows adding to 1.
        position: `(n, 2)` normalised, as the heads give it.
        heading: `(n, 2)` `(cos, sin)`, of any length.
        features: `(n, D)` float32 pooled features.
        views: `(n, anchors * bearings)` float64 logits of the place head; no column without one.
        appearance: `(n, SIZE)` see `core.confidence.ood`; of the pixels, not of the network.
    """

    probabilities: Floats
    position: Floats
    heading: Floats
    features: NDArray[np.float32]
    views: Floats
    appearance: Floats

    @classmethod
    def joined(cls, parts: list[Self], regions: int, width: int, views: int) -> Self:
        """Put batches together; no batch gives arrays of 0 photos."""
        empty = cls(
            np.empty((0, regions)),
            np.empty((0, 2)),
            np.empty((0, 2)),
            np.empty((0, width), np.float32),
            np.empty((0, views)),
            np.empty((0, SIZE)),
        )
        names = ("probabilities", "position", "heading", "features", "views", "appearance")
        found = [
            np.concatenate([getattr(part, name) for part in (empty, *parts)]) for name in names
        ]
        return cls(*found)

    def rows(self, part: slice) -> Self:
        """The answers about some of the photos."""
        return type(self)(*(getattr(self, field.name)[part] for field in fields(self)))


def run_network(
    model: BearingsModel, photos: Pixels, known: KnownMetadata, device: str
) -> NetworkOutputs:
    """Run photos `(n, input_size, input_size, 3)` through backbone and heads."""
    region = heading = None
    if known.anything:
        region = torch.from_numpy(known.region).to(device)
        heading = torch.from_numpy(heading_unit(known.heading_deg).astype(np.float32)).to(device)
    with torch.inference_mode():
        images = normalise(photos, model.mean, model.std, device)
        outputs = model(images, region, heading)
    return replace(network_outputs(outputs), appearance=appearance(photos))


@torch.inference_mode()
def network_outputs(outputs: Outputs) -> NetworkOutputs:
    """What the network says, as arrays on the CPU; appearance is NaN, as no pixels are here."""
    return NetworkOutputs(
        outputs.region_logits.double().softmax(dim=1).cpu().numpy(),
        outputs.position.double().cpu().numpy(),
        outputs.heading.double().cpu().numpy(),
        outputs.features.float().cpu().numpy(),
        _views(outputs.place_logits, len(outputs.features)),
        np.full((len(outputs.features), SIZE), np.nan),
    )


def _views(logits: Tensor | None, n: int) -> Floats:
    if logits is None:
        return np.empty((n, 0))
    return np.asarray(logits.double().flatten(1).cpu().numpy())
