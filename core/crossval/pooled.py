"""Out-of-fold predictions of all folds together, each photo once, and their report.

`aggregate` writes `crossval.json`, the pooled `predictions.csv` and the plots.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.review import doubts
from core.crossval.fold_result import FoldResult, LeakError, is_evaluated, read_fold
from core.crossval.folder import PLOTS, PREDICTIONS, REPORT, fold_run, is_trained
from core.crossval.report import (
    SPREAD_NOTE,
    CrossvalDataset,
    CrossvalReport,
    FoldReport,
    baseline_spreads,
    headlines,
    spread,
)
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset, labels_hash
from core.errors import RunError
from core.evaluation.intervals import group_photos
from core.evaluation.make_report import (
    Caveats,
    baseline_notes,
    caveat_notes,
    label_notes,
    score_photos,
)
from core.evaluation.plots import write_plots
from core.evaluation.report import Report, Scores
from core.evaluation.scores import ScoredPrediction, Truth, read_truth
from core.evaluation.selection import visits_of
from core.evaluation.table import write_table
from core.files import write_json
from core.geo import Floats
from core.inference.prediction import Prediction, joined
from core.labels import absence_note, listed
from core.retrieval.baselines import Baseline
from core.retrieval.gallery import Gallery
from core.splits.leak import nearest_training_m
from core.splits.split import Place
from core.splits.visits import GAP_MINUTES
from core.tables.stored import read_frame


@dataclass(frozen=True)
class Pooled:
    """All folds together.

    Attributes:
        scored: Predictions of every tested photo beside the truth.
        baselines: Baselines on the same photos, each fitted on its fold's training part.
        untested: Photos that no fold tests, with their region.
        nearest_m: Distance of every tested photo `(n,)` to the nearest training photo of its fold;
            None for models without positions.
        visits: Visit of every tested photo `(n,)`; None if visits are unknown.
    """

    scored: ScoredPrediction
    baselines: tuple[Baseline, ...]
    untested: dict[str, str]
    nearest_m: Floats | None
    visits: NDArray[np.int64] | None


def pool(folds: Sequence[FoldResult], dataset: Dataset) -> Pooled:
    """Put the predictions of all folds together.

    Raises:
        LeakError: A photo is tested twice.
        RunError: The folds have different regions or frames.
    """
    first, first_gap = folds[0].card, folds[0].split.gap_minutes
    for fold in folds:
        if (fold.card.regions, fold.card.local_frame) != (first.regions, first.local_frame):
            raise RunError(f"fold {fold.number} has other regions or another frame than fold 0")
        if fold.card.labels != first.labels:
            raise RunError(
                f"fold {fold.number} predicts {listed(fold.card.labels)}, fold 0 "
                f"{listed(first.labels)}: too few photos have each label for so many folds; label "
                "more, or begin a cross-validation with fewer folds"
            )
    counted = Counter(photo for fold in folds for photo in fold.predictions.photo_ids)
    twice = [photo for photo, times in counted.items() if times > 1]
    if twice:
        raise LeakError(f"{len(twice):,} photos are tested by two folds (first: {twice[0]})")
    parts = [_prediction(fold, dataset) for fold in folds]
    prediction = joined(parts)
    truth = _truth(folds[0], dataset, prediction.photo_ids)
    return Pooled(
        ScoredPrediction(truth, prediction),
        tuple(_baselines(folds)),
        _untested(folds, dataset, counted),
        _nearest_m(folds, truth.position_m) if "position" in folds[0].card.labels else None,
        visits_of(dataset, _rows(dataset, truth.photo_ids), first_gap or GAP_MINUTES),
    )


def pooled_table(folds: Sequence[FoldResult]) -> pd.DataFrame:
    """Concatenate the folds' `predictions.csv`, as text, with the column `fold` first.

    Raises:
        RunError: A fold's table is missing, or its photos are not those of the fold's predictions.
    """
    tables = []
    for fold in folds:
        path = fold.report_folder / "predictions.csv"
        remedy = "evaluate the fold again"
        table = read_frame(path, remedy, RunError, needed=["photo_id"], everything_text=True)
        if tuple(table["photo_id"]) != fold.predictions.photo_ids:
            raise RunError(f"{path} is not about the test photos of fold {fold.number}")
        table.insert(0, "fold", str(fold.number))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _rows(dataset: Dataset, photo_ids: Sequence[str]) -> NDArray[np.int64]:
    row_of = {photo: row for row, photo in enumerate(dataset.table["photo_id"])}
    return np.array([row_of[photo] for photo in photo_ids], np.int64)


def _truth(fold: FoldResult, dataset: Dataset, photo_ids: Sequence[str]) -> Truth:
    return read_truth(dataset, _rows(dataset, photo_ids), fold.card)


def _prediction(fold: FoldResult, dataset: Dataset) -> Prediction:
    rows = _rows(dataset, fold.predictions.photo_ids)
    names = tuple(dataset.table["filename"].iloc[rows])
    return fold.predictions.prediction(names, fold.card)


def _nearest_m(folds: Sequence[FoldResult], position_m: Floats) -> Floats:
    ends = np.cumsum([len(fold.predictions.photo_ids) for fold in folds])[:-1]
    nearest = [
        nearest_training_m(own, Gallery.load(fold.run.best).position_m)
        for fold, own in zip(folds, np.split(position_m, ends), strict=True)
    ]
    return np.concatenate(nearest)


def _baselines(folds: Sequence[FoldResult]) -> list[Baseline]:
    named = [{each.name: each for each in fold.predictions.baselines} for fold in folds]
    whole = []
    for name, first in named[0].items():
        same = [each[name] for each in named if name in each]
        if len(same) < len(folds):
            continue
        regions = [each.region for each in same if each.region is not None]
        whole.append(
            Baseline(
                name,
                first.description,
                first.given_truth,
                np.concatenate([each.position_m for each in same]),
                np.concatenate([each.heading_deg for each in same]),
                np.concatenate(regions) if len(regions) == len(same) else None,
            )
        )
    return whole


def _untested(
    folds: Sequence[FoldResult], dataset: Dataset, tested: Counter[str]
) -> dict[str, str]:
    """Photos of no test part with their region; each fold trains or validates with them."""
    left = dataset.table.loc[~dataset.table["photo_id"].isin(list(tested))]
    untested = dict(zip(left["photo_id"], left["region"], strict=True))
    for fold in folds:
        forgotten = [photo for photo in untested if fold.split.parts[photo] == "test"]
        if forgotten:
            raise RunError(
                f"fold {fold.number} has no prediction of {forgotten[0]}, which it tests"
            )
    return untested


def aggregate(config: CrossvalConfig, dataset: Dataset) -> CrossvalReport:
    """Check every fold, pool their predictions, and write the report.

    Raises:
        RunError: Folds are missing; names them.
        LeakError: A fold was trained on photos of its test part.
    """
    _require_all(config)
    folds = [read_fold(config, dataset, number) for number in range(config.folds)]
    pooled = pool(folds, dataset)
    report = _report(config, dataset, folds, pooled)
    table = pooled_table(folds)
    write_table(table, config.out / PREDICTIONS, raw=config.raw)
    if config.plots:
        write_plots(pooled.scored, pooled.baselines, config.out / PLOTS)
    # Last: a folder with a report is complete.
    write_json(config.out / REPORT, report.to_json())
    return report


def _require_all(config: CrossvalConfig) -> None:
    runs = [fold_run(config.out, number) for number in range(config.folds)]
    missing = [
        str(number)
        for number, run in enumerate(runs)
        if not (is_trained(run) and is_evaluated(config, run))
    ]
    if missing:
        raise RunError(
            f"folds {', '.join(missing)} of {config.out} are not finished, so nothing can be "
            f"pooled. Continue with: python -m core crossval --out {config.out} --resume"
        )


def _report(
    config: CrossvalConfig, dataset: Dataset, folds: Sequence[FoldResult], pooled: Pooled
) -> CrossvalReport:
    reports = [_comparable(fold.report, config) for fold in folds]
    caveats = _caveats(config, folds, pooled)
    scores = score_photos(pooled.scored, pooled.baselines, dataset.campus.region_names, caveats)
    return CrossvalReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        split=config.split.model_dump(mode="json"),
        dataset=CrossvalDataset(
            root=str(dataset.root),
            campus=dataset.campus.name,
            photos=len(dataset),
            labels_hash=labels_hash(dataset),
        ),
        summary=spread([headlines(report) for report in reports]),
        pooled=scores,
        baselines=baseline_spreads(reports),
        folds=tuple(_described(fold) for fold in folds),
        untested=pooled.untested,
        notes=(*_notes(config, dataset, folds, pooled, scores), *caveat_notes(caveats)),
    )


def _caveats(config: CrossvalConfig, folds: Sequence[FoldResult], pooled: Pooled) -> Caveats:
    position_m = pooled.scored.truth.position_m
    grouping = group_photos(position_m, pooled.visits, folds[0].split.radius_m, None)
    regions = config.split.protocol != "region"
    placed = bool(pooled.scored.truth.labelled("position").any())
    return Caveats(pooled.nearest_m, grouping, doubts(config.dataset), regions, placed)


def _comparable(report: Report, config: CrossvalConfig) -> Report:
    """The report, without region figures if no fold is trained on the regions it tests."""
    if config.split.protocol != "region":
        return report
    baselines = {name: replace(each, region=None) for name, each in report.baselines.items()}
    return replace(report, region=None, baselines=baselines)


def _described(fold: FoldResult) -> FoldReport:
    events = fold.run.events()
    parts = list(fold.split.parts.values())
    return FoldReport(
        fold=fold.number,
        run=fold.run.path.name,
        split_hash=fold.split.hash,
        photos={part: parts.count(part) for part in get_args(Place)},
        epochs=len(events),
        best_epoch=int(fold.card.metrics["epoch"]),
        seconds=round(sum(float(event["seconds"]) for event in events), 1),
        refine=fold.card.refine,
        weights=fold.card.weights,
    )


def _notes(
    config: CrossvalConfig,
    dataset: Dataset,
    folds: Sequence[FoldResult],
    pooled: Pooled,
    scores: Scores,
) -> list[str]:
    predicted = pooled.scored.prediction.labels
    notes = [SPREAD_NOTE, *baseline_notes(scores)]
    notes += [*absence_note(predicted), *label_notes(scores, predicted)]
    if pooled.untested:
        regions = ", ".join(sorted(set(pooled.untested.values()) - {""})) or "some"
        notes.append(
            f"{len(pooled.untested):,} of {len(dataset):,} photos are tested by no fold: every "
            f"fold must train on each region, and {regions} have no others for that."
        )
    if config.split.protocol == "region":
        notes.append("No fold is trained on the regions it tests, so there are no region figures.")
    cards = [fold.card.left_out for fold in folds if fold.card.left_out is not None]
    left_out = {photo for card in cards for photo in card.photos}
    if left_out:
        tags = " or ".join(config.leave_out_tags)
        notes.append(
            f"{len(left_out):,} photos with the tag {tags} were left out of training in every "
            "fold; they are tested like all others."
        )
    return [*notes, *folds[0].split.notes, *dataset.notes]
