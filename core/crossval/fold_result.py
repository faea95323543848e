"""The result of a trained fold: its predictions of its test part, and the leak check of them.

`answers.safetensors` holds the predictions exactly: `predictions.csv` is rounded and names one
region a photo, and the metrics of all folds together need more.

The leak check makes the split of the fold again from the labels, so that an edited `split.json`
does not pass. Checkpoint, gallery and normaliser must then follow from the training part of that
split, and the predictions must cover its test part. A hash of the fold's files would show only that
they have not changed since it was evaluated; this check also refuses a fold that was trained on the
wrong photos. What would need the network again (the features, and the refinement that validation
chose) is not checked.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from core.crossval.folder import fold_run, is_trained
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset
from core.errors import CheckpointError, ConfigError, RunError
from core.evaluation.report import Report
from core.evaluation.stored_reports import read_report
from core.files import parsed_json, read_regular, refusing, write_bytes
from core.geo import Floats
from core.inference.prediction import Prediction
from core.inference.stored_split import load_split
from core.model.card import Card, read_card
from core.model.normaliser import Normaliser
from core.options import different
from core.retrieval.baselines import Baseline
from core.retrieval.gallery import Gallery
from core.runs import report_folder
from core.splits.protocols import split_by
from core.splits.split import Split, as_begun
from core.training.run_folder import RunFolder

FOLD_PREDICTIONS = "answers.safetensors"
_PREDICTED = (
    "region_probabilities",
    "region_head",
    "position_m",
    "position_refined_m",
    "heading_deg",
    "heading_refined_deg",
    "heading_length",
)
# Galleries hold float64 metres and degrees as they were computed from the labels.
_SAME = 1e-6


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of the test photos of one fold.

    Attributes:
        photo_ids: The photos.
        weights: File name of the weights that made them, which names their content.
        split_hash: Hash of that model's split.
        predicted: The prediction's arrays by name, n rows each.
        baselines: Predictions of the baselines for the same photos.
    """

    photo_ids: tuple[str, ...]
    weights: str
    split_hash: str
    predicted: dict[str, NDArray[np.float64]]
    baselines: tuple[Baseline, ...]

    def __post_init__(self) -> None:
        """Check that every array has one row a photo."""
        n = len(self.photo_ids)
        lengths = {len(array) for array in self.predicted.values()}
        lengths |= {len(each.position_m) for each in self.baselines}
        if set(self.predicted) != set(_PREDICTED) or lengths != {n}:
            raise ValueError(f"predictions of {n} photos have {sorted(lengths)} rows")

    def prediction(self, filenames: tuple[str, ...], card: Card) -> Prediction:
        """Return them as a `Prediction` without descriptors and neighbours."""
        n = len(self.photo_ids)
        none = np.zeros((n, 0))
        return Prediction(
            photo_ids=self.photo_ids,
            filenames=filenames,
            regions=card.regions,
            region_names=card.region_names,
            local_frame=card.local_frame,
            neighbours=none.astype(np.int64),
            similarity=none,
            weight=none,
            inliers=none.astype(np.int64),
            descriptor=none.astype(np.float32),
            region_probabilities=self.predicted["region_probabilities"],
            region_head=self.predicted["region_head"],
            position_m=self.predicted["position_m"],
            position_refined_m=self.predicted["position_refined_m"],
            heading_deg=self.predicted["heading_deg"],
            heading_refined_deg=self.predicted["heading_refined_deg"],
            heading_length=self.predicted["heading_length"],
            labels=card.labels,
        )


