"""What a fold must prove before it is pooled: nothing it was fitted on has seen its test part.

A fold's split is made again from the labels, so it cannot have been edited; its checkpoint, gallery
and normaliser must then follow from that split's training part, and its answers be about its test
part. What needs the network to check (the features, and the refinement that validation chose) is
not checked.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.crossval.answers import Answers, read_answers
from core.crossval.folder import fold_run, is_trained
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset
from core.dataset.protocols import split_by
from core.dataset.splits import Split, as_begun
from core.errors import CheckpointError, ConfigError, RunError
from core.evaluation.report import Report
from core.evaluation.stored_reports import read_report
from core.inference.loading import load_split
from core.model.card import Card, read_card
from core.model.normaliser import Normaliser
from core.options import different
from core.retrieval.gallery import Gallery
from core.runs import report_folder
from core.training.run_folder import RunFolder

# Galleries hold float64 metres and degrees as they were computed from the labels.
_SAME = 1e-6


class LeakError(RunError):
    """A fold cannot be trusted: something of its test part may have been learnt."""


@dataclass(frozen=True)
class Fold:
    """A finished fold that passed.

    Attributes:
        number: Counted from 0.
        run: Its run.
        report_folder: Folder of the evaluation of its test part.
        report: That evaluation's `report.json`.
        split: Its split, as the labels give it.
        card: The card of its best checkpoint.
        answers: What it says about its test photos.
    """

    number: int
    run: RunFolder
    report_folder: Path
    report: Report
    split: Split
    card: Card
    answers: Answers


def fold_split(config: CrossvalConfig, dataset: Dataset, number: int) -> Split:
    """The split of one fold, made from the labels."""
    return split_by(dataset, config.split.model_copy(update={"fold": number}))


def fold_report(config: CrossvalConfig, run: RunFolder) -> Path:
    """Where `evaluate` writes the report of a fold's test part by default."""
    return report_folder(run.path, config.dataset, "test")


def is_judged(config: CrossvalConfig, run: RunFolder) -> bool:
    """Whether the answers of the fold's present best checkpoint are there."""
    try:
        return read_answers(fold_report(config, run)).weights == read_card(run.best).weights
    except (RunError, CheckpointError):
        return False


def read_fold(config: CrossvalConfig, dataset: Dataset, number: int) -> Fold:
    """Read a finished fold and refuse it, by name, unless it is beyond suspicion.

    Raises:
        RunError: It is not finished or damaged.
        LeakError: Something in it does not follow from its training part.
    """
    run = fold_run(config.out, number)
    if not is_trained(run):
        raise RunError(f"fold {number} ({run.path}) is not finished")
    begun = Split.from_json(run.read_json("split.json"))
    split = as_begun(fold_split(config, dataset, number), begun)
    folder = fold_report(config, run)
    fold = Fold(
        number,
        run,
        folder,
        _report(folder),
        split,
        read_card(run.best),
        read_answers(folder),
    )
    _check_options(fold, config)
    _check_splits(fold)
    _check_gallery(fold, dataset)
    _check_normaliser(fold, dataset)
    _check_answers(fold)
    return fold


def _report(folder: Path) -> Report:
    try:
        return read_report(folder)
    except ConfigError as error:
        raise RunError(str(error)) from error


def _refused(fold: Fold, why: str) -> LeakError:
    return LeakError(
        f"fold {fold.number} ({fold.run.path}) is refused: {why}. Delete its folder and resume, to "
        "train it again"
    )


def _check_options(fold: Fold, config: CrossvalConfig) -> None:
    changed = different(fold.run.config(), config.of_fold(fold.number))
    if changed:
        raise _refused(fold, f"it was trained with other options ({', '.join(changed)})")


def _check_splits(fold: Fold) -> None:
    hashes = {
        "its split.json": Split.from_json(fold.run.read_json("split.json")).hash,
        "its checkpoint": fold.card.split.hash,
        "the split beside its checkpoint": load_split(fold.run.best).hash,
        "its gallery": Gallery.load(fold.run.best).split_hash,
        "its report": fold.report.split.hash,
        "its answers": fold.answers.split_hash,
    }
    for name, found in hashes.items():
        if found != fold.split.hash:
            raise _refused(
                fold,
                f"{name} belongs to split {found[:12]}, the labels give {fold.split.hash[:12]}",
            )


def _check_gallery(fold: Fold, dataset: Dataset) -> None:
    gallery = Gallery.load(fold.run.best)
    seen = [photo for photo in gallery.photo_ids if fold.split.parts.get(photo) != "train"]
    if seen:
        part = fold.split.parts.get(seen[0], "no")
        raise _refused(
            fold,
            f"its gallery holds {len(seen)} photos that it must not have learnt "
            f"(first: {seen[0]} of the {part} part)",
        )
    rows = dataset.table.reset_index().set_index("photo_id").loc[list(gallery.photo_ids), "index"]
    position_m = fold.card.local_frame.to_metres(dataset.positions[rows.to_numpy()])
    apart = np.abs(gallery.position_m - position_m).max(axis=1)
    turned = np.abs(gallery.heading_deg - dataset.headings_deg[rows.to_numpy()])
    wrong = np.flatnonzero((apart > _SAME) | (turned > _SAME))
    if len(wrong):
        # A test photo under a training photo's name would stand elsewhere.
        raise _refused(
            fold,
            f"{len(wrong)} photos of its gallery do not stand where the labels say (first: "
            f"{gallery.photo_ids[wrong[0]]})",
        )


def _check_normaliser(fold: Fold, dataset: Dataset) -> None:
    train = fold.split.rows(dataset, "train")
    position_m = fold.card.local_frame.to_metres(dataset.positions[train])
    expected = Normaliser.fit(position_m, fold.card.model.position_target)
    if fold.card.normaliser != expected:
        raise _refused(
            fold,
            f"its positions are scaled by {fold.card.normaliser}, its training part gives "
            f"{expected}",
        )


def _check_answers(fold: Fold) -> None:
    tested = {photo for photo, part in fold.split.parts.items() if part == "test"}
    answered = fold.answers.photo_ids
    if set(answered) != tested or len(answered) != len(tested):
        raise _refused(
            fold, f"it answers for {len(answered)} photos, its test part has {len(tested)}"
        )
    if fold.answers.weights != fold.card.weights:
        raise _refused(fold, f"its answers are those of {fold.answers.weights}, an earlier model")
    if fold.report.seen_in_training:
        raise _refused(fold, "its report counts photos that were trained on")
