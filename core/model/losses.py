"""The multi-task loss: cross-entropy for the region, squared errors for position and heading."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor

from core.model.network import Outputs
from core.model.places import PlaceHead, heading_near, position_near
from core.model.schema import LossConfig

PLACE_SIGMA_M = 10.0
"""Smoothing of place targets over nearby anchors, in metres."""
PLACE_CONCENTRATION = 4.0
"""Concentration (von Mises) of place targets about the heading."""
# Normalised distance beyond which Huber's loss is linear.
_HUBER_DELTA = 0.5


@dataclass(frozen=True)
class Targets:
    """Targets of `n` photos.

    Attributes:
        region: `(n,)` integer.
        position: `(n, 2)` normalised `(north, east)`; a row of NaN has no target.
        heading: `(n, 2)` unit vectors `(cos, sin)`.
    """

    region: Tensor
    position: Tensor
    heading: Tensor

    def to(self, device: torch.device) -> "Targets":
        """Copy to a device."""
        return Targets(self.region.to(device), self.position.to(device), self.heading.to(device))


@dataclass(frozen=True)
class Losses:
    """Scalar losses: each task's own before its weight, and their weighted sum.

    The place head's is 0 if there is no place head.
    """

    total: Tensor
    region: Tensor
    position: Tensor
    heading: Tensor
    place: Tensor

    def stacked(self) -> Tensor:
        """Total, region, position, heading, place as one tensor `(5,)`."""
        return torch.stack([self.total, self.region, self.position, self.heading, self.place])


@dataclass(frozen=True)
class Share:
    """What a batch's mean losses are multiplied with, if it is one process's part of a step.

    Attributes:
        photos: Factor of the losses that every photo has.
        positioned: Factor of the losses that only photos with a position target have.
    """

    photos: float = 1.0
    positioned: float = 1.0


WHOLE = Share()


def multi_task_loss(
    outputs: Outputs,
    targets: Targets,
    config: LossConfig,
    place_head: PlaceHead | None = None,
    share: Share = WHOLE,
) -> Losses:
    """Add up the weighted losses of all tasks, each a mean over the batch times the batch's share.

    Regression errors are taken in float32 whatever the autocast precision: squares of small
    normalised distances would drown in bfloat16's 8 bits.

    A position or heading that is read off the place head is trained as that of the mode at the
    truth; the place loss trains the choice of the mode.

    Args:
        outputs: The network's outputs.
        targets: The targets.
        config: Weights and kinds.
        place_head: The network's place head, if it has one.
        share: See `Share`.
    """
    region = share.photos * F.cross_entropy(
        outputs.region_logits.float(), targets.region, label_smoothing=config.label_smoothing
    )
    position = share.positioned * _position_loss(outputs, targets, config, place_head)
    heading = share.photos * _heading_loss(outputs, targets, place_head)
    total = (
        config.region_weight * region
        + config.position_weight * position
        + config.heading_weight * heading
    )
    place = torch.zeros_like(region)
    if place_head is not None and outputs.place_logits is not None:
        place = share.positioned * _place_loss(outputs.place_logits, targets, place_head)
        total = total + config.place_weight * place
    return Losses(total, region, position, heading, place)


def _place_loss(logits: Tensor, targets: Targets, place_head: PlaceHead) -> Tensor:
    has_position = targets.position.isfinite().all(dim=1)
    if not bool(has_position.any()):
        return logits.sum() * 0.0
    soft = place_head.targets(
        targets.position[has_position],
        targets.heading[has_position],
        PLACE_SIGMA_M,
        PLACE_CONCENTRATION,
    )
    return place_head.loss(logits[has_position], soft)


def _position_loss(
    outputs: Outputs,
    targets: Targets,
    config: LossConfig,
    place_head: PlaceHead | None,
) -> Tensor:
    has_position = targets.position.isfinite().all(dim=1)
    if not bool(has_position.any()):
        return outputs.position.sum() * 0.0
    target = targets.position[has_position]
    position = outputs.position[has_position].float()
    logits, offset = outputs.place_logits, outputs.place_offset
    if place_head is not None and logits is not None and offset is not None:
        position = position_near(place_head, logits[has_position], offset[has_position], target)
    if config.position_loss == "huber":
        return F.huber_loss(position, target, delta=_HUBER_DELTA)
    return F.mse_loss(position, target)


def _heading_loss(outputs: Outputs, targets: Targets, place_head: PlaceHead | None) -> Tensor:
    logits = outputs.place_logits
    if place_head is None or logits is None or outputs.bearings is None:
        return F.mse_loss(outputs.heading.float(), targets.heading)
    heading = heading_near(place_head, logits, targets.position, targets.heading)
    # For unit vectors this is one minus the cosine of the angle between them.
    return F.mse_loss(heading, targets.heading)
