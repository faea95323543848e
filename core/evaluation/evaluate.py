"""Evaluation: a checkpoint scored on photos without their labels: report, table and plots."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.dataset.store import PhotoStore, prepare_dataset
from core.errors import ConfigError
from core.evaluation.coverage import Unseen
from core.evaluation.descriptors import write_descriptors
from core.evaluation.intervals import group_photos
from core.evaluation.make_report import Caveats, make_report
from core.evaluation.place import check_place
from core.evaluation.plots import write_plots
from core.evaluation.report import Report, SuspectLabels
from core.evaluation.schema import Clusters, EvaluateConfig, Part
from core.evaluation.scores import ScoredPrediction
from core.evaluation.selection import Selection, select
from core.evaluation.stored_reports import read_report
from core.evaluation.table import prediction_table, write_table
from core.files import write_json
from core.inference.loading import load_predictor
from core.inference.prediction import Prediction, joined
from core.inference.predictor import Predictor
from core.retrieval.baselines import Baseline, all_baselines
from core.retrieval.neighbours import Surroundings
from core.runs import REPORT, home_of, report_folder, trained_dataset
from core.splits.leak import nearest_training_m

Progress = Callable[[int, int], None]

UNSEEN_M = 60.0
"""Coverage where nobody photographed is measured without the training photos within this."""
PHOTOS_AT_ONCE = 1024
"""Photos copied out of the store together: bounds memory to some tens of megabytes."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found, and where it was written.

    Attributes:
        out: Folder with `report.json`, `predictions.csv` and the plots.
        report: Content of `report.json`.
        table: Content of `predictions.csv`.
        scored: Predictions beside the truth, not rounded.
        baselines: What the baselines say about the same photos.
    """

    out: Path
    report: Report
    table: pd.DataFrame
    scored: ScoredPrediction
    baselines: tuple[Baseline, ...]


def evaluate(
    config: EvaluateConfig, progress: Progress | None = None, suspect: SuspectLabels | None = None
) -> Evaluation:
    """Judge a checkpoint and write the report.

    The network is given pixels only. Photos that it was trained on are scored with themselves
    taken out of the gallery, are counted, and the report says so.

    Args:
        config: What to judge on what.
        progress: Called with `(photos done, photos in all)`, first while photos are decoded, then
            while they are predicted.
        suspect: Photos whose labels are suspect: figures are also given without them.

    Raises:
        CheckpointError, LabelError, FrameError, ImageError, SplitError, ConfigError: As their
            rooms say.
    """
    predictor = load_predictor(config.run, config.device)
    root = config.dataset or trained_dataset(config.run)
    dataset, store = prepare_dataset(
        root, predictor.store_size, allow_missing=config.allow_missing, progress=progress
    )
    selection = select(dataset, predictor, config.split)
    if not config.other_place:
        check_place(predictor.card, predictor.gallery, selection.truth.position_m, root)
    away = _photos_away(predictor, selection)
    radii = (None, UNSEEN_M) if away.any() else (None,)
    prediction, *alone = predict_cases(
        predictor, store, selection, radii, config.batch_size, progress
    )
    scored = ScoredPrediction(selection.truth, prediction)
    baselines = _baselines(predictor, scored, selection)
    caveats = _caveats(predictor, selection, config.by, suspect)
    unseen = _unseen(scored, alone, away, selection.split.name)
    report = make_report(scored, baselines, selection, dataset, predictor, caveats, unseen)
    table = prediction_table(scored, selection, predictor.gallery)
    out = config.out or _report_folder(home_of(predictor.folder), root, dataset.root, config.split)
    write_table(table, out / "predictions.csv", raw=config.raw)
    if predictor.gallery is not None:
        ids = scored.truth.photo_ids
        write_descriptors(out, prediction.descriptor, ids, predictor.gallery)
    if config.plots:
        write_plots(scored, baselines, out)
    # Last: a folder with a report is a complete one.
    write_json(out / REPORT, report.to_json())
    return Evaluation(out, report, table, scored, baselines)


def _photos_away(predictor: Predictor, selection: Selection) -> NDArray[np.bool_]:
    """Photos `(n,)` that can be answered as if nobody had photographed around them.

    None can if the model is not calibrated; a split by blocks makes it so already.
    """
    gallery = predictor.gallery
    able = predictor.loaded.calibration is not None and "position" in predictor.card.labels
    if not able or gallery is None or selection.split.name == "block":
        return np.zeros(len(selection.rows), bool)
    return Surroundings(selection.truth.position_m, UNSEEN_M).enough_outside(gallery)


def _unseen(
    scored: ScoredPrediction, alone: Sequence[Prediction], away: NDArray[np.bool_], name: str
) -> Unseen | None:
    """The photos of places without a training photo; all of them under a split by blocks."""
    if name == "block":
        return Unseen(scored, np.ones_like(away), None)
    return Unseen(ScoredPrediction(scored.truth, alone[0]), away, UNSEEN_M) if alone else None


def _report_folder(home: Path, source: Path, root: Path, part: Part) -> Path:
    """Where the report of a dataset goes: `reports/NAME-PART`, for other ones of that name longer.

    Args:
        home: The run, or the checkpoint that stands alone.
        source: The dataset as it is given: its folder, or one label file.
        root: The dataset's folder.
        part: Which photos are scored.
    """
    folder = report_folder(home, source, part)
    try:
        other = read_report(folder).dataset
    except ConfigError:
        return folder
    if other is None or Path(other.root).resolve() == root.resolve():
        return folder
    digest = hashlib.sha256(str(root.resolve()).encode()).hexdigest()
    return folder.with_name(f"{folder.name}-{digest[:8]}")


def predict_selection(
    predictor: Predictor,
    store: PhotoStore,
    selection: Selection,
    batch_size: int,
    progress: Progress | None = None,
) -> Prediction:
    """Predict the selected photos from pixels alone; none of them finds itself."""
    return predict_cases(predictor, store, selection, (None,), batch_size, progress)[0]


def predict_cases(
    predictor: Predictor,
    store: PhotoStore,
    selection: Selection,
    radii_m: Sequence[float | None],
    batch_size: int,
    progress: Progress | None = None,
) -> tuple[Prediction, ...]:
    """Predict the selected photos as `predict_selection` does, once a radius.

    Args:
        predictor: Of a checkpoint or an ensemble.
        store: Decoded photos.
        selection: Photos with their truth.
        radii_m: Training photos within the radius of a photo's true position are left out of its
            search; None: only the photo itself is.
        batch_size: Photos in a forward pass.
        progress: Called with `(photos done, photos in all)`.
    """
    truth, total = selection.truth, len(selection.rows)
    parts = []
    for start in range(0, total, PHOTOS_AT_ONCE):
        part = slice(start, start + PHOTOS_AT_ONCE)
        own = selection.own_ids[part]
        parts.append(
            predictor.predict_cases(
                np.asarray(store.photos[selection.rows[part]]),
                [None if r is None else Surroundings(truth.position_m[part], r) for r in radii_m],
                truth.filenames[part],
                photo_ids=truth.photo_ids[part],
                exclude_ids=own if any(own) else None,
                batch_size=batch_size,
                progress=None if progress is None else _shifted(progress, start, total),
            )
        )
    return tuple(joined(same) for same in zip(*parts, strict=True))


def _shifted(progress: Progress, start: int, total: int) -> Progress:
    return lambda done, _: progress(start + done, total)


def _caveats(
    predictor: Predictor, selection: Selection, by: Clusters | None, suspect: SuspectLabels | None
) -> Caveats:
    position_m, gallery = selection.truth.position_m, predictor.gallery
    placed = selection.truth.labelled("position").any()
    nearest_m = None
    if placed and gallery is not None and "position" in predictor.card.labels:
        nearest_m = nearest_training_m(position_m, gallery.position_m)
    grouping = group_photos(position_m, selection.visits, selection.radius_m, by)
    return Caveats(nearest_m, grouping, suspect, positions=bool(placed))


def _baselines(
    predictor: Predictor, scored: ScoredPrediction, selection: Selection
) -> tuple[Baseline, ...]:
    if predictor.gallery is None:
        return ()
    truth = scored.truth
    # Photos of a region that the model does not know count as of an unknown one.
    known = np.where(truth.region < len(predictor.regions), truth.region, -1)
    return all_baselines(
        predictor.gallery,
        scored.prediction.descriptor,
        scored.prediction.region_index,
        known,
        truth.minute,
        selection.own_ids,
        frozen_since=None
        if predictor.loaded.retrieval is None
        else len(predictor.model.descriptor_widths),
    )
