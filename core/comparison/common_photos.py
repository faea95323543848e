"""Photos that are test photos of several models, so that the models can be judged on the same ones.

Each model has a report on photos that it was never trained, validated or calibrated on: its own
test part, or, of a dataset that it has never seen, all photos. Only photos in all of these are
compared.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.dataset.labels import Dataset
from core.errors import ConfigError, SplitError
from core.evaluation.report import Report
from core.evaluation.schema import Part
from core.evaluation.selection import other_dataset
from core.evaluation.stored_reports import (
    EvaluatedModel,
    read_evaluated_model,
    read_predictions,
    read_report,
)
from core.inference.stored_split import load_split
from core.model.card import MEMBERS, Card, read_card
from core.retrieval.gallery import Gallery, has_gallery
from core.runs import report_folders


@dataclass(frozen=True)
class HeldOut:
    """The photos of a dataset that may judge a model.

    Attributes:
        part: What to evaluate: `test` of the stored split, or `all` of a dataset that the split
            does not cover.
        photo_ids: The photos, all of which are in that part.
    """

    part: Part
    photo_ids: frozenset[str]


@dataclass(frozen=True)
class CommonPhotos:
    """What judging several models on the same photos needs.

    Attributes:
        dataset: The folder of the photos.
        checkpoints: The models by name.
        held_out: The photos that may judge each model, by its name.
        photo_ids: The photos that may judge all of them.
        reports: Reports that hold predictions for these photos, by model; those that lack one must
            be evaluated first.
    """

    dataset: Path
    checkpoints: Mapping[str, Path]
    held_out: Mapping[str, HeldOut]
    photo_ids: frozenset[str]
    reports: Mapping[str, Path]

    @property
    def missing(self) -> tuple[str, ...]:
        """Models that must be evaluated first."""
        return tuple(name for name in self.checkpoints if name not in self.reports)

    @property
    def refusal(self) -> str | None:
        """Why the models cannot be judged on the same photos, in a sentence; None if they can."""
        if self.photo_ids:
            return None
        counts = ", ".join(
            f"{name} has {len(held.photo_ids):,}" for name, held in self.held_out.items()
        )
        every = "both models" if len(self.held_out) == 2 else f"all {len(self.held_out)} models"
        return (
            f"no photo of {self.dataset} is a test photo of {every} ({counts}): train them with "
            "the same split and seed, or choose a data set that none of them has seen"
        )


def common_photos(checkpoints: Mapping[str, Path], dataset: Dataset) -> CommonPhotos:
    """Find the photos of a dataset that may judge several models, and the reports that there are.

    Args:
        checkpoints: Folders of checkpoints or ensembles, by the name of the model.
        dataset: The photos.

    Raises:
        CheckpointError, SplitError: A checkpoint is damaged or lacks its split.
    """
    found = {name: held_out(folder, dataset) for name, folder in checkpoints.items()}
    shared = frozenset.intersection(*(each.photo_ids for each in found.values()))
    reports = {
        name: report
        for name, folder in checkpoints.items()
        if shared and (report := _report_on(folder, dataset.root, shared)) is not None
    }
    return CommonPhotos(dataset.root, dict(checkpoints), found, shared, reports)


def held_out(checkpoint: Path, dataset: Dataset) -> HeldOut:
    """Return the photos of a dataset that a model was never trained, validated or calibrated on.

    Raises:
        CheckpointError, SplitError: The checkpoint is damaged or lacks its split.
    """
    card = read_card(checkpoint)
    split, every = load_split(checkpoint), dataset.table["photo_id"].tolist()
    known = [photo for photo in every if photo in split.parts]
    if not known or other_dataset(dataset, card, _gallery(checkpoint, card)) is not None:
        return HeldOut("all", frozenset(every))
    tested = frozenset(photo for photo in known if split.parts[photo] == "test")
    try:
        split.check(dataset)
    except SplitError:
        # Photos were added since: only the evaluation of all photos takes them.
        return HeldOut("all", tested)
    return HeldOut("test", tested)


def models_on_common_photos(common: CommonPhotos) -> list[EvaluatedModel]:
    """Return the models with their rows for the common photos, ready for `compare_all`.

    Raises:
        ConfigError: There are no such photos, or a model must be evaluated first.
    """
    if common.refusal is not None:
        raise ConfigError(common.refusal)
    if common.missing:
        raise ConfigError(
            f"{', '.join(common.missing)} must be evaluated on {common.dataset} first"
        )
    models = [read_evaluated_model(common.reports[name], name) for name in common.checkpoints]
    # A gallery may hold photos that no split names.
    seen = [model.table.loc[model.table["seen_in_training"], "photo_id"] for model in models]
    kept = common.photo_ids.difference(*seen)
    if not kept:
        raise ConfigError("each photo was seen in training by one of the models")
    digest = hashlib.sha256("\n".join(sorted(kept)).encode()).hexdigest()
    radii = {model.radius_m for model in models}
    about = f"{len(kept):,} photos of {common.dataset.name} that are test photos of every model"
    return [
        replace(
            model,
            key=f"common:{digest}",
            about=about,
            radius_m=model.radius_m if len(radii) == 1 else None,
            table=model.table[model.table["photo_id"].isin(kept)].reset_index(drop=True),
        )
        for model in models
    ]


def _gallery(checkpoint: Path, card: Card) -> Gallery | None:
    folder = checkpoint if card.ensemble is None else checkpoint / MEMBERS / card.ensemble.lead
    return Gallery.load(folder) if has_gallery(folder) else None


def _report_on(checkpoint: Path, root: Path, photos: frozenset[str]) -> Path | None:
    """The newest report of a model as it is now that holds all of some photos of a dataset."""
    card = read_card(checkpoint)
    for folder in report_folders(checkpoint):
        try:
            if not _is_of(read_report(folder), card, root):
                continue
            table = read_predictions(folder / "predictions.csv")
        except ConfigError:
            # It is damaged: the evaluation is made again.
            continue
        if photos <= set(table["photo_id"]):
            return folder
    return None


def _is_of(report: Report, card: Card, root: Path) -> bool:
    judged, about = report.checkpoint, report.dataset
    if judged is None or about is None or report.split.part not in ("test", "all"):
        return False
    same_model = (judged.weights or "") == card.weights and judged.created == card.created
    return (
        same_model and judged.refine == card.refine and Path(about.root).resolve() == root.resolve()
    )
