"""Calibrating a checkpoint: predict held-out photos, fit, and write `calibration.json`.

A gallery made without points can be given them first, from the training photos.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.calibration.schema import CalibrateConfig
from core.confidence.evidence import Evidence
from core.confidence.files import FILE, fingerprint, write_calibration
from core.confidence.fit import (
    LEAST_PHOTOS,
    GroundTruth,
    fit_headings,
    fit_positions,
    fit_refusal,
    fit_regions,
)
from core.confidence.negatives import MOST_EACH, make_negatives
from core.confidence.schema import Calibration, RefusalFit
from core.dataset.labels import Dataset
from core.dataset.spatial_groups import spot_groups
from core.dataset.splits import Part, calibration_part
from core.dataset.store import PhotoStore, prepare_dataset
from core.errors import ConfigError, SplitError
from core.evaluation.evaluate import predict_selection
from core.evaluation.selection import Selection, select
from core.inference.loading import load_predictor, load_split
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor
from core.model.card import write_card
from core.retrieval.gallery import Gallery
from core.retrieval.local_features import describe_gallery
from core.retrieval.select import (
    Raw,
    ValidationTruth,
    refined_figures,
    select_refinement,
    verified_raw,
)
from core.runs import trained_dataset

Progress = Callable[[int, int], None]


def describe_anew(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    most: int,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Predictor:
    """Describe points of the gallery's photos, and choose by validation photos how they refine.

    Gallery and card are saved. The network stays as it is.

    Args:
        predictor: Of one checkpoint.
        dataset: Holds the gallery's photos and the validation photos.
        store: Its decoded photos; their side becomes that of every photo the checkpoint decodes.
        most: Points of each photo at most; 0 drops those that the gallery has.
        batch_size: Photos that the network sees at once.
        progress: Called with `(photos done, photos in all)`.

    Raises:
        ConfigError: An ensemble, or a checkpoint without gallery.
        SplitError: Photos of the gallery, or all validation photos, are not in the dataset.
    """
    gallery = _own_gallery(predictor)
    predictor = _decoding_to(predictor, store.size)
    rows = _rows(gallery, dataset)
    local = describe_gallery(store.photos, rows, most, progress) if most else None
    described = replace(gallery, local=local)
    selection = select(dataset, predictor, "val")
    raw = _raw(predictor, store, selection, batch_size)
    if local is not None:
        hfov_deg = float(np.median(store.hfov_deg[rows]))
        val = (store.photos[row] for row in selection.rows)
        raw = verified_raw(raw, val, described, hfov_deg)
    known = selection.truth
    truth = ValidationTruth(known.position_m, known.heading_deg, known.region)
    chosen = select_refinement(raw, truth, described)
    figures = refined_figures(raw, truth, described, chosen)
    card = predictor.card.model_copy(
        update={
            "refine": chosen.model_dump(mode="json"),
            "metrics": predictor.card.metrics | figures,
        }
    )
    # A calibration of the first version would still be read, though it is of the old points.
    (predictor.folder / FILE).unlink(missing_ok=True)
    described.save(predictor.folder)
    write_card(predictor.folder, card)
    return replace(predictor, loaded=replace(predictor.loaded, gallery=described, card=card))


def _decoding_to(predictor: Predictor, side: int) -> Predictor:
    card = predictor.card
    if side < card.preprocess.input_size:
        raise ConfigError(
            f"photos decoded to {side} pixels are smaller than the network's input: a store size "
            f"of {card.preprocess.input_size} or more is needed"
        )
    preprocess = card.preprocess.model_copy(update={"store_size": side})
    card = card.model_copy(update={"preprocess": preprocess})
    return replace(predictor, loaded=replace(predictor.loaded, card=card))


def _own_gallery(predictor: Predictor) -> Gallery:
    if predictor.members:
        raise ConfigError(
            f"{predictor.folder} is an ensemble, whose members have the galleries: calibrate each "
            "of its members/NAME with --gallery-points, then the ensemble without"
        )
    if predictor.gallery is None:
        raise ConfigError(f"{predictor.folder} has no gallery whose photos could be described")
    return predictor.gallery


def _rows(gallery: Gallery, dataset: Dataset) -> np.ndarray:
    """Rows of the gallery's photos in the dataset."""
    row_of = {name: row for row, name in enumerate(dataset.table["photo_id"])}
    absent = [name for name in gallery.photo_ids if name not in row_of]
    if absent:
        raise SplitError(
            f"{len(absent)} of the {len(gallery)} training photos are not in {dataset.root} "
            f"(first: {absent[:3]}): give the dataset that the checkpoint was trained on"
        )
    return np.array([row_of[name] for name in gallery.photo_ids], np.int64)


