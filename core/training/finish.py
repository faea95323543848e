"""The end of a run: gallery, refinement and calibration of the best checkpoint, never by test."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from core.calibration.calibrate import LEAST, fit_calibration
from core.confidence.files import write_calibration
from core.dataset.augment import View
from core.errors import CheckpointError, ConfigError, SplitError
from core.files import write_json
from core.geo import heading_from_unit
from core.headline import PhotoErrors, raw_card_metrics
from core.inference.loading import load_predictor
from core.inference.network import (
    NetworkOutputs,
    crops_of,
    merge,
    place_shares,
    shifts_deg,
)
from core.inference.torch_network import TorchNetwork, network_outputs
from core.labels import Label
from core.model.card import Card, write_card
from core.model.checkpoint import load_checkpoint
from core.model.network import BearingsModel
from core.model.retrieval_network import (
    RetrievalNetwork,
    make_retrieval_network,
    save_retrieval_network,
)
from core.retrieval.choice import UNREFINED
from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.local_features import PointMethod, chosen_method, describe_gallery
from core.retrieval.projection import space_options
from core.retrieval.refine import Retrieved, retrieve
from core.retrieval.schema import RefineConfig
from core.retrieval.select import (
    Raw,
    ValidationTruth,
    refined_figures,
    select_refinement,
    verified_raw,
    with_gallery_photos,
)
from core.runs import SPLIT
from core.splits.spatial_groups import spot_groups
from core.splits.split import calibration_part
from core.training.data import Rows, TrainingData
from core.training.descriptor_cache import frozen_descriptors
from core.training.device import Compute
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from core.training.stages import Watch, plain_features

Features = NDArray[np.float32]
# Photos on which the exported network's answers are compared with torch's.
_CHECKED = 32
LAST_LAYER_ONLY = "photos are compared by the pooled last layer alone"


def untrained_note(labels: Collection[Label], descriptor_steps: int = 0) -> str:
    """The note of a model without trained heads that predicts these labels."""
    *first, last = [label for label in ("region", "position", "heading") if label in labels]
    backbone = "the untouched backbone"
    what = "Not trained"
    if descriptor_steps:
        what = "No heads trained"
        backbone = f"a backbone whose descriptor was trained for {descriptor_steps} steps"
    return (
        f"{what}: the training photos that look most alike to {backbone} answer "
        f"for {', '.join(first)}{' and ' if first else ''}{last}."
    )


def _raw(answers: NetworkOutputs, descriptors: Features, data: TrainingData) -> Raw:
    position_m = data.normaliser.to_metres(answers.position)
    share = np.asarray(answers.probabilities, np.float32)
    return Raw(position_m, heading_from_unit(answers.heading), share, descriptors)


def check_refinement(config: TrainConfig, data: TrainingData) -> None:
    """Refuse, before training, what the photos of the gallery cannot do.

    Raises:
        CheckpointError: The weights of the retrieval backbone cannot be had or do not fit.
        ConfigError: A given refinement needs positions that no photo has, or more photos than there
            are; or without training no photo could answer for a label.
    """
    # Weights that cannot be had are better known before training than after it.
    make_retrieval_network(config.retrieval)
    photos = len(data.gallery_rows)
    for label in data.labels if config.zero_training else ():
        if not data.dataset.labelled(label)[data.gallery_rows].any():
            raise ConfigError(
                f"without training the training photos with a position answer, and none of them "
                f"has a {label}: label some of them, or train (without zero_training)"
            )
    if config.descriptor_steps and "position" not in data.labels:
        raise ConfigError(
            "descriptor_steps brings photos of near places together, and no training photo has a "
            "position: label some of them, or leave descriptor_steps out"
        )
    if config.refine is None:
        return
    if config.refine.place_weight and (config.zero_training or not config.model.place_anchors):
        raise ConfigError("refine.place_weight needs a trained place head: set it to 0")
    if "position" not in data.labels and config.refine != UNREFINED:
        raise ConfigError("refine needs positions, and no training photo has one: leave refine out")
    wanted = (config.refine.k, config.refine.heading_k, config.refine.region_k)
    if max(wanted[:2]) > photos or (config.refine.blend_region and wanted[2] > photos):
        raise ConfigError(
            f"refine.k, refine.heading_k and refine.region_k must be at most {photos}, the number "
            f"of training photos; got {', '.join(map(str, wanted))}"
        )


def finish_run(
    run: RunFolder,
    config: TrainConfig,
    data: TrainingData,
    compute: Compute,
    watch: Watch | None = None,
    watch_alone: Watch | None = None,
) -> Card | None:
    """Give the best checkpoint its gallery, split and refinement.

    Descriptors are computed in float32, as predictions are, from the checkpoint as it was saved.
    Several processes share that work and call `watch`; the main one alone chooses and writes, and
    calls `watch_alone`. Returns the final card, on the main process.
    """
    compute = compute.exact()
    checkpoint = load_checkpoint(run.best)
    model = compute.to_device(checkpoint.model)
    rows = data.gallery_rows
    if config.model.descriptor == "middle" and model.stage is None:
        run.log(f"no stage of {config.model.backbone} can be read: {LAST_LAYER_ONLY}")
    seen = _seen(model, compute, checkpoint.card, data, config.batch_photos, watch)
    if not compute.processes.is_main:
        return None
    train, val = (np.mean(views, axis=0) for views in zip(*seen, strict=True))
    widths = model.descriptor_widths
    retrieval = make_retrieval_network(config.retrieval)
    if retrieval is not None:
        further = _retrieval_descriptors(retrieval, compute, data, config.batch_photos, watch_alone)
        train, val = np.hstack([train, further[0]]), np.hstack([val, further[1]])
        widths += retrieval.widths
    gallery = make_gallery(data, rows, train, widths, config)
    if config.zero_training:
        raw, figures = _retrieved(gallery, val, data)
        run.log("no head is trained: the gallery answers")
    else:
        answers = _answered(model, compute, checkpoint.card, [val for _, val in seen], data)
        places = place_shares(TorchNetwork(model), checkpoint.card, answers.views, gallery)
        raw = replace(_raw(answers, val, data), places=places)
        figures = _raw_metrics(raw, data) if len(seen) > 1 else {}
    if config.gallery_points:
        method = chosen_method(config.local_features, trained=not config.zero_training)
        most = f"{config.gallery_points} of each training photo at most"
        run.log(f"{method.features} keypoints: {most}")
        gallery, raw = _with_points(gallery, raw, data, config, method, watch_alone)
    chosen, metrics = _refinement(run, config, data, gallery, raw, train, watch_alone)
    save_retrieval_network(run.best, retrieval)
    gallery.save(run.best)
    write_json(run.best / SPLIT, data.split.to_json())
    card = checkpoint.card.model_copy(
        update={
            "refine": chosen.model_dump(mode="json"),
            "metrics": checkpoint.card.metrics | figures | metrics,
            "retrieval": None if retrieval is None else retrieval.card,
            "descriptor": model.descriptor_parts + (() if retrieval is None else retrieval.parts),
        }
    )
    write_card(run.best, card)
    _finish_checkpoint(run, config, data, str(compute.device), watch_alone)
    return card


def _finish_checkpoint(
    run: RunFolder, config: TrainConfig, data: TrainingData, device: str, watch: Watch | None
) -> None:
    """Calibrate the best checkpoint, and export it if that was done."""
    if calibrate_run(run, config, data, device, watch) and config.export_onnx:
        export_run(run, data)


def _seen(
    model: BearingsModel,
    compute: Compute,
    card: Card,
    data: TrainingData,
    batch_size: int,
    watch: Watch | None,
) -> list[tuple[Features, Features]]:
    """Descriptors of the gallery's photos and of the validation photos, by crop."""

    def described(rows: Rows, crop: View) -> Features:
        return plain_features(model, compute, data, rows, batch_size, watch, crop, descriptors=True)

    return [
        (described(data.gallery_rows, crop), described(data.rows["val"], crop))
        for crop in crops_of(card.tta)
    ]


