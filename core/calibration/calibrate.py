"""Calibrating a checkpoint: ask about held-out photos, fit, and write `calibration.json`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.calibration.folds import Known
from core.calibration.headings import fit_headings
from core.calibration.negatives import MOST_EACH, make_negatives
from core.calibration.points import describe_anew
from core.calibration.positions import fit_positions
from core.calibration.refusals import LEAST_PHOTOS, fit_refusal
from core.calibration.regions import fit_regions
from core.calibration.schema import CalibrateConfig
from core.dataset.labels import Dataset
from core.dataset.spatial_groups import spot_groups
from core.dataset.splits import Part, calibration_part
from core.dataset.store import PhotoStore, prepare_dataset
from core.errors import SplitError
from core.evaluation.evaluate import predict_selection
from core.evaluation.selection import Selection, select
from core.evaluation.trained import trained_dataset
from core.inference.loading import load_predictor, load_split
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor
from core.trust.files import fingerprint, write_calibration
from core.trust.schema import Calibration, RefusalFit
from core.trust.support import Support

Progress = Callable[[int, int], None]

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


def _known(selection: Selection, protocol: str) -> Known:
    """The truth, and which photos are right or wrong together under the split's protocol."""
    truth = selection.truth
    groups = spot_groups(truth.position_m)
    if protocol == "visit" and selection.visits is not None:
        groups = selection.visits
    return Known(truth.position_m, truth.heading_deg, truth.region, groups)


def _refusal(
    predictor: Predictor,
    store: PhotoStore,
    selection: Selection,
    prediction: Prediction,
    known: Known,
    batch_size: int,
) -> RefusalFit | None:
    genuine = prediction.support
    if genuine is None or len(prediction) < LEAST_PHOTOS:
        return None
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(selection.rows))[:MOST_EACH]
    photos = np.asarray(store.photos[selection.rows[np.sort(chosen)]])
    made: dict[str, Support] = {}
    for kind, negatives in make_negatives(photos, rng).items():
        support = predictor.predict_photos(negatives, batch_size=batch_size).support
        if support is not None:
            made[kind] = support
    return fit_refusal(genuine, made, known.groups)
