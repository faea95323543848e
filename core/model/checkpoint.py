"""Checkpoints on disk: `card.json` and the weights it names by content, never half written.

The weights go first under a name that no other content has, then the card, then weights that no
card names any more are removed. Whenever the process dies, the card names complete weights.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load, save
from torch import Tensor

from core.errors import FAULTS, CheckpointError, reason
from core.files import read_tensors, refusing, write_bytes
from core.model.backbone import check_network_finite
from core.model.card import MEMBERS, Card, read_card, write_card
from core.model.network import BearingsModel
from core.runs import CARD

__all__ = ["Card", "Checkpoint", "load_checkpoint", "read_card", "save_checkpoint"]

_REMEDY = "copy the checkpoint folder again as a whole"
_DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class Checkpoint:
    """A card and the network it describes, in evaluation mode."""

    card: Card
    model: BearingsModel


def save_checkpoint(
    folder: Path,
    state: Mapping[str, Tensor],
    card: Card,
    *,
    dtype: Literal["float32", "float16"] = "float32",
) -> Card:
    """Write a network's state and its card into `folder`.

    Args:
        folder: Created if absent; an older checkpoint in it is replaced.
        state: `model.state_dict()`.
        card: Its `weights` and `weights_dtype` are filled in here.
        dtype: float16 halves the file, for checkpoints that are shipped; it rounds every weight
            to 11 significant bits (what it cannot hold stays float32). Loading always gives
            float32.

    Returns:
        The card as written.
    """
    content = save({name: _stored(tensor, _DTYPES[dtype]) for name, tensor in state.items()})
    weights = f"model-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    write_bytes(folder / weights, content)
    exported = card.exported if weights == card.weights else None
    card = card.model_copy(
        update={"weights": weights, "weights_dtype": dtype, "exported": exported}
    )
    write_card(folder, card)
    for stale in folder.glob("model-*.safetensors"):
        if stale.name != weights:
            stale.unlink()
    for stale in folder.glob("network-*.onnx") if exported is None else ():
        stale.unlink()
    return card


def load_checkpoint(folder: Path, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint and rebuild its network on `device`, in evaluation mode.

    Raises:
        CheckpointError: The card or the weights are missing, damaged, too old or do not fit.
    """
    card = read_card(folder)
    if card.ensemble is not None:
        raise CheckpointError(
            f"{folder} is an ensemble, not one network: give one of the folders in "
            f"{folder / MEMBERS}"
        )
    path = folder / card.weights
    state = _read_state(path, folder)
    with refusing(folder / CARD, _REMEDY, CheckpointError):
        model = BearingsModel(card.model, len(card.regions), card.labels)
    try:
        model.load_state_dict({name: computed(tensor) for name, tensor in state.items()})
    except FAULTS as error:
        first = "; ".join(line.strip() for line in str(error).splitlines()[1:3]) or reason(error)
        raise CheckpointError(
            f"weights {path} do not fit the model that the card describes ({first}): {_REMEDY}"
        ) from error
    check_network_finite(model, path)
    return Checkpoint(card, model.to(device).eval())


def _read_state(path: Path, folder: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has a card but not the weights {path.name} that it names: {_REMEDY}"
        )
    return read_tensors(path, load, _REMEDY, CheckpointError)


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    tensor = tensor.detach().to("cpu")
    # Counters and other integers keep their type.
    stored = tensor.to(dtype) if tensor.is_floating_point() else tensor
    # float16 ends at 65504; a tensor that does not fit stays as it is.
    return (stored if bool(stored.isfinite().all()) else tensor).contiguous()


def computed(tensor: Tensor) -> Tensor:
    """A stored tensor as it computes: float32 for every floating one."""
    return tensor.float() if tensor.is_floating_point() else tensor
