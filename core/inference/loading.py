"""Loading checkpoints and ensembles: network, card, gallery, calibration and split."""

from dataclasses import replace
from pathlib import Path

import torch

from core.confidence.apply import needed_signals
from core.confidence.files import fingerprint, read_calibration
from core.confidence.ood import BEST_POINTS
from core.confidence.schema import Calibration
from core.errors import CheckpointError, ConfigError, SplitError
from core.files import checked
from core.inference.ensemble import Ensemble
from core.inference.ensemble_compat import check_compatible
from core.inference.predictor import Loaded, Predictor
from core.labels import listed
from core.model.card import MEMBERS, Card, read_card
from core.model.checkpoint import load_checkpoint
from core.model.device import choose_device
from core.model.retrieval_network import load_retrieval_network
from core.retrieval.gallery import Gallery, has_gallery
from core.retrieval.schema import RefineConfig
from core.runs import CARD, find_checkpoint


def load_predictor(path: Path | str, device: str = "cpu", *, calibrated: bool = True) -> Predictor:
    """Load the predictor of a checkpoint or ensemble folder, or of a run's best checkpoint.

    Args:
        path: The folder.
        device: Where the network computes.
        calibrated: Whether to read its calibration; not, to fit a new one.

    Raises:
        CheckpointError: Nothing there, damaged, or parts of different checkpoints.
        ConfigError: The device is not available.
    """
    chosen = choose_device(device)
    folder = find_checkpoint(Path(path))
    if read_card(folder).ensemble is not None:
        return _load_ensemble(folder, chosen, calibrated=calibrated)
    loaded = load_parts(folder, chosen, calibrated=calibrated)
    # Convolutions on CPUs run 1.2 to 1.9 times faster on channels-last float32.
    loaded.model.to(memory_format=torch.channels_last)
    return Predictor(loaded, chosen)


def _load_ensemble(folder: Path, device: str, *, calibrated: bool = True) -> Ensemble:
    card = read_card(folder)
    about = card.ensemble
    if about is None:
        raise ValueError(f"{folder} is no ensemble")
    members = []
    for named in about.members:
        member = load_predictor(folder / MEMBERS / named.name, device, calibrated=calibrated)
        if member.card.weights != named.weights:
            raise CheckpointError(
                f"{member.folder} is not the member that {folder} names (weights "
                f"{member.card.weights}, not {named.weights}): copy the ensemble again as a whole"
            )
        members.append(member)
    try:
        check_compatible([(member.folder.name, member.card) for member in members])
    except ConfigError as error:
        raise CheckpointError(f"{folder} is no ensemble that can answer: {error}") from error
    lead = next(member for member in members if member.folder.name == about.lead)
    calibration = read_calibration(folder, card) if calibrated else None
    name = fingerprint(folder, calibrated=calibrated)
    loaded = replace(
        lead.loaded, folder=folder, card=card, calibration=calibration, fingerprint=name
    )
    return Ensemble(loaded, device, tuple(members), lead.lock)


def load_parts(path: Path, device: str = "cpu", *, calibrated: bool = True) -> Loaded:
    """Load a run's or a checkpoint's network, gallery and, if asked, calibration.

    A gallery is missed only where the card says how to use it: a checkpoint saved without
    refinement is whole without one. A calibration is never missed.

    Raises:
        CheckpointError: Something is missing, damaged, or belongs to another checkpoint.
    """
    folder = find_checkpoint(path)
    checkpoint = load_checkpoint(folder, choose_device(device))
    if checkpoint.card.refine is not None:
        remedy = "copy the checkpoint folder again as a whole"
        checked(checkpoint.card.refine, RefineConfig, folder / CARD, remedy, CheckpointError)
    retrieval = load_retrieval_network(folder, checkpoint.card.retrieval, choose_device(device))
    widths = checkpoint.model.descriptor_widths + (() if retrieval is None else retrieval.widths)
    gallery = None
    if has_gallery(folder) or checkpoint.card.refine is not None:
        gallery = Gallery.load(folder)
        _check_gallery(gallery, checkpoint.card, widths, folder)
    elif not checkpoint.card.trained:
        raise CheckpointError(
            f"{folder} was not trained and has no gallery yet, so nothing in it can answer: wait "
            "until its run has finished, or go on with the run by --resume"
        )
    calibration = read_calibration(folder, checkpoint.card) if calibrated else None
    if calibration is not None:
        _check_points(calibration, gallery, folder)
    name = fingerprint(folder, calibrated=calibrated)
    loaded = Loaded(
        folder, checkpoint.card, checkpoint.model, gallery, retrieval, calibration, name
    )
    _check_descriptor(loaded)
    return loaded


def _check_gallery(gallery: Gallery, card: Card, widths: tuple[int, ...], folder: Path) -> None:
    try:
        gallery.check_split(card.split.hash)
    except SplitError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    if gallery.local is not None:
        try:
            gallery.local.method.check()
        except ConfigError as error:
            raise CheckpointError(f"{folder}: {error}") from error
    given = gallery.descriptor_space.widths
    same_labels = ("position" in gallery.labels) == ("position" in card.labels)
    if given != widths or gallery.region.max() >= len(card.regions) or not same_labels:
        raise CheckpointError(
            f"gallery in {folder} does not fit the model beside it (descriptors of "
            f"{_summed(given)} against {_summed(widths)}, {listed(gallery.labels)} against "
            f"{listed(card.labels)}): copy the checkpoint folder again as a whole"
        )


def _check_descriptor(loaded: Loaded) -> None:
    """Refuse descriptors that would not compare with the gallery's: timm may name other stages."""
    recorded, made = loaded.card.descriptor, loaded.descriptor_parts
    if loaded.gallery is not None and recorded is not None and recorded != made:
        raise CheckpointError(
            f"{loaded.folder}: photos would be described by {'; '.join(made)}, its gallery is "
            f"described by {'; '.join(recorded)}: use the version of timm that its card names"
        )


def _summed(widths: tuple[int, ...]) -> str:
    return " + ".join(map(str, widths))


def _check_points(calibration: Calibration, gallery: Gallery | None, folder: Path) -> None:
    """Refuse a calibration of the first version, which does not name the gallery."""
    if BEST_POINTS in needed_signals(calibration) and (gallery is None or gallery.local is None):
        raise CheckpointError(
            f"{folder} was calibrated with a gallery that holds points, this one holds none: copy "
            f"the checkpoint folder again as a whole, or calibrate it again with `python -m core "
            f"calibrate {folder}`"
        )
