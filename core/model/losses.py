"""The multi-task loss: cross-entropy for the region, squared errors for position and heading."""

from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def present(self) -> "Present":
        """Which photos have each target; a GPU that is asked for it makes the CPU wait."""
        return Present(
            (self.region >= 0).cpu(),
            self.position.isfinite().all(dim=1).cpu(),
            self.heading.isfinite().all(dim=1).cpu(),
        )

    def to(self, device: torch.device) -> "Targets":
        """Copy to a device; which photos have targets is known before."""
        moved = Targets(self.region.to(device), self.position.to(device), self.heading.to(device))
        vars(moved)["present"] = self.present
        return moved


@dataclass(frozen=True)
class Present:
    """Which of `n` photos have a target, `(n,)` each, on the CPU."""

    region: Tensor
    position: Tensor
    heading: Tensor


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


def _of(values: Tensor, chosen: Tensor) -> Tensor:
    """The values `(n, ...)` of photos that a mask `(n,)` on the CPU chooses."""
    if chosen.all():
        return values
    return values[chosen.nonzero()[:, 0].to(values.device)]


def _region_loss(outputs: Outputs, targets: Targets, config: LossConfig) -> Tensor:
    if outputs.region_logits is None:
        return outputs.features.new_zeros(())
    logits = outputs.region_logits.float()
    has_region = targets.present.region
    if not has_region.any():
        # Of 0, but with a gradient: every process must have one for every weight.
        return logits.sum() * 0.0
    return F.cross_entropy(
        _of(logits, has_region),
        _of(targets.region, has_region),
        label_smoothing=config.label_smoothing,
    )


def _place_loss(logits: Tensor, targets: Targets, place_head: PlaceHead) -> Tensor:
    """The mean over photos with a position; one without a heading asks for its place alone."""
    has_position, has_heading = targets.present.position, targets.present.heading
    if place_head.shape[1] == 1:
        has_heading = torch.zeros_like(has_heading)
    both, place = has_position & has_heading, has_position & ~has_heading
    parts = []
    if both.any():
        position, heading = _of(targets.position, both), _of(targets.heading, both)
        soft = place_head.targets(position, heading, PLACE_SIGMA_M, PLACE_CONCENTRATION)
        parts.append((int(both.sum()), place_head.loss(_of(logits, both), soft)))
    if place.any():
        shares = place_head.shares(_of(targets.position, place), PLACE_SIGMA_M)
        parts.append((int(place.sum()), place_head.place_loss(_of(logits, place), shares)))
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
    has_position = targets.present.position
    if not has_position.any():
        return outputs.position.sum() * 0.0
    target = _of(targets.position, has_position)
    position = _of(outputs.position, has_position).float()
    logits, offset = outputs.place_logits, outputs.place_offset
    if place_head is not None and logits is not None and offset is not None:
        logits, offset = _of(logits, has_position), _of(offset, has_position)
        position = position_near(place_head, logits, offset, target)
    if config.position_loss == "huber":
        return F.huber_loss(position, target, delta=_HUBER_DELTA)
    return F.mse_loss(position, target)


def _heading_loss(outputs: Outputs, targets: Targets, place_head: PlaceHead | None) -> Tensor:
    if outputs.heading is None:
        return outputs.features.new_zeros(())
    has_heading = targets.present.heading
    if not has_heading.any():
        return outputs.heading.sum() * 0.0
    target, logits = _of(targets.heading, has_heading), outputs.place_logits
    if place_head is None or logits is None or outputs.bearings is None:
        return F.mse_loss(_of(outputs.heading, has_heading).float(), target)
    position = _of(targets.position, has_heading)
    heading = heading_near(place_head, _of(logits, has_heading), position, target)
    # For unit vectors this is one minus the cosine of the angle between them.
    return F.mse_loss(heading, target)