def _retrieval_descriptors(
    network: RetrievalNetwork,
    compute: Compute,
    data: TrainingData,
    batch_size: int,
    watch: Watch | None,
) -> tuple[Features, Features]:
    """Descriptors of the gallery's and of the validation photos by the retrieval backbone."""
    gallery, every = data.gallery_rows, np.concatenate([data.gallery_rows, data.rows["val"]])
    device = str(compute.device)
    descriptors = frozen_descriptors(network, data.store, every, batch_size, device, watch)
    return descriptors[: len(gallery)], descriptors[len(gallery) :]


def _refinement(
    run: RunFolder,
    config: TrainConfig,
    data: TrainingData,
    gallery: Gallery,
    raw: Raw,
    train: Features,
    watch: Watch | None,
) -> tuple[RefineConfig, dict[str, float]]:
    """The given or chosen refinement, and its figures on the validation photos."""
    truth, spot = _truth(data), spot_groups(data.position_m)
    if config.refine is not None:
        return config.refine, refined_figures(raw, truth, gallery, config.refine)
    photos = raw, replace(truth, spot=spot[data.rows["val"]])
    # Descriptors that were trained on the gallery's photos would flatter them.
    untouched = config.zero_training and not config.descriptor_steps
    if untouched and "position" in gallery.labels:
        photos = with_gallery_photos(*photos, gallery, train, spot[data.gallery_rows], watch)
    choice = select_refinement(*photos, gallery)
    run.log(str(choice))
    return choice.config, refined_figures(raw, truth, gallery, choice.config) | choice.metrics()


