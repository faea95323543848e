"""The three networks of the reference: each a backbone of its own, pooled, and one head.

| network | fed beside the features | head | loss |
|---|---|---|---|
| region | - | Dropout .2, Dense 128, ReLU, Dropout .2, Dense R | cross-entropy |
| heading | region embedding (16) | Dense 128, ReLU, Dropout .3, Dense 2 | MSE on (cos, sin) |
| position | region embedding (16), sin and cos of the heading | twice Dense 128, ReLU, Dropout .3, Dense 1 | MSE on targets in [0, 1] |
"""  # noqa: E501 - a table

from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor, nn

from core.model.backbone import create_backbone, initialise_backbone
from core.model.losses import Targets
from core.model.schema import ModelConfig

Task = Literal["region", "heading", "position"]
TASKS: tuple[Task, ...] = get_args(Task)
EMBEDDING = 16
HIDDEN = 128


class ReferenceNetwork(nn.Module):
    """One of the three; `build_network` also fills its backbone."""

    def __init__(self, task: Task, config: ModelConfig, regions: int) -> None:
        """Make the layers with random weights."""
        super().__init__()
        self.task = task
        self.backbone, self.preprocess, width = create_backbone(config)
        self.embedding = nn.Embedding(regions, EMBEDDING)
        fed = {"region": 0, "heading": EMBEDDING, "position": EMBEDDING + 2}[task]
        self.heads = nn.ModuleList(_heads(task, width + fed, regions))

    def forward(self, images: Tensor, region: Tensor, heading: Tensor) -> Tensor:
        """Answer for images `(n, 3, s, s)`.

        Args:
            images: Normalised as the backbone wants them.
            region: `(n,)` indices: the true regions in training, predicted ones at test.
            heading: `(n, 2)` unit vectors `(cos, sin)`, likewise.

        Returns:
            Region logits `(n, R)`, `(cos, sin)` `(n, 2)`, or positions in [0, 1] `(n, 2)`.
        """
        fused = [self.backbone(images)]
        if self.task != "region":
            fused.append(self.embedding(region))
        if self.task == "position":
            fused.append(heading)
        features = torch.cat(fused, dim=1)
        return torch.cat([head(features) for head in self.heads], dim=1)

    def loss(self, answer: Tensor, targets: Targets) -> Tensor:
        """Loss of a batch."""
        if self.task == "region":
            return F.cross_entropy(answer, targets.region)
        wanted = targets.heading if self.task == "heading" else targets.position
        return F.mse_loss(answer, wanted)


def build_network(task: Task, config: ModelConfig, regions: int) -> ReferenceNetwork:
    """Make one of the three networks with the backbone's weights that `config` names.

    Raises:
        ConfigError, CheckpointError: As `core.model.network.build_model`.
    """
    network = ReferenceNetwork(task, config, regions)
    initialise_backbone(network.backbone, config)
    return network.to(memory_format=torch.channels_last)


def _heads(task: Task, inputs: int, regions: int) -> list[nn.Module]:
    if task == "region":
        return [nn.Sequential(nn.Dropout(0.2), *_dense(inputs, 0.2, regions))]
    if task == "heading":
        return [nn.Sequential(*_dense(inputs, 0.3, 2))]
    return [nn.Sequential(*_dense(inputs, 0.3, 1)) for _ in range(2)]


def _dense(inputs: int, dropout: float, outputs: int) -> list[nn.Module]:
    first, last = nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, outputs)
    return [first, nn.ReLU(), nn.Dropout(dropout), last]
