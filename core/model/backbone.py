"""Backbones: any timm model without its classifier, pooled by a global average, and its weights.

Weights are timm's own or a local file; every mismatch is an error and listed.
"""

import inspect
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import FAULTS, CheckpointError, ConfigError, reason, shortened
from core.model.light_timm import resolve_data_config, timm
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
        # Families whose head reads the class token alone (distilled DeiT, PiT) keep it.
        with suppress(AssertionError):
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
            f"backbone {config.backbone!r} is not a timm model: choose one of timm.list_models()"
            + (f", for instance {', '.join(near)}" if near else "")
        )
    described = timm.get_pretrained_cfg(config.backbone)
    known: dict[str, Any] = {} if described is None else asdict(described)
    data_config: dict[str, Any] = resolve_data_config(pretrained_cfg=known)  # type: ignore[no-untyped-call]
    return Preprocess(
        int(config.input_size or data_config["input_size"][-1]),
        _channels(data_config["mean"]),
        _channels(data_config["std"]),
        str(data_config["interpolation"]),
    )


def classifier_names(backbone: nn.Module) -> tuple[str, ...]:
    """Names of the layers that timm counts as the backbone's classifier."""
    names = getattr(backbone, "pretrained_cfg", {}).get("classifier") or ()
    return (names,) if isinstance(names, str) else tuple(names)


def _extra_arguments(config: ModelConfig) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(config.backbone_arguments)
    pretrained = timm.get_pretrained_cfg(config.backbone)
    if pretrained is not None and pretrained.fixed_input_size and config.input_size is not None:
        arguments["img_size"] = config.input_size
    return arguments


def _create(config: ModelConfig, arguments: dict[str, Any]) -> nn.Module:
    try:
        backbone: nn.Module = timm.create_model(
            config.backbone, pretrained=False, num_classes=0, **arguments
        )
    except FAULTS as error:
        wanted = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "no options"
        raise ConfigError(
            f"timm cannot make {config.backbone} with {wanted} ({error}): choose another "
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
    except FAULTS as error:
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


_SHOWN = 5
_COUNTER = "num_batches_tracked"


def initialise_backbone(backbone: nn.Module, config: ModelConfig) -> None:
    """Load the weights of `config.weights` into the backbone; "random" changes nothing.

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
        CheckpointError: The file is missing, damaged, or holds more than finite tensors.
    """
    if not path.is_file():
        raise CheckpointError(
            f"no weights file at {path}: give model.weights the path of a .safetensors or .pth "
            "file, or pretrained, or random"
        )
    try:
        if path.suffix == ".safetensors":
            state = dict(load_file(path))
            check_finite(state, path)
            return state
        with warnings.catch_warnings():
            # Of pickles that torch does not write: what it then cannot read, it refuses.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
        state = _unwrap(content, path)
    except CheckpointError:
        raise
    except (SafetensorError, UnpicklingError, *FAULTS) as error:
        raise CheckpointError(
            f"weights file {path} cannot be read ({reason(error)}): it must hold tensors only; "
            "save it as .safetensors, or download it again"
        ) from error
    check_finite(state, path)
    return state


def check_network_finite(network: nn.Module, path: Path) -> None:
    """Refuse a network whose weights, or statistics of layers, are not finite.

    Other buffers may be: anchors of places that no training photo is at are NaN.

    Raises:
        CheckpointError: As `check_finite`; `path` is the file that it was loaded from.
    """
    statistics = {
        name: buffer
        for name, buffer in network.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    }
    check_finite(dict(network.named_parameters()) | statistics, path)


def check_finite(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are not finite: every answer would be none.

    Raises:
        CheckpointError: A tensor holds NaN or infinity, or has no values at all; names the first.
    """
    for name, tensor in state.items():
        with suppress(RuntimeError, NotImplementedError):
            if bool(tensor.isfinite().all()):
                continue
        raise CheckpointError(
            f"weights {path} hold numbers that are not finite ({shortened(name)}), so every answer "
            "would be none: train again, or use another checkpoint"
        )


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
    loaded = {
        key: value for key, value in state.items() if key.rsplit(".", 1)[0] not in classifiers
    }
    wanted = backbone.state_dict()
    # A counter of batches that old files lack; it plays no part in the result.
    missing = [
        key for key in wanted if key not in loaded and not key.endswith("num_batches_tracked")
    ]
    unexpected = [key for key in loaded if key not in wanted]
    misshapen = [
        f"{key} {tuple(value.shape)} instead of {tuple(wanted[key].shape)}"
        for key, value in loaded.items()
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
    backbone.load_state_dict(loaded, strict=False)


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


def normalise(
    photos: NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: str | torch.device = "cpu",
) -> Tensor:
    """Normalise photos into images, for training, prediction and attribution alike.

    Bytes travel to the device, not floats; as they lie channel by channel last, that memory format,
    which the result has, costs no copy.

    Args:
        photos: RGB `(n, h, w, 3)`.
        mean: Mean of each channel on the scale 0..1.
        std: Standard deviation of each channel on the scale 0..1.
        device: Where the network computes.

    Returns:
        `(pixel / 255 - mean) / std`, float32 `(n, 3, h, w)`.
    """
    # A GPU fetches photos from pinned memory while the CPU goes on; from other memory it waits.
    goes_on = torch.device(device).type == "cuda"
    pixels = torch.from_numpy(np.ascontiguousarray(photos)).to(device, non_blocking=goes_on)
    return standardise(pixels.permute(0, 3, 1, 2).float(), mean, std)


def standardise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Normalise float images `(n, 3, h, w)` with values from 0 to 255 as `normalise`, in place."""
    centre = torch.tensor(mean, device=images.device).view(1, 3, 1, 1)
    spread = torch.tensor(std, device=images.device).view(1, 3, 1, 1)
    return images.sub_(centre * 255.0).div_(spread * 255.0)