def write_fold_predictions(
    folder: Path, prediction: Prediction, baselines: tuple[Baseline, ...], card: Card
) -> None:
    """Write the predictions into the folder of the fold's report, in one step."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(getattr(prediction, name), np.float64) for name in _PREDICTED
    }
    for each in baselines:
        arrays[f"{each.name}/position_m"] = each.position_m
        arrays[f"{each.name}/heading_deg"] = each.heading_deg
        if each.region is not None:
            arrays[f"{each.name}/region"] = each.region
    about = {
        "photo_ids": prediction.photo_ids,
        "weights": card.weights,
        "split_hash": card.split.hash,
        "baselines": {each.name: [each.description, each.given_truth] for each in baselines},
    }
    tight = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(folder / FOLD_PREDICTIONS, save(tight, {"about": json.dumps(about)}))


def read_fold_predictions(folder: Path) -> FoldPredictions:
    """Read what `write_fold_predictions` wrote; RunError if it is missing or damaged."""
    path = folder / FOLD_PREDICTIONS
    with refusing(path, "delete it and resume"):
        content = read_regular(path, None)
        arrays, about = load(content), _about(content)
        return FoldPredictions(
            tuple(about["photo_ids"]),
            about["weights"],
            about["split_hash"],
            {name: arrays[name] for name in _PREDICTED},
            tuple(_baseline(name, about["baselines"][name], arrays) for name in about["baselines"]),
        )


def _about(content: bytes) -> dict[str, Any]:
    """The JSON that a safetensors file carries beside its arrays."""
    size = int.from_bytes(content[:8], "little")
    about: dict[str, Any] = parsed_json(parsed_json(content[8 : 8 + size])["__metadata__"]["about"])
    return about


def _baseline(name: str, about: list[Any], arrays: dict[str, NDArray[np.generic]]) -> Baseline:
    description, given_truth = about
    position: Floats = np.asarray(arrays[f"{name}/position_m"], np.float64)
    heading: Floats = np.asarray(arrays[f"{name}/heading_deg"], np.float64)
    region = arrays.get(f"{name}/region")
    indices = None if region is None else np.asarray(region, np.int64)
    return Baseline(name, str(description), bool(given_truth), position, heading, indices)


class LeakError(RunError):
    """A fold may have been trained on photos of its test part."""


@dataclass(frozen=True)
class FoldResult:
    """A finished fold that passed the leak check.

    Attributes:
        number: Counted from 0.
        run: Its run.
        report_folder: Folder of the evaluation of its test part.
        report: That evaluation's `report.json`.
        split: Its split, as the labels give it.
        card: The card of its best checkpoint.
        predictions: Of its test photos.
    """

    number: int
    run: RunFolder
    report_folder: Path
    report: Report
    split: Split
    card: Card
    predictions: FoldPredictions


def fold_split(config: CrossvalConfig, dataset: Dataset, number: int) -> Split:
    """The split of one fold, made from the labels."""
    return split_by(dataset, config.split.model_copy(update={"fold": number}))


def fold_report(config: CrossvalConfig, run: RunFolder) -> Path:
    """Where `evaluate` writes the report of a fold's test part by default."""
    return report_folder(run.path, config.dataset, "test")


def is_evaluated(config: CrossvalConfig, run: RunFolder) -> bool:
    """Whether the predictions of the fold's best checkpoint are stored."""
    try:
        return (
            read_fold_predictions(fold_report(config, run)).weights == read_card(run.best).weights
        )
    except (RunError, CheckpointError):
        return False


def read_fold(config: CrossvalConfig, dataset: Dataset, number: int) -> FoldResult:
    """Read a finished fold and check that it has not learnt from its test part.

    Raises:
        RunError: It is not finished or damaged.
        LeakError: Something in it does not follow from its training part; names it.
    """
    run = fold_run(config.out, number)
    if not is_trained(run):
        raise RunError(f"fold {number} ({run.path}) is not finished")
    begun = Split.from_json(run.read_json("split.json"))
    split = as_begun(fold_split(config, dataset, number), begun)
    folder = fold_report(config, run)
    fold = FoldResult(
        number,
        run,
        folder,
        _report(folder),
        split,
        read_card(run.best),
        read_fold_predictions(folder),
    )
    for reason in _leaks(fold, config, dataset):
        raise LeakError(
            f"fold {number} ({run.path}) is refused: {reason}. Delete its folder and resume, to "
            "train it again"
        )
    return fold