def _answered(
    model: BearingsModel, compute: Compute, card: Card, seen: list[Features], data: TrainingData
) -> NetworkOutputs:
    """Outputs of the heads for the validation photos, from their descriptors in each crop."""
    features = [np.ascontiguousarray(descriptors[:, : model.width]) for descriptors in seen]
    with torch.no_grad():
        answers = [
            network_outputs(model.heads(torch.from_numpy(each).to(compute.device)))
            for each in features
        ]
    turns = shifts_deg(crops_of(card.tta), 0.0 if card.tta is None else card.tta.hfov_deg)
    return merge(answers, turns, np.asarray(data.normaliser.spread))


def _raw_metrics(raw: Raw, data: TrainingData) -> dict[str, float]:
    """Validation figures of answers in several crops; those of the epochs were of one."""
    rows = data.rows["val"]
    errors = PhotoErrors.between(
        (data.position_m[rows], data.heading_deg[rows], data.region[rows]),
        (raw.position_m, raw.heading_deg, _likeliest(raw.region_probabilities)),
    )
    return raw_card_metrics(errors.figures())


def _likeliest(probabilities: NDArray[np.floating]) -> NDArray[np.int64] | None:
    """The most probable region `(n,)`; None without regions."""
    return probabilities.argmax(axis=1) if probabilities.shape[1] else None


def _retrieved(
    gallery: Gallery, descriptors: Features, data: TrainingData
) -> tuple[Raw, dict[str, float]]:
    """The gallery's predictions of the validation photos, and their figures."""
    best = retrieve(descriptors, gallery, len(data.regions))
    share = np.asarray(best.probabilities, np.float32)
    raw = Raw(best.position_m, heading_from_unit(best.heading), share, descriptors)
    return raw, untrained_figures(best, data)


