"""Weights into a backbone: timm's own, or a local file; every mismatch is an error, listed."""

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import CheckpointError
from core.model.backbone import classifier_names
from core.model.schema import ModelConfig

_SHOWN = 5
_COUNTER = "num_batches_tracked"


def initialise_backbone(backbone: nn.Module, config: ModelConfig) -> None:
    """Fill the backbone as `config.weights` says; "random" leaves it as it was made.

    Raises:
        CheckpointError: The weights cannot be had or do not fit. Never silently random.
    """
    if config.weights == "random":
        return
    if config.weights == "pretrained":
        state = _pretrained_state(config)
        source = f"timm's weights of {config.backbone}"
    else:
        path = Path(config.weights).expanduser()
        state = read_weights(path)
        source = str(path)
    _load_strictly(backbone, state, source, config.backbone)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a `.safetensors`, `.pth`, `.pt` or `.bin` file, without pickle.

    Raises:
        CheckpointError: The file is missing, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise CheckpointError(
            f"no weights file at {path}: give model.weights the path of a .safetensors or .pth "
            "file, or pretrained, or random"
        )
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"weights file {path} cannot be read ({first}): it must hold tensors only; save it as "
            ".safetensors, or download it again"
        ) from error
    return _unwrap(content, path)


def _unwrap(content: Any, path: Path) -> dict[str, Tensor]:  # noqa: ANN401 - whatever a .pth holds
    """Find the state dict in what training scripts write around it."""
    for wrapper in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        raise CheckpointError(f"weights file {path} holds no tensors by name")
    strangers = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise CheckpointError(
            f"weights file {path} holds {len(strangers)} entries that are no tensors "
            f"({', '.join(map(str, strangers[:_SHOWN]))}): save the state dict alone"
        )
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _pretrained_state(config: ModelConfig) -> dict[str, Tensor]:
    try:
        full = timm.create_model(config.backbone, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the pretrained weights of {config.backbone} are neither cached nor to be downloaded "
            f"({str(error).splitlines()[0]}). Either connect once, or give the path of a local "
            "file with --model.weights FILE.safetensors, or ask for an untrained backbone with "
            "--model.weights random"
        ) from error
    return dict(full.state_dict())


def _load_strictly(backbone: nn.Module, state: dict[str, Tensor], source: str, name: str) -> None:
    classifiers = classifier_names(backbone)
    state = _convert(backbone, state)
    given = {key: value for key, value in state.items() if key.rsplit(".", 1)[0] not in classifiers}
    wanted = backbone.state_dict()
    # A counter of batches that old files lack; it plays no part in the result.
    missing = [
        key for key in wanted if key not in given and not key.endswith("num_batches_tracked")
    ]
    unexpected = [key for key in given if key not in wanted]
    misshapen = [
        f"{key} {tuple(value.shape)} instead of {tuple(wanted[key].shape)}"
        for key, value in given.items()
        if key in wanted and value.shape != wanted[key].shape
    ]
    if missing or unexpected or misshapen:
        parts = [
            _listed("missing", missing),
            _listed("unexpected", unexpected),
            _listed("of another shape", misshapen),
        ]
        raise CheckpointError(
            f"{source} does not fit backbone {name}: {'; '.join(filter(None, parts))}. "
            "Name the backbone that the file belongs to with --model.backbone"
        )
    backbone.load_state_dict(given, strict=False)


def _convert(backbone: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert a published file as timm converts its own downloads.

    The filter lives beside the model in timm; it renames the original authors' layers and
    resamples a transformer's position embedding to another input size.
    """
    convert = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    takes_model = len(inspect.signature(convert).parameters) > 1
    try:
        converted = convert(dict(state), backbone) if takes_model else convert(dict(state))
    except (KeyError, AttributeError, RuntimeError):
        # Not a file of this family at all: the caller's comparison lists what is wrong with it.
        return state
    return dict(converted)


def _listed(what: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    rest = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{rest})"
