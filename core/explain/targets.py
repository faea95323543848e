"""The number that is explained, as a function of the normalised image alone.

The network is run on its own estimates, as in prediction: an attribution to the position passes
through the estimated region and heading too.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import ConfigError
from core.explain.methods import TARGETS, TargetName
from core.explain.words import metres, probability
from core.geo import Floats, heading_from_unit
from core.model.card import Card
from core.model.network import BearingsModel, Outputs
from core.model.places import Modes


@dataclass(frozen=True)
class Target:
    """The output that is explained.

    Attributes:
        name: Key in `TARGETS`.
        region: For target `region`: its id; None is the predicted region.
        against: For target `region`: the id of another region. What is explained is then how much
            higher the network scores the first than this one.
    """

    name: TargetName
    region: str | None = None
    against: str | None = None


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
        self.against: int | None = None
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
            self.against = None
            self.label = self._name(self.region)
            if target.against is not None:
                self.against = self._region_index(target.against, outputs)
                self.label = f"{self.label} rather than {self._name(self.against)}"
            if self.against == self.region:
                raise ConfigError(f"{self._name(self.region)} cannot be compared with itself")
        elif target.name == "position":
            self.direction = _unit(self._metres(outputs)[0], "position in the middle of the campus")
        elif target.name == "heading":
            heading = _predicted(outputs.heading)[0].float()
            self.direction = _unit(heading, "heading vector of length 0")
            self.label = f"Heading {float(heading_from_unit(heading.cpu().numpy())):.0f}°"

    def forward(self, images: Tensor) -> Tensor:
        """Return the number `(n,)` for normalised images `(n, 3, s, s)`."""
        outputs = self._outputs(images)
        if self.target == "region":
            logits = _predicted(outputs.region_logits).float()
            score = logits[:, self.region]
            return score if self.against is None else score - logits[:, self.against]
        if self.target == "heading":
            return _predicted(outputs.heading).float() @ self.direction
        if self.target == "position":
            return self._metres(outputs) @ self.direction
        return self._metres(outputs)[:, 0 if self.target == "north_m" else 1]

    @torch.no_grad()
    def answers(self, images: Tensor) -> Floats:
        """Return what the network answers to images `(n, 3, s, s)`, in units that people use.

        For a region `(n, 1)` its probability, with another region `(n, 2)` those of both; for a
        heading `(n, 1)` degrees in `[0, 360)`; for positions `(n, 2)` `[north_m, east_m]` from the
        middle of the campus.
        """
        outputs = self._outputs(images)
        if self.target == "region":
            shares = _predicted(outputs.region_logits).double().softmax(dim=1).cpu().numpy()
            pair = [self.region] if self.against is None else [self.region, self.against]
            return np.asarray(shares[:, pair])
        if self.target == "heading":
            unit = _predicted(outputs.heading).double().cpu().numpy()
            return heading_from_unit(unit)[:, None]
        return np.asarray(self._metres(outputs).double().cpu().numpy())

    def answer(self, image: Tensor) -> str:
        """Return what the network answers to one image `(1, 3, s, s)`, in words."""
        values = [float(value) for value in self.answers(image)[0]]
        if self.target == "region":
            named = [self.region] if self.against is None else [self.region, self.against]
            return " and ".join(
                f"{self._name(index)} {probability(share)}"
                for index, share in zip(named, values, strict=True)
            )
        if self.target == "heading":
            return f"facing {round(values[0]) % 360}°"
        compass = (("north", "south"), ("east", "west"))
        axes = {"north_m": (0,), "east_m": (1,)}.get(self.target, (0, 1))
        ways = [f"{metres(abs(values[a]))} {compass[a][values[a] < 0]}" for a in axes]
        return f"{' and '.join(ways)} of the middle of the campus"

    def _outputs(self, images: Tensor) -> Outputs:
        """What the network says, with the chosen place and heading held."""
        modes = None if self.modes is None else self.modes.repeated(len(images))
        outputs: Outputs = self.model(images) if modes is None else self.model(images, modes=modes)
        return outputs

    def _name(self, index: int) -> str:
        region = self.regions[index]
        return self.names.get(region) or f"region {region}"

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

    def with_score(self, score: TargetScore) -> "AttributionInput":
        """The same photo for another network."""
        return replace(self, score=score)

    def value(self, image: Tensor) -> float:
        """The number for one image `(1, 3, s, s)`."""
        with torch.no_grad():
            return float(self.score(image)[0])


@dataclass(frozen=True)
class AttributionMap:
    """The result of an attribution method.

    Attributes:
        map: `(s, s)`, on the CPU.
        baseline: `(1, 3, s, s)` what the photo was compared with; None for methods without one.
        delta: How far the map is from adding up; None for methods that do not promise to.
    """

    map: Tensor
    baseline: Tensor | None = None
    delta: float | None = None
