"""The report of a cross-validation: `crossval.json`, pooled `predictions.csv` and plots."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

from core.audit.review import doubts
from core.crossval.figures import (
    SPREAD_NOTE,
    CrossvalDataset,
    CrossvalReport,
    FoldReport,
    baseline_spreads,
    headlines,
    spread,
)
from core.crossval.folder import PLOTS, PREDICTIONS, REPORT, fold_run, is_trained
from core.crossval.guard import Fold, is_judged, read_fold
from core.crossval.pooled import Pooled, pool, pooled_table
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset, labels_hash
from core.dataset.splits import Place
from core.errors import RunError
from core.evaluation.intervals import group_photos
from core.evaluation.make_report import Caveats, baseline_notes, caveat_notes, score_photos
from core.evaluation.plots import write_plots
from core.evaluation.report import Report, Scores
from core.evaluation.table import write_table
from core.files import write_json


def aggregate(config: CrossvalConfig, dataset: Dataset) -> CrossvalReport:
    """Check every fold, pool what they answered, and write the report.

    Raises:
        RunError: Folds are missing; names them.
        LeakError: A fold has learnt from its test part.
    """
    _require_all(config)
    folds = [read_fold(config, dataset, number) for number in range(config.folds)]
    pooled = pool(folds, dataset)
    report = _report(config, dataset, folds, pooled)
    table = pooled_table(folds)
    write_table(table, config.out / PREDICTIONS)
    if config.plots:
        write_plots(pooled.judgement, pooled.baselines, config.out / PLOTS)
    # Last: a folder with a report is a complete one.
    write_json(config.out / REPORT, report.to_json())
    return report


def _require_all(config: CrossvalConfig) -> None:
    runs = [fold_run(config.out, number) for number in range(config.folds)]
    missing = [
        str(number)
        for number, run in enumerate(runs)
        if not (is_trained(run) and is_judged(config, run))
    ]
    if missing:
        raise RunError(
            f"folds {', '.join(missing)} of {config.out} are not finished, so nothing can be "
            f"pooled. Go on with: python -m core crossval --out {config.out} --resume"
        )


def _report(
    config: CrossvalConfig, dataset: Dataset, folds: Sequence[Fold], pooled: Pooled
) -> CrossvalReport:
    reports = [_comparable(fold.report, config) for fold in folds]
    caveats = _caveats(config, folds, pooled)
    scores = score_photos(pooled.judgement, pooled.baselines, dataset.campus.region_names, caveats)
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


def _caveats(config: CrossvalConfig, folds: Sequence[Fold], pooled: Pooled) -> Caveats:
    position_m = pooled.judgement.truth.position_m
    grouping = group_photos(position_m, pooled.visits, folds[0].split.radius_m, None)
    regions = config.split.protocol != "region"
    return Caveats(pooled.nearest_m, grouping, doubts(config.dataset), regions)


def _comparable(report: Report, config: CrossvalConfig) -> Report:
    """The report, without region figures if no tested region is ever trained."""
    if config.split.protocol != "region":
        return report
    baselines = {name: replace(each, region=None) for name, each in report.baselines.items()}
    return replace(report, region=None, baselines=baselines)


def _described(fold: Fold) -> FoldReport:
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
    folds: Sequence[Fold],
    pooled: Pooled,
    scores: Scores,
) -> list[str]:
    notes = [SPREAD_NOTE, *baseline_notes(scores)]
    if pooled.untested:
        regions = ", ".join(sorted(set(pooled.untested.values())))
        notes.append(
            f"{len(pooled.untested)} of {len(dataset)} photos are tested by no fold: each region "
            f"must be trained in every fold, and in regions {regions} only they can teach it."
        )
    if config.split.protocol == "region":
        notes.append("No fold ever learns the regions it tests, so region figures mean nothing.")
    return [*notes, *folds[0].split.notes, *dataset.notes]