def _raw(predictor: Predictor, store: PhotoStore, selection: Selection, batch_size: int) -> Raw:
    """What the network says of the photos, before refinement."""
    found = predict_selection(predictor, store, selection, batch_size)
    return Raw(found.position_m, found.heading_deg, found.region_head, found.features)


LEAST = 10
"""With fewer calibration photos nothing is promised at all."""


@dataclass(frozen=True)
class Calibrated:
    """A calibration as it was written.

    Attributes:
        folder: The checkpoint's folder.
        calibration: What it says.
    """

    folder: Path
    calibration: Calibration


def calibrate(config: CalibrateConfig, progress: Progress | None = None) -> Calibrated:
    """Calibrate a checkpoint, or an ensemble as a whole, on a held-out part of its split.

    The test part is never looked at.

    Args:
        config: What to calibrate, on what.
        progress: Called with `(photos done, photos in all)`, first while photos are decoded, then
            while they are predicted.

    Raises:
        SplitError: The dataset does not hold the part, or too few of its photos, or not those of
            the gallery that are to be described.
        CheckpointError, LabelError, FrameError, ImageError, ConfigError: As their rooms say.
    """
    predictor = load_predictor(config.run, config.device, calibrated=False)
    dataset, store = prepare_dataset(
        config.dataset or trained_dataset(config.run),
        config.store_size or predictor.store_size,
        allow_missing=config.allow_missing,
        progress=progress,
    )
    if config.gallery_points is not None:
        predictor = describe_anew(
            predictor, dataset, store, config.gallery_points, config.batch_size, progress
        )
    part = config.split or calibration_part(load_split(predictor.folder))
    found = fit_calibration(predictor, dataset, store, part, config.batch_size, progress)
    write_calibration(predictor.folder, found)
    return Calibrated(predictor.folder, found)


def fit_calibration(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    part: Part,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Calibration:
    """Fit a predictor's calibration to the photos of a part; nothing is written.

    Raises:
        SplitError: The part has fewer than `LEAST` photos here.
    """
    selection = select(dataset, predictor, part)
    if len(selection.rows) < LEAST:
        raise SplitError(
            f"the {part} part of {dataset.root} has {len(selection.rows)} photos, {LEAST} are "
            "needed to calibrate: bring more photos"
        )
    prediction = predict_selection(predictor, store, selection, batch_size, progress)
    known = _known(selection, load_split(predictor.folder).protocol)
    card = predictor.card
    return Calibration(
        answers=fingerprint(predictor.folder, calibrated=False),
        split_hash=card.split.hash,
        protocol=card.split.protocol,
        part=part,
        photos=len(known.groups),
        groups=len(np.unique(known.groups)),
        region=fit_regions(prediction.region_probabilities, known.region, known.groups),
        position=fit_positions(prediction, known),
        heading=fit_headings(prediction, known),
        refusal=_refusal(predictor, store, selection, prediction, known, batch_size),
    )


def _known(selection: Selection, protocol: str) -> GroundTruth:
    """The truth, and which photos are right or wrong together under the split's protocol."""
    truth = selection.truth
    groups = spot_groups(truth.position_m)
    if protocol == "visit" and selection.visits is not None:
        groups = selection.visits
    return GroundTruth(truth.position_m, truth.heading_deg, truth.region, groups)


def _refusal(
    predictor: Predictor,
    store: PhotoStore,
    selection: Selection,
    prediction: Prediction,
    known: GroundTruth,
    batch_size: int,
) -> RefusalFit | None:
    genuine = prediction.support
    if genuine is None or len(prediction) < LEAST_PHOTOS:
        return None
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(selection.rows))[:MOST_EACH]
    photos = np.asarray(store.photos[selection.rows[np.sort(chosen)]])
    made: dict[str, Evidence] = {}
    for kind, negatives in make_negatives(photos, rng).items():
        support = predictor.predict_photos(negatives, batch_size=batch_size).support
        if support is not None:
            made[kind] = support
    return fit_refusal(genuine, made, known.groups)