def _report(folder: Path) -> Report:
    try:
        return read_report(folder)
    except ConfigError as error:
        raise RunError(str(error)) from error


def _leaks(fold: FoldResult, config: CrossvalConfig, dataset: Dataset) -> Iterator[str]:
    """Why the fold cannot be pooled; later reasons build on the absence of earlier ones."""
    changed = different(fold.run.config(), config.of_fold(fold.number))
    if changed:
        yield f"it was trained with other options ({', '.join(changed)})"
    gallery = Gallery.load(fold.run.best)
    hashes = {
        "its split.json": Split.from_json(fold.run.read_json("split.json")).hash,
        "its checkpoint": fold.card.split.hash,
        "the split beside its checkpoint": load_split(fold.run.best).hash,
        "its gallery": gallery.split_hash,
        "its report": fold.report.split.hash,
        "its predictions": fold.predictions.split_hash,
    }
    for name, found in hashes.items():
        if found != fold.split.hash:
            yield f"{name} belongs to split {found[:12]}, the labels give {fold.split.hash[:12]}"
    yield from _gallery_leaks(fold, gallery, dataset)
    train = fold.split.rows(dataset, "train")
    if fold.card.left_out is not None:
        train = train[~dataset.table["photo_id"].iloc[train].isin(fold.card.left_out.photos)]
    position_m = _metres(dataset, train, fold.card)
    expected = Normaliser.fit(position_m, fold.card.model.position_target)
    if fold.card.normaliser != expected:
        yield (
            f"its positions are scaled by {fold.card.normaliser}, its training part gives "
            f"{expected}"
        )
    tested = {photo for photo, part in fold.split.parts.items() if part == "test"}
    predicted = fold.predictions.photo_ids
    if set(predicted) != tested or len(predicted) != len(tested):
        yield f"it predicts {len(predicted):,} photos, its test part has {len(tested)}"
    if fold.predictions.weights != fold.card.weights:
        yield f"its predictions were made by {fold.predictions.weights}, an earlier model"
    if fold.report.seen_in_training:
        yield "its report counts photos that were trained on"


def _gallery_leaks(fold: FoldResult, gallery: Gallery, dataset: Dataset) -> Iterator[str]:
    """Photos of the gallery that are not of the training part, or have other labels."""
    seen = [photo for photo in gallery.photo_ids if fold.split.parts.get(photo) != "train"]
    if seen:
        part = fold.split.parts.get(seen[0], "no")
        yield (
            f"its gallery holds {len(seen):,} photos that it must not have learnt "
            f"(first: {seen[0]} of the {part} part)"
        )
    rows = dataset.table.reset_index().set_index("photo_id").loc[list(gallery.photo_ids), "index"]
    position_m = _metres(dataset, rows.to_numpy(), fold.card)
    apart = _differs(gallery.position_m, position_m).any(axis=1)
    turned = _differs(gallery.heading_deg, dataset.headings_deg[rows.to_numpy()])
    wrong = np.flatnonzero(apart | turned)
    if len(wrong):
        # A test photo stored under a training photo's name has another position.
        yield (
            f"{len(wrong):,} photos of its gallery have other labels than the data set (first: "
            f"{gallery.photo_ids[wrong[0]]})"
        )


def _metres(dataset: Dataset, rows: NDArray[np.int64], card: Card) -> Floats:
    """Positions `(k, 2)` of some photos in a checkpoint's local metres; NaN without a position."""
    labels = dataset.positions[rows]
    if np.isnan(labels).all():
        return labels
    return card.local_frame.to_metres(labels)


def _differs(stored: Floats, labels: Floats) -> NDArray[np.bool_]:
    """Where stored values are not those of the labels; two unknown ones (NaN) are the same."""
    same = (np.abs(stored - labels) <= _SAME) | (np.isnan(stored) & np.isnan(labels))
    return ~same
