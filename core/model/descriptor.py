"""The descriptor of a photo for retrieval: the pooled last layer and a pooled middle stage.

The last layer says what a photo shows; a stage at stride 16 keeps texture and layout, which tell
one facade from another. Both come from one forward pass: a hook reads the stage on its way.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

LAST = "last layer: as pooled for the heads"
STRIDE = 16
"""Stride of the middle stage; of stages with a smaller one the nearest is taken."""
POWER = 3.0
"""Of the generalised mean (Radenovic et al. 2019, "Fine-tuning CNN image retrieval")."""
POOLING = "GeM p 3, standard deviation"
_LEAST = 1e-6


@dataclass(frozen=True)
class Stage:
    """A stage of a backbone.

    Attributes:
        module: Its name in the backbone.
        stride: Pixels of the input between neighbours of its map.
        channels: Channels of its map.
        prefix: Tokens before those of the map, such as a class token.
    """

    module: str
    stride: int
    channels: int
    prefix: int = 0

    @property
    def text(self) -> str:
        """Which stage it is, and how it is pooled."""
        return f"{self.module} at stride {self.stride}: {POOLING}"

    @property
    def width(self) -> int:
        """Width of its pooled map."""
        return 2 * self.channels

    def pool(self, activations: Tensor) -> Tensor:
        """Pool a map to `(n, 2 * channels)` float32: generalised mean and standard deviation.

        Args:
            activations: `(n, channels, h, w)`, `(n, h, w, channels)` or tokens `(n, t, channels)`.
        """
        if activations.ndim == 3:
            places = activations[:, self.prefix :]
        elif activations.shape[1] == self.channels:
            places = activations.flatten(2).transpose(1, 2)
        else:
            places = activations.flatten(1, 2)
        places = places.float()  # (n, places, channels)
        mean = places.clamp(min=_LEAST).pow(POWER).mean(dim=1).pow(1.0 / POWER)
        return torch.cat([mean, places.std(dim=1, correction=0)], dim=1)


def middle_stage(backbone: nn.Module, input_size: int) -> Stage | None:
    """Return the stage at stride 16, or the nearest below; None if timm does not describe it.

    Of the blocks of a transformer, which all have one stride, the one at three quarters of the
    depth is taken (Keetha et al. 2023, "AnyLoc").
    """
    described: Any = getattr(backbone, "feature_info", None)
    stages: list[dict[str, Any]] = list(getattr(described, "info", described) or ())
    if not stages:
        return None
    strides = {int(stage["reduction"]) for stage in stages}
    stride = max((s for s in strides if s <= STRIDE), default=min(strides))
    alike = [stage for stage in stages if stage["reduction"] == stride]
    chosen = alike[max(0, 3 * len(alike) // 4 - 1)]
    stage = Stage(
        str(chosen["module"]),
        stride,
        int(chosen["num_chs"]),
        int(getattr(backbone, "num_prefix_tokens", 0)),
    )
    return stage if _works(backbone, stage, input_size) else None


def _works(backbone: nn.Module, stage: Stage, input_size: int) -> bool:
    """Whether the stage can be read and has the channels that timm names."""
    was_training = backbone.training
    backbone.eval()
    try:
        with torch.inference_mode():
            _, pooled = features_and_stage(
                backbone, torch.zeros(1, 3, input_size, input_size), stage
            )
    except (AttributeError, IndexError, RuntimeError, ValueError):
        return False
    finally:
        backbone.train(was_training)
    return pooled.shape == (1, stage.width)


def part_widths(width: int, stage: Stage | None) -> tuple[int, ...]:
    """Widths of the parts of a descriptor: the pooled last layer, then the middle stage."""
    return (width,) if stage is None else (width, stage.width)


def part_texts(stage: Stage | None) -> tuple[str, ...]:
    """What the parts of a descriptor are, in words."""
    return (LAST,) if stage is None else (LAST, stage.text)


def describe_images(
    backbone: nn.Module, images: Tensor, stage: Stage | None
) -> tuple[Tensor, Tensor]:
    """Pooled features `(n, width)` of images, and their descriptors `(n, d)`, in one pass.

    The descriptor starts with the features; its parts are of any length each.
    """
    if stage is None:
        features: Tensor = backbone(images)
        return features, features
    features, pooled = features_and_stage(backbone, images, stage)
    return features, torch.cat([features.float(), pooled], dim=1)


def features_and_stage(backbone: nn.Module, images: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
    """Return the pooled features `(n, d)` of images, and the pooled map of one of its stages.

    The features are bit for bit those of the backbone alone. Not safe for several threads at once.
    """
    maps: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:  # noqa: ANN401 - torch's
        maps.append(output)

    handle = backbone.get_submodule(stage.module).register_forward_hook(keep)
    try:
        features: Tensor = backbone(images)
    finally:
        handle.remove()
    return features, stage.pool(maps[-1])
