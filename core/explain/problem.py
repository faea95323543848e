"""One photo, one number: what every attribution method is given, and what it gives back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.explain.targets import TargetScore


@dataclass(frozen=True)
class Problem:
    """A photo and the number to be explained.

    Attributes:
        score: `(n, 3, s, s)` normalised images to `(n,)` numbers.
        image: `(1, 3, s, s)` normalised, on the network's device.
        black: `(1, 3, 1, 1)`, what black is after normalisation.
    """

    score: TargetScore
    image: Tensor
    black: Tensor

    def value(self, image: Tensor) -> float:
        """The number for one image `(1, 3, s, s)`."""
        with torch.no_grad():
            return float(self.score(image)[0])


@dataclass(frozen=True)
class Solution:
    """What a method found.

    Attributes:
        map: `(s, s)`, on the CPU.
        baseline_score: The number for the baseline; None for methods without one.
        delta: How far the map is from adding up; None for methods that do not promise to.
    """

    map: Tensor
    baseline_score: float | None = None
    delta: float | None = None
