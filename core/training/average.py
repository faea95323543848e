"""A running average of the weights, which validates better than their last value."""

import copy

import torch

from core.model.network import BearingsModel


class WeightAverage:
    """Exponential moving average of parameters and BatchNorm statistics.

    The decay rises as `(1 + t) / (10 + t)` up to its value (Tarvainen & Valpola's reference
    implementation of Mean Teacher, 2017), so that the first, random weights are soon forgotten.
    """

    def __init__(self, model: BearingsModel, decay: float) -> None:
        """Begin with a copy of the model."""
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: BearingsModel, step: int) -> None:
        """Move the average towards the model after step `step` (from 0)."""
        weight = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        own, new = self.model.state_dict(), model.state_dict()
        for name, value in own.items():
            if value.is_floating_point():
                value.lerp_(new[name], weight)
            else:
                value.copy_(new[name])
