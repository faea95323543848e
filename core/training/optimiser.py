"""What moves the weights: AdamW over groups, learning-rate schedules, and the moving average.

Backbone and heads have their own rates; norms and biases have no weight decay.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from core.errors import ConfigError
from core.model.light_timm import group_parameters
from core.model.network import BearingsModel
from core.training.schema import ScheduleConfig

PLATEAU_FACTOR = 0.3
ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START = 1 / 25


@dataclass(frozen=True)
class Rates:
    """Peak learning rates and the weight decay of a stage; a part without a rate is frozen."""

    heads: float | None
    backbone: float | None
    weight_decay: float


def freeze(model: BearingsModel, *, last_blocks: int | None, heads: bool = True) -> None:
    """Train the last blocks of the backbone: None all of them, 0 none; and the heads, or not.

    Raises:
        ConfigError: The backbone has fewer blocks.
    """
    model.requires_grad_(heads)
    model.backbone.requires_grad_(True)
    if last_blocks is None:
        return
    if last_blocks == 0:
        model.backbone.requires_grad_(False)
        return
    block_of = _block_of_parameter(model.backbone)
    blocks = max(block_of.values()) + 1
    if last_blocks > blocks:
        raise ConfigError(
            f"{model.config.backbone} has {blocks} blocks, {last_blocks} cannot be unfrozen: "
            f"choose --stage2.unfreeze at most {blocks}, or leave it out for all"
        )
    for name, parameter in model.backbone.named_parameters():
        parameter.requires_grad_(block_of[name] >= blocks - last_blocks)


def train_mode(model: BearingsModel) -> None:
    """Put trained modules into training mode and frozen ones into evaluation mode.

    A frozen block in training mode would still move its BatchNorm statistics and drop paths.
    """
    model.train()
    for module in model.backbone.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
    if not any(parameter.requires_grad for parameter in model.backbone.parameters()):
        model.backbone.eval()


def make_optimiser(
    model: BearingsModel, rates: Rates, *, scaled: bool = False
) -> torch.optim.AdamW:
    """Return AdamW over all trained parameters; each group stores its peak rate as `peak`.

    With `scaled` losses, the loss scaler leaves out steps whose gradients overflowed; of a fused
    AdamW it would make them, to no effect.
    """
    groups: list[dict[str, Any]] = []
    for part, peak in (("heads", rates.heads), ("backbone", rates.backbone)):
        if peak is None:
            continue
        for decays, weight_decay in ((True, rates.weight_decay), (False, 0.0)):
            parameters = [p for p, d in _parameters(model, part) if d == decays]
            if parameters:
                group = {"params": parameters, "weight_decay": weight_decay}
                groups.append(group | {"peak": peak, "lr": peak})
    # Fused, a group is one piece of work for the device; else a GPU waits for many small ones.
    return torch.optim.AdamW(groups, fused=not scaled)


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> float:
    """Set every group to its peak rate times `factor`; return that of the first, usually heads."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
    return float(optimiser.param_groups[0]["lr"])


def _parameters(model: BearingsModel, part: str) -> Iterator[tuple[nn.Parameter, bool]]:
    """Yield the parameters of heads or backbone that are trained, and whether each decays."""
    spared: set[str] = getattr(model.backbone, "no_weight_decay", set)()
    for name, parameter in model.named_parameters():
        in_backbone = name.startswith("backbone.")
        if parameter.requires_grad and in_backbone == (part == "backbone"):
            # Norms and biases are vectors; transformers name tokens and position embeddings.
            decays = parameter.ndim > 1 and name.removeprefix("backbone.") not in spared
            yield parameter, decays


def _block_of_parameter(backbone: nn.Module) -> dict[str, int]:
    matcher = getattr(backbone, "group_matcher", None)
    if matcher is None:
        raise ConfigError(
            "timm does not list the blocks of this backbone: leave out --stage2.unfreeze"
        )
    blocks: dict[str, int] = group_parameters(backbone, matcher(coarse=False), reverse=True)
    # Numbers may skip; only their order counts.
    order = {number: index for index, number in enumerate(sorted(set(blocks.values())))}
    return {name: order[number] for name, number in blocks.items()}


def rate_factor(config: ScheduleConfig, step: int, steps: int, steps_per_epoch: int) -> float:
    """Return the factor of the peak learning rate at `step` of `steps` of a stage.

    Plateau's reduction comes on top. One-cycle follows Smith & Topin 2018 in the learning rate
    (cosine rise from 1/25 over 30 % of the steps, cosine fall to 0); AdamW's betas stay.
    """
    if config.kind == "one_cycle":
        rise = max(1.0, ONE_CYCLE_RISE * steps)
        if step < rise:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * _eased(step / rise)
        return 1.0 - _eased((step - rise) / max(1.0, steps - rise))
    # Never longer than half of the stage: a short run must reach its learning rate.
    warmup = min(config.warmup_epochs * steps_per_epoch, steps / 2)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if config.kind == "plateau":
        return 1.0
    return 1.0 - _eased((step - warmup) / max(1.0, steps - warmup))


def plateau_after(
    config: ScheduleConfig, factor: float, waited: int, improved: bool
) -> tuple[float, int]:
    """Plateau's factor and epochs waited after an epoch that did or did not improve."""
    waited = 0 if improved else waited + 1
    if config.kind == "plateau" and waited > config.plateau_patience:
        return factor * PLATEAU_FACTOR, 0
    return factor, waited


def _eased(share: float) -> float:
    """Cosine from 0 at share 0 to 1 at share 1."""
    return 0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, share)))


class WeightAverage:
    """Exponential moving average of parameters and BatchNorm statistics.

    The decay rises as `(1 + t) / (10 + t)` up to its value (Tarvainen & Valpola's reference
    implementation of Mean Teacher, 2017), so that the first, random weights are soon forgotten.
    """

    def __init__(self, model: BearingsModel, decay: float) -> None:
        """Begin with a copy of the model."""
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        # Listed once: walking through hundreds of modules in every step takes milliseconds.
        # Weights are restored into these tensors, never replaced by others.
        self._average, self._current = _tensors(self.model), _tensors(model)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the model that it began with, after step `step` (from 0)."""
        weight = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        average, current = self._average, self._current
        # A call for all: hundreds of small pieces of work would keep a GPU waiting.
        torch._foreach_lerp_(average[True], current[True], weight)
        if average[False]:
            torch._foreach_copy_(average[False], current[False])


def _tensors(model: BearingsModel) -> dict[bool, list[torch.Tensor]]:
    """Parameters and buffers, by whether they are fractions."""
    every = [*model.parameters(), *model.buffers()]
    return {
        fraction: [each for each in every if each.is_floating_point() == fraction]
        for fraction in (True, False)
    }
