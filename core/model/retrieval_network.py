"""A frozen backbone that only describes photos for retrieval, beside the trained network.

Its weights lie in the checkpoint folder as float16, named by content, so that a checkpoint answers
anywhere. Descriptors are always computed from the weights as they are stored.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor, nn

from core.errors import FAULTS, CheckpointError
from core.files import read_tensors, refusing, write_bytes
from core.model.backbone import (
    check_network_finite,
    create_backbone,
    initialise_backbone,
    normalise,
)
from core.model.card import PreprocessCard, RetrievalCard
from core.model.descriptor import Stage, describe_images, middle_stage, part_texts, part_widths
from core.model.schema import ModelConfig, RetrievalConfig
from core.runs import CARD

_REMEDY = "copy the checkpoint folder again as a whole"


@dataclass(frozen=True)
class RetrievalNetwork:
    """A frozen backbone in evaluation mode; hold the predictor's lock while it runs.

    Attributes:
        card: Which backbone it is, and how photos become its input.
        backbone: The module.
        width: Width of its pooled last layer.
        stage: Its middle stage, or None.
    """

    card: RetrievalCard
    backbone: nn.Module
    width: int
    stage: Stage | None

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the parts of its descriptors."""
        return part_widths(self.width, self.stage)

    @property
    def parts(self) -> tuple[str, ...]:
        """What the parts of its descriptors are, in words."""
        return tuple(f"{self.card.backbone}, {part}" for part in part_texts(self.stage))

    def to(self, device: str) -> "RetrievalNetwork":
        """Move it to a device, in place."""
        # Convolutions on CPUs run faster on channels-last float32.
        self.backbone.to(device).to(memory_format=torch.channels_last)
        return self

    @torch.inference_mode()
    def describe(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Descriptors `(n, d)` of RGB photos `(n, input_size, input_size, 3)`."""
        device = next(self.backbone.parameters()).device
        images = normalise(photos, self.card.preprocess.mean, self.card.preprocess.std, device)
        _, descriptor = describe_images(self.backbone, images, self.stage)
        return descriptor.float().cpu().numpy()


def make_retrieval_network(config: RetrievalConfig) -> RetrievalNetwork | None:
    """Return the network of the options with its weights; None if they name no backbone.

    Raises:
        ConfigError: timm does not know the backbone.
        CheckpointError: The weights cannot be had or do not fit.
    """
    if config.backbone is None:
        return None
    options = ModelConfig(
        backbone=config.backbone, weights=config.weights, input_size=config.input_size
    )
    backbone, preprocess, width = create_backbone(options)
    initialise_backbone(backbone, options)
    state = {name: _stored(tensor) for name, tensor in backbone.state_dict().items()}
    backbone.load_state_dict({name: _computed(tensor) for name, tensor in state.items()})
    card = RetrievalCard(
        backbone=config.backbone,
        preprocess=PreprocessCard(
            input_size=preprocess.input_size,
            mean=preprocess.mean,
            std=preprocess.std,
            interpolation=preprocess.interpolation,
        ),
        weights=_name(save(state)),
    )
    stage = middle_stage(backbone, preprocess.input_size)
    return RetrievalNetwork(card, backbone.eval(), width, stage)


def save_retrieval_network(folder: Path, network: RetrievalNetwork | None) -> None:
    """Write its weights into a checkpoint folder, and remove those of any other one."""
    name = "" if network is None else network.card.weights
    if network is not None:
        state = network.backbone.state_dict()
        write_bytes(folder / name, save({key: _stored(value) for key, value in state.items()}))
    for stale in folder.glob("retrieval-*.safetensors"):
        if stale.name != name:
            stale.unlink()


def load_retrieval_network(
    folder: Path, card: RetrievalCard | None, device: str
) -> RetrievalNetwork | None:
    """Read the retrieval network that a checkpoint's card names; None if it names none.

    Raises:
        CheckpointError: The weights are missing, damaged or do not fit.
    """
    if card is None:
        return None
    path = folder / card.weights
    state = read_tensors(path, load, _REMEDY, CheckpointError)
    size = card.preprocess.input_size
    options = ModelConfig(backbone=card.backbone, weights="random", input_size=size)
    with refusing(folder / CARD, _REMEDY, CheckpointError):
        backbone, _, width = create_backbone(options)
    try:
        backbone.load_state_dict({name: _computed(value) for name, value in state.items()})
    except FAULTS as error:
        first = str(error).splitlines()[0]
        raise CheckpointError(
            f"weights {path} do not fit {card.backbone} ({first}): {_REMEDY}"
        ) from error
    check_network_finite(backbone, path)
    stage = middle_stage(backbone, size)
    return RetrievalNetwork(card, backbone.eval(), width, stage).to(device)


def _name(content: bytes) -> str:
    return f"retrieval-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"


def _stored(tensor: Tensor) -> Tensor:
    half = tensor.detach().cpu()
    half = half.half() if half.is_floating_point() else half
    # float16 ends at 65504; a tensor that does not fit stays as it is.
    return (half if bool(half.isfinite().all()) else tensor.detach().cpu()).contiguous()


def _computed(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
