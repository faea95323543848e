"""The network of a checkpoint as a module of torch."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.confidence.ood import SIZE, appearance
from core.dataset.decode import Pixels
from core.geo import Floats, heading_unit
from core.inference.known import KnownMetadata
from core.inference.network import NetworkOutputs
from core.model.backbone import normalise
from core.model.network import BearingsModel, Outputs


@dataclass(frozen=True)
class TorchNetwork:
    """A `core.inference.network.Network` that torch computes, on the device that it lies on."""

    model: BearingsModel

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the parts of its descriptors, the features first."""
        return self.model.descriptor_widths

    @property
    def parts(self) -> tuple[str, ...]:
        """What the parts of its descriptors are, in words."""
        return self.model.descriptor_parts

    @property
    def anchors(self) -> Floats | None:
        """Normalised positions `(anchors, 2)` of its place head; None without one."""
        head = self.model.place_head
        return None if head is None else head.anchors.double().cpu().numpy()

    def run(self, photos: Pixels, known: KnownMetadata) -> NetworkOutputs:
        """Run photos `(n, input_size, input_size, 3)` through backbone and heads."""
        model = self.model
        device = next(model.parameters()).device
        region = heading = None
        if known.anything:
            unit = heading_unit(known.heading_deg).astype(np.float32)
            region = torch.from_numpy(known.region).to(device)
            heading = torch.from_numpy(unit).to(device)
        with torch.inference_mode():
            images = normalise(photos, model.mean, model.std, device)
            features, descriptor = model.describe(images)
            outputs = model.heads(features, region, heading)
        return replace(
            network_outputs(outputs),
            descriptor=descriptor.float().cpu().numpy(),
            appearance=appearance(photos),
        )


@torch.inference_mode()
def network_outputs(outputs: Outputs) -> NetworkOutputs:
    """The network's outputs as arrays on the CPU.

    The descriptor is the features alone, and appearance is NaN, as no pixels are given.
    """
    n = len(outputs.features)
    features = outputs.features.float().cpu().numpy()
    logits = outputs.region_logits
    return NetworkOutputs(
        np.empty((n, 0)) if logits is None else logits.double().softmax(dim=1).cpu().numpy(),
        _vectors(outputs.position, n),
        _vectors(outputs.heading, n),
        features,
        features,
        _views(outputs.place_logits, n),
        np.full((n, SIZE), np.nan),
    )


def _vectors(output: Tensor | None, n: int) -> Floats:
    """Outputs `(n, 2)` of a head as an array; NaN without the head."""
    return np.full((n, 2), np.nan) if output is None else output.double().cpu().numpy()


def _views(logits: Tensor | None, n: int) -> Floats:
    if logits is None:
        return np.empty((n, 0))
    return np.asarray(logits.double().flatten(1).cpu().numpy())
