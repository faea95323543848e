"""Loading checkpoints and ensembles: network, card, gallery, calibration and split."""

import sys
from dataclasses import replace
from pathlib import Path

from core.confidence.apply import needed_signals
from core.confidence.files import fingerprint, read_calibration
from core.confidence.ood import BEST_POINTS
from core.confidence.schema import Calibration
from core.errors import CheckpointError, ConfigError, SplitError
from core.files import checked
from core.inference.ensemble import Ensemble
from core.inference.ensemble_compat import check_compatible
from core.inference.network import Describer, Network
from core.inference.predictor import Loaded, Predictor
from core.labels import listed
from core.model.card import MEMBERS, Card, read_card
from core.retrieval.gallery import Gallery, has_gallery
from core.retrieval.schema import RefineConfig
from core.runs import CARD, find_checkpoint


def load_predictor(
    path: Path | str, device: str = "cpu", *, calibrated: bool = True, exported: bool = True
) -> Predictor:
    """Load the predictor of a checkpoint or ensemble folder, or of a run's best checkpoint.

    Args:
        path: The folder.
        device: Where the network computes.
        calibrated: Whether to read its calibration; not, to fit a new one.
        exported: Whether a network that was exported computes on CPUs; not, to change its layers.

    Raises:
        CheckpointError: Nothing there, damaged, or parts of different checkpoints.
        ConfigError: The device is not available.
    """
    folder = find_checkpoint(Path(path))
    if read_card(folder).ensemble is not None:
        return _load_ensemble(folder, device, calibrated=calibrated, exported=exported)
    return Predictor(*_load_parts(folder, device, calibrated=calibrated, exported=exported))


def _load_ensemble(folder: Path, device: str, *, calibrated: bool, exported: bool) -> Ensemble:
    card = read_card(folder)
    about = card.ensemble
    if about is None:
        raise ValueError(f"{folder} is no ensemble")
    members = []
    for named in about.members:
        place = folder / MEMBERS / named.name
        member = load_predictor(place, device, calibrated=calibrated, exported=exported)
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
    return Ensemble(loaded, lead.device, tuple(members), lead.lock)


def _load_parts(
    folder: Path, device: str, *, calibrated: bool, exported: bool
) -> tuple[Loaded, str]:
    """Load a checkpoint's network, gallery and, if asked, calibration; and the device's name.

    A gallery is missed only where the card says how to use it: a checkpoint saved without
    refinement is whole without one. A calibration is never missed.

    Raises:
        CheckpointError: Something is missing, damaged, or belongs to another checkpoint.
    """
    card = read_card(folder)
    network, retrieval, device = _networks(folder, card, device, exported=exported)
    if card.refine is not None:
        remedy = "copy the checkpoint folder again as a whole"
        checked(card.refine, RefineConfig, folder / CARD, remedy, CheckpointError)
    widths = network.widths + (() if retrieval is None else retrieval.widths)
    gallery = None
    if has_gallery(folder) or card.refine is not None:
        gallery = Gallery.load(folder)
        _check_gallery(gallery, card, widths, folder)
    elif not card.trained:
        raise CheckpointError(
            f"{folder} was not trained and has no gallery yet, so nothing in it can answer: wait "
            "until its run has finished, or go on with the run by --resume"
        )
    calibration = read_calibration(folder, card) if calibrated else None
    if calibration is not None:
        _check_points(calibration, gallery, folder)
    name = fingerprint(folder, calibrated=calibrated)
    loaded = Loaded(folder, card, network, gallery, retrieval, calibration, name)
    _check_descriptor(loaded)
    return loaded, device


def _networks(
    folder: Path, card: Card, device: str, *, exported: bool
) -> tuple[Network, Describer | None, str]:
    """The network, the retrieval backbone if there is one, and the name of their device.

    An export of these very weights computes on CPUs, and torch is not imported.
    """
    graphs = card.exported
    if exported and graphs is not None and graphs.key == card.export_key and _on_cpu(device):
        from core.inference.onnx_network import load_describer, load_network

        network = load_network(folder, card, graphs.network)
        if card.retrieval is None or graphs.retrieval is None:
            return network, None, "cpu"
        return network, load_describer(folder, card.retrieval, graphs.retrieval), "cpu"
    import torch

    from core.inference.torch_network import TorchNetwork
    from core.model.checkpoint import load_checkpoint
    from core.model.device import choose_device
    from core.model.retrieval_network import load_retrieval_network

    chosen = choose_device(device)
    model = load_checkpoint(folder, chosen).model
    # Convolutions on CPUs run 1.2 to 1.9 times faster on channels-last float32.
    model.to(memory_format=torch.channels_last)
    return TorchNetwork(model), load_retrieval_network(folder, card.retrieval, chosen), chosen


def _on_cpu(device: str) -> bool:
    """Whether a device is the CPU; for `auto`, whether this machine has nothing faster."""
    if device != "auto":
        return device == "cpu"
    import pynvml  # only asked on a machine whose device is not named

    try:
        pynvml.nvmlInit()
        return sys.platform != "darwin" and not int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:  # no driver
        return sys.platform != "darwin"


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
