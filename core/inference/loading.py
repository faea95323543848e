"""Finding and loading a checkpoint: its network, card, gallery and the split it was trained on."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from core.dataset.splits import Split
from core.errors import CheckpointError, ConfigError, SplitError
from core.model.card import CARD, Card, read_card
from core.model.checkpoint import load_checkpoint
from core.model.network import BearingsModel
from core.refine.gallery import Gallery
from core.refine.gallery_files import has_gallery
from core.trust.applied import needed_signals
from core.trust.files import fingerprint, read_calibration
from core.trust.schema import Calibration
from core.trust.signals import BEST_POINTS

SPLIT = "split.json"


@dataclass(frozen=True)
class Loaded:
    """The parts of a checkpoint folder.

    Attributes:
        folder: Where it was found.
        card: What it says about itself.
        model: The network in evaluation mode.
        gallery: Training photos, or None for a checkpoint that never had any.
        calibration: How far its answers can be believed, where that was measured.
        fingerprint: Of the files that answers and calibration depend on; equal fingerprints answer
            alike. Empty for parts that were put together in memory.
    """

    folder: Path
    card: Card
    model: BearingsModel
    gallery: Gallery | None
    calibration: Calibration | None = None
    fingerprint: str = ""


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint folder that a path means: itself, or a run's best, or its last.

    Raises:
        CheckpointError: There is none.
    """
    for folder in (path, path / "checkpoints" / "best", path / "checkpoints" / "last"):
        if (folder / CARD).exists():
            return folder
    if not path.exists():
        raise CheckpointError(f"there is nothing at {path}: give a run or checkpoint folder")
    raise CheckpointError(
        f"{path} holds no checkpoint (no {CARD}, nor checkpoints/best/{CARD}): give a run folder "
        "that has finished an epoch, or a checkpoint folder"
    )


def load_parts(path: Path, device: str = "cpu", *, calibrated: bool = True) -> Loaded:
    """Load a run's or a checkpoint's network, gallery and, if asked, calibration.

    A gallery is missed only where the card says how to use it: a checkpoint saved without
    refinement is whole without one. A calibration is never missed.

    Raises:
        CheckpointError: Something is missing, damaged, or belongs to another checkpoint.
    """
    folder = find_checkpoint(path)
    checkpoint = load_checkpoint(folder, resolve_device(device))
    gallery = None
    if has_gallery(folder) or checkpoint.card.refine is not None:
        gallery = Gallery.load(folder)
        _check_gallery(gallery, checkpoint.card, checkpoint.model.width, folder)
    elif not checkpoint.card.trained:
        raise CheckpointError(
            f"{folder} was not trained and has no gallery yet, so nothing in it can answer: wait "
            "until its run has finished, or go on with the run by --resume"
        )
    calibration = read_calibration(folder, checkpoint.card) if calibrated else None
    if calibration is not None:
        _check_points(calibration, gallery, folder)
    name = fingerprint(folder, calibrated=calibrated)
    return Loaded(folder, checkpoint.card, checkpoint.model, gallery, calibration, name)


def load_split(folder: Path) -> Split:
    """Read the split that a checkpoint was trained on: its own file, or its run's.

    Raises:
        SplitError: It is missing, damaged, or not the one that the card names.
    """
    own, of_run = folder / SPLIT, folder.parent.parent / SPLIT
    # Until a run ends, only the run folder holds the split.
    path = of_run if folder.parent.name == "checkpoints" and not own.exists() else own
    try:
        split = Split.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise SplitError(
            f"the split of this checkpoint cannot be read ({error}): without it nobody knows "
            "which photos were trained on; copy the checkpoint folder again as a whole"
        ) from error
    expected = read_card(folder).split.hash
    if split.hash != expected:
        raise SplitError(
            f"{path} is the split {split.hash[:12]}, but the checkpoint was trained on "
            f"{expected[:12]}: copy the checkpoint folder again as a whole"
        )
    return split


def resolve_device(device: str) -> str:
    """Turn `auto` into the best device there is; ConfigError for one that is not there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, present in available.items() if present)
    if not available.get(device.split(":")[0], False):
        usable = ", ".join(name for name, present in available.items() if present)
        raise ConfigError(f"device {device} is not available here: choose one of {usable}")
    return device


def _check_gallery(gallery: Gallery, card: Card, width: int, folder: Path) -> None:
    try:
        gallery.check_split(card.split.hash)
    except SplitError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    given = gallery.features.shape[1]
    if gallery.projection is not None:
        given = len(gallery.projection.mean)
    if given != width or gallery.region.max() >= len(card.regions):
        raise CheckpointError(
            f"gallery in {folder} does not fit the model beside it (features {given} against "
            f"{width}): copy the checkpoint folder again as a whole"
        )


def _check_points(calibration: Calibration, gallery: Gallery | None, folder: Path) -> None:
    """Refuse a calibration of the first version, which does not name the gallery."""
    if BEST_POINTS in needed_signals(calibration) and (gallery is None or gallery.local is None):
        raise CheckpointError(
            f"{folder} was calibrated with a gallery that holds points, this one holds none: copy "
            f"the checkpoint folder again as a whole, or calibrate it again with `python -m core "
            f"calibrate {folder}`"
        )
