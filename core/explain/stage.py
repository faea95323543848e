"""The backbone's last stage, seen as a map of features whatever the family of the backbone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from core.errors import ConfigError

_INSTEAD = "choose occlusion or integrated gradients, which need no map of features"


@contextmanager
def last_stage(backbone: nn.Module) -> Iterator[nn.Module]:
    """Let every pass of the backbone show its last stage to a module that others can hook to.

    The module that is yielded receives `(n, channels, h, w)` and hands it on unchanged. The tokens
    of a vision transformer are laid out as the grid of patches that they belong to (without class
    and register tokens), as its features are their average; Swin's channels-last maps are turned.

    Raises:
        ConfigError: timm names no last stage for this backbone.
    """
    stage = backbone.get_submodule(_stage_name(backbone))
    seen = nn.Identity()

    def show(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:  # noqa: ANN401
        return _shown(output, seen, backbone)

    handle = stage.register_forward_hook(show)
    try:
        yield seen
    finally:
        handle.remove()


def _stage_name(backbone: nn.Module) -> str:
    """Name of the last stage, from timm's list of feature maps."""
    info = getattr(backbone, "feature_info", None)
    stages = getattr(info, "info", info)
    if not stages:
        raise ConfigError(
            f"{type(backbone).__name__} has no stages that Grad-CAM could look at: {_INSTEAD}"
        )
    return str(stages[-1]["module"])


def _shown(output: Tensor, seen: nn.Module, backbone: nn.Module) -> Tensor:
    if output.ndim == 4 and getattr(backbone, "output_fmt", "NCHW") == "NHWC":
        turned: Tensor = seen(output.permute(0, 3, 1, 2))
        return turned.permute(0, 2, 3, 1)
    if output.ndim == 4:
        return cast(Tensor, seen(output))
    if output.ndim != 3:
        raise ConfigError(
            f"the last stage of {type(backbone).__name__} gives {tuple(output.shape)}, which is no "
            f"map: {_INSTEAD}"
        )
    prefix, side = _grid(output.shape[1], backbone)
    patches = output[:, prefix:].transpose(1, 2)  # (n, channels, side * side)
    turned = seen(patches.reshape(*patches.shape[:2], side, side))
    return torch.cat([output[:, :prefix], turned.flatten(2).transpose(1, 2)], dim=1)


def _grid(tokens: int, backbone: nn.Module) -> tuple[int, int]:
    """Number of tokens before the patches, and patches along a side; photos are square."""
    # Some families let the class token join only after the last block.
    for prefix in (int(getattr(backbone, "num_prefix_tokens", 0)), 0):
        side = round((tokens - prefix) ** 0.5)
        if side * side == tokens - prefix:
            return prefix, side
    raise ConfigError(
        f"{type(backbone).__name__} has {tokens} tokens, which are no square grid: {_INSTEAD}"
    )