def make_gallery(
    data: TrainingData,
    rows: Rows,
    descriptors: Features,
    widths: tuple[int, ...],
    config: TrainConfig,
) -> Gallery:
    """Return the gallery of photos with their raw descriptors `(n, sum(widths))`."""
    dimensions, whiten = space_options(config.gallery_dimensions, config.gallery_whiten)
    table = data.dataset.table.iloc[rows]
    return build_gallery(
        table["photo_id"].tolist(),
        table["filename"].tolist(),
        descriptors,
        data.position_m[rows],
        data.heading_deg[rows],
        data.region[rows],
        split_hash=data.split.hash,
        parts=data.split.parts,
        minute=table["minute"].to_numpy(np.float64),
        widths=widths,
        dimensions=dimensions,
        whiten=whiten,
    )


def _truth(data: TrainingData) -> ValidationTruth:
    rows = data.rows["val"]
    return ValidationTruth(data.position_m[rows], data.heading_deg[rows], data.region[rows])


def _with_points(
    gallery: Gallery,
    raw: Raw,
    data: TrainingData,
    config: TrainConfig,
    method: PointMethod,
    watch: Watch | None,
) -> tuple[Gallery, Raw]:
    """Describe points of the training photos, and compare those of the validation photos."""
    photos, train = data.store.photos, data.gallery_rows
    local = describe_gallery(photos, train, config.gallery_points, method, watch)
    described = replace(gallery, local=local)
    given = None if config.refine is None else config.refine.turn_hfov_deg
    hfov_deg = given or float(np.median(data.store.hfov_deg[train]))
    val = (photos[row] for row in data.rows["val"])
    return described, verified_raw(raw, val, described, hfov_deg, watch)


def untrained_figures(retrieved: Retrieved, data: TrainingData) -> dict[str, float]:
    """Figures of retrieved answers about the validation photos, as a card names them."""
    rows = data.rows["val"]
    errors = PhotoErrors.between(
        (data.position_m[rows], data.heading_deg[rows], data.region[rows]),
        (
            retrieved.position_m,
            heading_from_unit(retrieved.heading),
            _likeliest(retrieved.probabilities),
        ),
    )
    return raw_card_metrics(errors.figures()) | {"val_score": errors.score(data.scale_m)}


def calibrate_run(
    run: RunFolder,
    config: TrainConfig,
    data: TrainingData,
    device: str,
    watch: Watch | None = None,
) -> bool:
    """Calibrate the best checkpoint on its calibration part; one that is too small is logged.

    The main process of a run calls this, after the card is written, so that the predictions that
    users get are calibrated. Returns whether it is calibrated.
    """
    part = calibration_part(data.split)
    photos = len(data.rows[part])
    if photos < LEAST:
        run.log(f"not calibrated: {photos:,} photos are in the {part} part, {LEAST} are needed")
        return False
    predictor = load_predictor(run.best, device, calibrated=False)
    try:
        calibration = fit_calibration(
            predictor, data.dataset, data.store, part, config.batch_photos, watch
        )
    except SplitError as error:
        run.log(f"not calibrated: {error}")
        return False
    for note in calibration.notes:
        run.log(note)
    write_calibration(run.best, calibration)
    run.log(f"calibrated on the {calibration.photos:,} photos of the {part} part")
    return True


def export_run(run: RunFolder, data: TrainingData) -> None:
    """Export the best checkpoint as ONNX, so that it answers at once on a CPU.

    A network that cannot be exported is logged, and answers by torch.
    """
    val = data.rows["val"]
    chosen = val[:: -(-len(val) // _CHECKED)]
    # ONNX takes a second to import.
    from core.inference.onnx_export import export_checkpoint

    try:
        photos = np.stack([data.store.photos[row] for row in chosen])
        export_checkpoint(run.best, photos, f"{len(chosen):,} validation photos")
    # torch's exporter raises RuntimeError for what it cannot follow.
    except (CheckpointError, RuntimeError, MemoryError) as error:
        run.log(f"not exported as ONNX, so that CPUs predict with torch: {error}")
        return
    run.log(f"exported as ONNX; answers for {len(chosen):,} validation photos are those of torch")
