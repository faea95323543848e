"""The number that is explained, as a function of the normalised image alone.

The network is run on its own estimates, as in prediction: an attribution to the position passes
through the estimated region and heading too.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import ConfigError
from core.explain.methods import TARGETS, TargetName
from core.geo import heading_from_unit
from core.model.card import Card
from core.model.network import BearingsModel, Outputs
from core.model.places import Modes


@dataclass(frozen=True)
class Target:
    """The output that is explained.

    Attributes:
        name: Key in `TARGETS`.
        region: For target `region`: its id; None is the predicted region.
    """

    name: TargetName
    region: str | None = None


class TargetScore(nn.Module):
    """A private copy of the network that returns one number per image.

    The copy is in evaluation mode and computes nothing in place, so that hooks and gradients of
    several sessions neither meet on a shared model nor find values overwritten.
    """

    def __init__(self, model: BearingsModel, card: Card) -> None:
        """Copy the network."""
        super().__init__()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        for module in self.model.modules():
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
        self.regions, self.names = card.regions, card.region_names
        device = next(self.model.parameters()).device
        self.spread_m = torch.tensor(card.normaliser.spread, device=device).float()
        self.centre_m = torch.tensor(card.normaliser.centre, device=device).float()
        self.target: TargetName = "region"
        self.region = 0
        self.direction = torch.zeros(2, device=device)
        self.modes: Modes | None = None
        self.label = ""

    def set_target(self, target: Target, image: Tensor) -> None:
        """Set the number that `forward` returns, from the network's outputs for the photo.

        If the network chooses between places or headings, the choice is fixed too: a number that
        jumps between places on the way from the baseline would not add up.

        Args:
            target: What is explained.
            image: `(1, 3, s, s)` normalised.

        Raises:
            ConfigError: The checkpoint does not know the region, or the output has no direction.
        """
        with torch.no_grad():
            outputs: Outputs = self.model(image)
        self.target, self.modes = target.name, outputs.modes
        self.label = TARGETS[target.name].label
        if target.name == "region":
            self.region = self._region_index(target.region, outputs)
            region = self.regions[self.region]
            self.label = f"Region {self.names.get(region, region)}"
        elif target.name == "position":
            self.direction = _unit(self._metres(outputs)[0], "position in the middle of the campus")
        elif target.name == "heading":
            heading = _predicted(outputs.heading)[0].float()
            self.direction = _unit(heading, "heading vector of length 0")
            self.label = f"Heading {float(heading_from_unit(heading.cpu().numpy())):.0f}°"

    def forward(self, images: Tensor) -> Tensor:
        """Return the number `(n,)` for normalised images `(n, 3, s, s)`."""
        if self.modes is None:
            outputs: Outputs = self.model(images)
        else:
            outputs = self.model(images, modes=self.modes.repeated(len(images)))
        if self.target == "region":
            return _predicted(outputs.region_logits)[:, self.region].float()
        if self.target == "heading":
            return _predicted(outputs.heading).float() @ self.direction
        if self.target == "position":
            return self._metres(outputs) @ self.direction
        return self._metres(outputs)[:, 0 if self.target == "north_m" else 1]

    def _metres(self, outputs: Outputs) -> Tensor:
        """Positions `(n, 2)` in local metres; their origin is the middle of the campus."""
        return _predicted(outputs.position).float() * self.spread_m + self.centre_m

    def _region_index(self, region: str | None, outputs: Outputs) -> int:
        if region is None:
            return int(_predicted(outputs.region_logits)[0].argmax())
        if region not in self.regions:
            raise ConfigError(
                f"region {region!r} is unknown to this checkpoint: choose one of "
                f"{', '.join(self.regions)}"
            )
        return self.regions.index(region)


def _predicted(output: Tensor | None) -> Tensor:
    if output is None:
        raise ConfigError("the model does not predict what is to be explained")
    return output


def _unit(vector: Tensor, what: str) -> Tensor:
    length = float(vector.norm())
    if length < 1e-6:
        raise ConfigError(f"the network gives a {what}, so it has no direction to explain")
    return vector / length


# Input and output of every attribution method.


@dataclass(frozen=True)
class AttributionInput:
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
class AttributionMap:
    """The result of an attribution method.

    Attributes:
        map: `(s, s)`, on the CPU.
        baseline_score: The number for the baseline; None for methods without one.
        delta: How far the map is from adding up; None for methods that do not promise to.
    """

    map: Tensor
    baseline_score: float | None = None
    delta: float | None = None
