"""The multi-task loss: cross-entropy for the region, squared errors for position and heading."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor

from core.model.mixup import Mix
from core.model.network import Outputs
from core.model.place_answers import heading_near, position_near
from core.model.places import PlaceHead
from core.model.schema import LossConfig

# Degrees of freedom of the Student t: few, for tails as heavy as those of mistyped positions.
_FREEDOM = 3.0


@dataclass(frozen=True)
class Targets:
    """What `n` photos should be answered with.

    Attributes:
        region: `(n,)` integer.
        position: `(n, 2)` normalised `(north, east)`; a row of NaN teaches no position.
        heading: `(n, 2)` unit vectors `(cos, sin)`.
        region_share: `(n, regions)` shares of each label, adding up to 1; absent: the region's.
        mix: How the photos were mixed with each other; absent: they were not. Targets stay those
            of the own photo, the one seen best.
    """

    region: Tensor
    position: Tensor
    heading: Tensor
    region_share: Tensor | None = None
    mix: Mix | None = None

    def to(self, device: torch.device) -> "Targets":
        """Copy to a device."""
        share = None if self.region_share is None else self.region_share.to(device)
        whole = (self.region.to(device), self.position.to(device), self.heading.to(device))
        return Targets(*whole, share, self.mix)

    def partners(self, mix: Mix) -> "Targets":
        """Targets of the photos that `mix` mixes these with."""
        share = None if self.region_share is None else mix.partners_of(self.region_share)
        region, heading = mix.partners_of(self.region), mix.partners_of(self.heading)
        return Targets(region, mix.partners_of(self.position), heading, share)


@dataclass(frozen=True)
class Losses:
    """Scalar losses: each task's own before its weight, and their weighted sum.

    The place head's is 0 where there is none.
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
        taught: Factor of the losses of photos that teach a position.
    """

    photos: float = 1.0
    taught: float = 1.0


WHOLE = Share()


def multi_task_loss(
    outputs: Outputs,
    targets: Targets,
    config: LossConfig,
    place_head: PlaceHead | None = None,
    share: Share = WHOLE,
    spread_m: tuple[float, float] = (1.0, 1.0),
) -> Losses:
    """Add up the weighted losses of all tasks, each a mean over the batch times the batch's share.

    Regression errors are taken in float32 whatever the autocast precision: squares of small
    normalised distances would drown in bfloat16's 8 bits.

    What is read off the place head is taught as the answer of the mode at the truth: choosing the
    mode is the place loss's business.

    Where photos were mixed (see `core.model.mixup`), both cross-entropies are weighted means of
    the own photo's and the partner's; errors of position and heading are the own photo's alone.
    Partners are a permutation of the batch, so a share's weights hold for them too.

    Args:
        outputs: What the network says.
        targets: The truth.
        config: Weights and kinds.
        place_head: The network's, where there is one.
        share: See `Share`.
        spread_m: Metres per normalised unit, north and east, for the losses in metres.
    """
    region_logits, place_logits = outputs.region_logits, outputs.place_logits
    region = share.photos * _mixed(targets, lambda of: _region_loss(region_logits, of, config))
    position = share.taught * _position_loss(outputs, targets, config, place_head, spread_m)
    heading = share.photos * _heading_loss(outputs, targets, place_head)
    total = (
        config.region_weight * region
        + config.position_weight * position
        + config.heading_weight * heading
    )
    place = torch.zeros_like(region)
    if place_head is not None and place_logits is not None:
        place = share.taught * _mixed(
            targets, lambda of: _place_loss(place_logits, of, config, place_head)
        )
        total = total + config.place_weight * place
    return Losses(total, region, position, heading, place)


def _mixed(targets: Targets, loss: Callable[[Targets], Tensor]) -> Tensor:
    """A loss of targets; where photos were mixed, the weighted mean with the partners'."""
    if targets.mix is None:
        return loss(targets)
    return targets.mix.blend(loss(targets), loss(targets.partners(targets.mix)))


def _region_loss(logits: Tensor, targets: Targets, config: LossConfig) -> Tensor:
    label = targets.region if targets.region_share is None else targets.region_share
    return F.cross_entropy(logits.float(), label, label_smoothing=config.label_smoothing)


def _place_loss(
    logits: Tensor, targets: Targets, config: LossConfig, place_head: PlaceHead
) -> Tensor:
    taught = targets.position.isfinite().all(dim=1)
    if not bool(taught.any()):
        return logits.sum() * 0.0
    soft = place_head.targets(
        targets.position[taught],
        targets.heading[taught],
        config.place_sigma_m,
        config.place_concentration,
    )
    return place_head.loss(logits[taught], soft)


def _position_loss(
    outputs: Outputs,
    targets: Targets,
    config: LossConfig,
    place_head: PlaceHead | None,
    spread_m: tuple[float, float],
) -> Tensor:
    taught = targets.position.isfinite().all(dim=1)
    if not bool(taught.any()):
        return outputs.position.sum() * 0.0
    target = targets.position[taught]
    position = outputs.position[taught].float()
    logits, offset = outputs.place_logits, outputs.place_offset
    if place_head is not None and logits is not None and offset is not None:
        position = position_near(place_head, logits[taught], offset[taught], target)
    return _position_error(position, target, config, spread_m)


def _position_error(
    position: Tensor, target: Tensor, config: LossConfig, spread_m: tuple[float, float]
) -> Tensor:
    """Mean error of normalised positions `(n, 2)`."""
    if config.position_loss == "mse":
        return F.mse_loss(position, target)
    if config.position_loss == "huber":
        return F.huber_loss(position, target, delta=config.huber_delta)
    error = (position - target) * position.new_tensor(spread_m) / config.position_scale_m
    squared = error.square().sum(dim=1)  # (n,) in units of the scale
    if config.position_loss == "student_t":
        # Of two dimensions, without its constant: (v + 2) / 2 log(1 + d^2 / v).
        return (_FREEDOM + 2.0) / 2.0 * torch.log1p(squared / _FREEDOM).mean()
    far = (squared + 1e-12).sqrt() - 0.5
    return torch.where(squared <= 1.0, 0.5 * squared, far).mean()


def _heading_loss(outputs: Outputs, targets: Targets, place_head: PlaceHead | None) -> Tensor:
    logits = outputs.place_logits
    if place_head is None or logits is None or outputs.bearings is None:
        return F.mse_loss(outputs.heading.float(), targets.heading)
    heading = heading_near(place_head, logits, targets.position, targets.heading)
    # For unit vectors this is one minus the cosine of the angle between them.
    return F.mse_loss(heading, targets.heading)
