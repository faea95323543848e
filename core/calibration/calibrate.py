"""Calibrate a checkpoint: predict held-out photos, fit, and write `calibration.json`.

Its gallery can be renewed first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.calibration.renew import renew_gallery
from core.calibration.schema import CalibrateConfig
from core.confidence import negatives
from core.confidence.evidence import Evidence
from core.confidence.files import fingerprint, write_calibration
from core.confidence.fit import (
    Cases,
    GroundTruth,
    fit_headings,
    fit_positions,
    fit_regions,
)
from core.confidence.fit_refusal import LEAST_PHOTOS, fit_refusal
from core.confidence.schema import Calibration, RefusalFit
from core.dataset.labels import Dataset
from core.dataset.store import PhotoStore, prepare_dataset
from core.errors import SplitError
from core.evaluation.evaluate import predict_cases
from core.evaluation.place import check_place, metres_of
from core.evaluation.selection import Selection, select
from core.inference.loading import load_predictor
from core.inference.prediction import Prediction, joined
from core.inference.predictor import Predictor
from core.inference.stored_split import load_split
from core.labels import PLURALS, Label, absence_note
from core.model.card import Card
from core.retrieval.neighbours import Surroundings
from core.runs import trained_dataset
from core.splits.parts import Part
from core.splits.spatial_groups import spot_groups
from core.splits.split import calibration_part

Progress = Callable[[int, int], None]


LEAST = 10
"""Fewest photos that a calibration is fitted to."""
RADII_M = (10.0, 20.0, 40.0, 60.0)
"""Calibration photos are answered again without the training photos within each of these."""


@dataclass(frozen=True)
class Calibrated:
    """A calibration that was written.

    Attributes:
        folder: The checkpoint's folder.
        calibration: Content of its `calibration.json`.
    """

    folder: Path
    calibration: Calibration


def calibrate(config: CalibrateConfig, progress: Progress | None = None) -> Calibrated:
    """Calibrate a checkpoint, or an ensemble as a whole, on a held-out part of its split.

    The test part is not used.

    Args:
        config: Checkpoint, dataset and options.
        progress: Called with `(photos done, photos in all)`, first while photos are decoded, then
            while they are predicted.

    Raises:
        SplitError: The dataset lacks the part, has too few of its photos, or lacks photos of a
            gallery that is to be renewed.
        CheckpointError, LabelError, FrameError, ImageError, ConfigError: See `load_predictor`,
            `prepare_dataset` and `renew_gallery`.
    """
    predictor = load_predictor(config.run, config.device, calibrated=False, exported=False)
    root = config.dataset or trained_dataset(config.run)
    dataset, store = prepare_dataset(
        root,
        config.store_size or predictor.store_size,
        allow_missing=config.allow_missing,
        progress=progress,
    )
    if not config.other_place and "position" in predictor.card.labels:
        position_m = metres_of(dataset.positions, dataset.campus.frame, predictor.card)
        check_place(predictor.card, predictor.gallery, position_m, root)
    if config.renew_gallery or config.gallery_points is not None:
        predictor = renew_gallery(predictor, dataset, store, config, progress)
    part = config.split or calibration_part(load_split(predictor.folder))
    calibration = fit_calibration(predictor, dataset, store, part, config.batch_size, progress)
    write_calibration(predictor.folder, calibration)
    return Calibrated(predictor.folder, calibration)


def fit_calibration(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    part: Part,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Calibration:
    """Fit a predictor's calibration to the photos of a part; nothing is written.

    Each of region, position and heading is fitted to the photos that have the label, if the model
    predicts it and at least `LEAST` photos have it; notes name what is left out. Sizes of positions
    and headings are fitted to answers with the whole gallery and without the training photos around
    the photos (see `Cases`), so that they hold where nobody photographed as well.

    Raises:
        SplitError: The dataset has fewer than `LEAST` photos of the part, or of each label.
    """
    selection = select(dataset, predictor, part)
    if len(selection.rows) < LEAST:
        raise SplitError(
            f"the {part} part of {dataset.root} has {len(selection.rows):,} photos, {LEAST} are "
            "needed to calibrate: add photos"
        )
    card = predictor.card
    truth = _ground_truth(selection, card)
    crowds = _crowds(predictor, truth)
    radii = [radius for radius, some in crowds.items() if len(some)]
    prediction, *alone = predict_cases(
        predictor, store, selection, (None, *radii), batch_size, progress
    )
    out = [(answer, crowds[radius]) for answer, radius in zip(alone, radii, strict=True)]
    rows = {label: truth.labelled(label) for label in card.labels}
    fitted = {label: own for label, own in rows.items() if len(own) >= LEAST}
    if not fitted:
        raise SplitError(
            f"{_counts(rows)} of the {part} part of {dataset.root}, {LEAST} with the same label "
            "are needed to calibrate: add labelled photos"
        )
    region, position, heading = (fitted.get(label) for label in ("region", "position", "heading"))
    shares = prediction.region_probabilities
    return Calibration(
        answers=fingerprint(predictor.folder, calibrated=False),
        split_hash=card.split.hash,
        protocol=card.split.protocol,
        part=part,
        photos=len(truth.groups),
        groups=len(np.unique(truth.groups)),
        region=None if region is None else fit_regions(shares, truth.region, truth.groups),
        position=None
        if position is None
        else fit_positions(_cases(prediction, out, truth, position)),
        heading=None if heading is None else fit_headings(_cases(prediction, out, truth, heading)),
        overlap=_cases(prediction, out, truth, np.arange(len(truth.groups))).overlap(),
        radii_m=tuple(radii),
        refusal=_refusal(predictor, store, selection, prediction, truth, batch_size, progress),
        notes=(*absence_note(card.labels), *_partial_notes(rows, len(truth.groups))),
    )


def _crowds(predictor: Predictor, truth: GroundTruth) -> dict[float, NDArray[np.int64]]:
    """Per radius the photos that have training photos within it, and enough of them outside."""
    gallery = predictor.gallery
    if gallery is None or "position" not in predictor.card.labels:
        return {}
    circles = {radius: Surroundings(truth.position_m, radius) for radius in RADII_M}
    return {
        radius: np.flatnonzero(circle.inside(gallery).any(axis=1) & circle.enough_outside(gallery))
        for radius, circle in circles.items()
    }


def _cases(
    whole: Prediction,
    left_out: Sequence[tuple[Prediction, NDArray[np.int64]]],
    truth: GroundTruth,
    rows: NDArray[np.int64],
) -> Cases:
    """Answers about some photos with the whole gallery, and those with surroundings left out.

    Args:
        whole: Answers about all photos.
        left_out: The same with surroundings left out, and the photos that have some.
        truth: Of all photos.
        rows: The photos that count.
    """
    kept = [(answer, np.intersect1d(rows, some)) for answer, some in left_out]
    parts = [(whole, rows), *((answer, some) for answer, some in kept if len(some))]
    part = np.repeat(np.arange(len(parts)), [len(some) for _, some in parts])
    out = part > 0
    return Cases.of(
        joined([answer.rows(some) for answer, some in parts]),
        truth.rows(np.concatenate([some for _, some in parts])),
        out,
        # Radii grow.
        out & (part == len(parts) - 1),
    )


def _ground_truth(selection: Selection, card: Card) -> GroundTruth:
    """The ground truth, grouped by visit if the split's protocol is `visit`, else by spot.

    Without positions photos are grouped by visit, if visits are known.
    """
    truth = selection.truth
    by_visit = card.split.protocol == "visit" or "position" not in card.labels
    if by_visit and selection.visits is not None:
        groups = selection.visits
    else:
        groups = spot_groups(truth.position_m)
    return GroundTruth(truth.position_m, truth.heading_deg, truth.region, groups)


def _counts(rows: Mapping[Label, NDArray[np.int64]]) -> str:
    """How many photos have each label, such as `4 photos with a heading`."""
    return " and ".join(f"{len(own):,} photos with a {label}" for label, own in rows.items())


def _partial_notes(rows: Mapping[Label, NDArray[np.int64]], photos: int) -> tuple[str, ...]:
    """Notes on labels that some of the calibration photos lack."""
    notes = []
    for label, own in rows.items():
        if len(own) < LEAST:
            notes.append(
                f"{PLURALS[label].capitalize()} are not calibrated: {len(own):,} of the {photos:,} "
                f"calibration photos have a {label}, {LEAST} are needed."
            )
        elif len(own) < photos:
            notes.append(
                f"{PLURALS[label].capitalize()} are calibrated on the {len(own):,} of the "
                f"{photos:,} calibration photos that have a {label}."
            )
    return tuple(notes)


def _refusal(
    predictor: Predictor,
    store: PhotoStore,
    selection: Selection,
    prediction: Prediction,
    truth: GroundTruth,
    batch_size: int,
    progress: Progress | None,
) -> RefusalFit | None:
    genuine = prediction.evidence
    if genuine is None or len(prediction) < LEAST_PHOTOS:
        return None
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(selection.rows))[: negatives.MOST_EACH]
    photos = np.asarray(store.photos[selection.rows[np.sort(chosen)]])
    made: dict[str, Evidence] = {}
    for kind, synthetic in negatives.make_negatives(photos, rng).items():
        answers = predictor.predict_photos(synthetic, batch_size=batch_size, progress=progress)
        evidence = answers.evidence
        if evidence is not None:
            made[kind] = evidence
    return fit_refusal(genuine, made, truth.groups)
