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
        region: `(n,)` integer; -1 has no target.
        position: `(n, 2)` normalised `(north, east)`; a row of NaN has no target.
        heading: `(n, 2)` unit vectors `(cos, sin)`; a row of NaN has no target.
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

    A task that the network or every photo lacks has a loss of 0.
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

    Each is the factor of losses that only photos with this target have.
    """

    region: float = 1.0
    position: float = 1.0
    heading: float = 1.0


WHOLE = Share()


def multi_task_loss(
    outputs: Outputs,
    targets: Targets,
    config: LossConfig,
    place_head: PlaceHead | None = None,
    share: Share = WHOLE,
) -> Losses:
    """Add up the weighted losses of all tasks, times the batch's share.

    Each is the mean over the photos of the batch that have its target.

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
    region = share.region * _region_loss(outputs, targets, config)
    position = share.position * _position_loss(outputs, targets, config, place_head)
    heading = share.heading * _heading_loss(outputs, targets, place_head)
    total = (
        config.region_weight * region
        + config.position_weight * position
        + config.heading_weight * heading
    )
    place = torch.zeros_like(region)
    if place_head is not None and outputs.place_logits is not None:
        place = share.position * _place_loss(outputs.place_logits, targets, place_head)
        total = total + config.place_weight * place
    return Losses(total, region, position, heading, place)


def _region_loss(outputs: Outputs, targets: Targets, config: LossConfig) -> Tensor:
    if outputs.region_logits is None:
        return outputs.features.new_zeros(())
    logits = outputs.region_logits.float()
    has_region = targets.region >= 0
    if not bool(has_region.any()):
        # Of 0, but with a gradient: every process must have one for every weight.
        return logits.sum() * 0.0
    return F.cross_entropy(
        logits[has_region], targets.region[has_region], label_smoothing=config.label_smoothing
    )


def _place_loss(logits: Tensor, targets: Targets, place_head: PlaceHead) -> Tensor:
    """The mean over photos with a position; one without a heading asks for its place alone."""
    has_position = targets.position.isfinite().all(dim=1)
    has_heading = targets.heading.isfinite().all(dim=1)
    if place_head.shape[1] == 1:
        has_heading = torch.zeros_like(has_heading)
    both, place = has_position & has_heading, has_position & ~has_heading
    parts = []
    if bool(both.any()):
        soft = place_head.targets(
            targets.position[both], targets.heading[both], PLACE_SIGMA_M, PLACE_CONCENTRATION
        )
        parts.append((int(both.sum()), place_head.loss(logits[both], soft)))
    if bool(place.any()):
        shares = place_head.shares(targets.position[place], PLACE_SIGMA_M)
        parts.append((int(place.sum()), place_head.place_loss(logits[place], shares)))
    if not parts:
        return logits.sum() * 0.0
    if len(parts) == 1:
        return parts[0][1]
    photos = sum(count for count, _ in parts)
    return torch.stack([loss * (count / photos) for count, loss in parts]).sum()


def _position_loss(
    outputs: Outputs,
    targets: Targets,
    config: LossConfig,
    place_head: PlaceHead | None,
) -> Tensor:
    if outputs.position is None:
        return outputs.features.new_zeros(())
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
    if outputs.heading is None:
        return outputs.features.new_zeros(())
    has_heading = targets.heading.isfinite().all(dim=1)
    if not bool(has_heading.any()):
        return outputs.heading.sum() * 0.0
    target, logits = targets.heading[has_heading], outputs.place_logits
    if place_head is None or logits is None or outputs.bearings is None:
        return F.mse_loss(outputs.heading[has_heading].float(), target)
    position = targets.position[has_heading]
    heading = heading_near(place_head, logits[has_heading], position, target)
    # For unit vectors this is one minus the cosine of the angle between them.
    return F.mse_loss(heading, target)
