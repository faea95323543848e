"""Backbones: any timm model, made without its classifier and pooled by a global average."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, cast

import timm
import torch
from timm.data.config import resolve_data_config
from torch import Tensor, nn

from core.errors import ConfigError
from core.model.schema import ModelConfig


@dataclass(frozen=True)
class Preprocess:
    """How a photo becomes the backbone's input.

    Attributes:
        input_size: Side of the square input in pixels.
        mean: Per channel (R, G, B), of values in [0, 1].
        std: Per channel (R, G, B), of values in [0, 1].
        interpolation: The filter timm's own evaluation resizes with.
    """

    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str


def create_backbone(config: ModelConfig) -> tuple[nn.Module, Preprocess, int]:
    """Make the backbone with random weights.

    Returns:
        The module `(n, 3, s, s) -> (n, width)`, its preprocessing, and `width`.

    Raises:
        ConfigError: timm does not know the name, or cannot make it as asked.
    """
    preprocess = preprocess_of(config)
    backbone = _create(config, _extra_arguments(config))
    # A vision transformer's own default is the class token; the heads are specified on an average.
    # Switched afterwards, as a transformer built with "avg" has other layer names than its weights.
    if getattr(backbone, "global_pool", None) == "token":
        cast(Any, backbone).reset_classifier(0, global_pool="avg")
    return backbone, preprocess, _probe_width(backbone, config, preprocess.input_size)


def preprocess_of(config: ModelConfig) -> Preprocess:
    """How photos become the backbone's images, from timm's own description of its weights.

    Raises:
        ConfigError: timm does not know the name.
    """
    # "name.tag" means one of several sets of weights of a model.
    if not timm.is_model(config.backbone.split(".")[0]):
        near = get_close_matches(config.backbone, timm.list_models(), n=5)
        raise ConfigError(
            f"backbone {config.backbone!r} is no timm model: choose one of timm.list_models()"
            + (f", for instance {', '.join(near)}" if near else "")
        )
    described = timm.get_pretrained_cfg(config.backbone)
    known: dict[str, Any] = {} if described is None else asdict(described)
    own: dict[str, Any] = resolve_data_config(pretrained_cfg=known)  # type: ignore[no-untyped-call]
    return Preprocess(
        int(config.input_size or own["input_size"][-1]),
        _channels(own["mean"]),
        _channels(own["std"]),
        str(own["interpolation"]),
    )


def classifier_names(backbone: nn.Module) -> tuple[str, ...]:
    """Names of the layers that timm counts as the backbone's classifier."""
    names = getattr(backbone, "pretrained_cfg", {}).get("classifier") or ()
    return (names,) if isinstance(names, str) else tuple(names)


def _extra_arguments(config: ModelConfig) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(config.backbone_arguments)
    own = timm.get_pretrained_cfg(config.backbone)
    if own is not None and own.fixed_input_size and config.input_size is not None:
        arguments["img_size"] = config.input_size
    return arguments


def _create(config: ModelConfig, arguments: dict[str, Any]) -> nn.Module:
    try:
        backbone: nn.Module = timm.create_model(
            config.backbone, pretrained=False, num_classes=0, **arguments
        )
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        asked = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "no options"
        raise ConfigError(
            f"timm cannot make {config.backbone} with {asked} ({error}): choose another "
            "backbone, input size or backbone_arguments"
        ) from error
    return backbone


def _channels(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)


def _probe_width(backbone: nn.Module, config: ModelConfig, size: int) -> int:
    """Measure the pooled width: no attribute of timm names it for every family."""
    was_training = backbone.training
    backbone.eval()
    try:
        with torch.inference_mode():
            pooled: Tensor = backbone(torch.zeros(1, 3, size, size))
    except (ValueError, RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"{config.backbone} cannot take photos of {size} pixels ({error}): "
            "choose another input size"
        ) from error
    finally:
        backbone.train(was_training)
    if pooled.ndim != 2:
        raise ConfigError(
            f"{config.backbone} gives {tuple(pooled.shape)} instead of pooled features (n, width): "
            "choose a backbone that timm can pool"
        )
    return int(pooled.shape[1])
