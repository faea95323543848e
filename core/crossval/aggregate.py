"""The report of a cross-validation: `crossval.json`, pooled `predictions.csv` and plots."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from core.audit.review import doubts
from core.crossval.figures import SPREAD_NOTE, baseline_spreads, headlines, spread
from core.crossval.folder import PLOTS, PREDICTIONS, REPORT, fold_run, is_trained
from core.crossval.guard import Fold, is_judged, read_fold
from core.crossval.pooled import Pooled, pool, pooled_table
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset, labels_hash
from core.dataset.splits import Place
from core.errors import RunError
from core.evaluation.grounds import Grounds, grounds_notes, grounds_report
from core.evaluation.intervals import group_photos
from core.evaluation.plots import write_plots
from core.evaluation.report import Report, figures, plain
from core.evaluation.rivals import warnings
from core.evaluation.table import write_table
from core.files import write_json

SCHEMA_VERSION = 1


def aggregate(config: CrossvalConfig, dataset: Dataset) -> Report:
    """Check every fold, pool what they answered, and write the report.

    Returns:
        Content of `crossval.json`; keys `summary` (mean, sd and values of every headline figure),
        `pooled` (the figures of an evaluation, on all photos), `baselines`, `folds`, `notes`.

    Raises:
        RunError: Folds are missing; names them.
        LeakError: A fold has learnt from its test part.
    """
    _require_all(config)
    folds = [read_fold(config, dataset, number) for number in range(config.folds)]
    pooled = pool(folds, dataset)
    report = dict(plain(_report(config, dataset, folds, pooled)))
    table = pooled_table(folds)
    write_table(table, config.out / PREDICTIONS)
    if config.plots:
        write_plots(pooled.judgement, pooled.baselines, config.out / PLOTS)
    # Last: a folder with a report is a complete one.
    write_json(config.out / REPORT, report)
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
) -> dict[str, Any]:
    reports = [_judged(fold.report, config) for fold in folds]
    found = figures(pooled.judgement, pooled.baselines, dataset.campus.region_names)
    grounds = _grounds(config, folds, pooled)
    found |= grounds_report(pooled.judgement, pooled.baselines, found, grounds)
    whole = _judged(found, config)
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "split": config.split.model_dump(mode="json"),
        "dataset": {
            "root": str(dataset.root),
            "campus": dataset.campus.name,
            "photos": len(dataset),
            "labels_hash": labels_hash(dataset),
        },
        "summary": spread([headlines(report) for report in reports]),
        "pooled": whole,
        "baselines": baseline_spreads(reports),
        "folds": [_described(fold) for fold in folds],
        "untested": pooled.untested,
        "notes": _notes(config, dataset, folds, pooled, whole["baselines"])
        + grounds_notes(grounds),
    }


def _grounds(config: CrossvalConfig, folds: Sequence[Fold], pooled: Pooled) -> Grounds:
    position_m = pooled.judgement.truth.position_m
    grouping = group_photos(position_m, pooled.visits, folds[0].split.radius_m, None)
    regions = config.split.protocol != "region"
    return Grounds(pooled.nearest_m, grouping, doubts(config.dataset), regions)


def _judged(report: Report, config: CrossvalConfig) -> Report:
    """The report, without region figures where no test region is ever trained."""
    if config.split.protocol != "region":
        return dict(report)
    baselines = {name: each | {"region": None} for name, each in report["baselines"].items()}
    return report | {"region": None, "baselines": baselines}


def _described(fold: Fold) -> dict[str, Any]:
    events = fold.run.events()
    parts = list(fold.split.parts.values())
    return {
        "fold": fold.number,
        "run": fold.run.path.name,
        "split_hash": fold.split.hash,
        "photos": {part: parts.count(part) for part in get_args(Place)},
        "epochs": len(events),
        "best_epoch": int(fold.card.metrics["epoch"]),
        "seconds": round(sum(float(event["seconds"]) for event in events), 1),
        "refine": fold.card.refine,
        "weights": fold.card.weights,
    }


def _notes(
    config: CrossvalConfig,
    dataset: Dataset,
    folds: Sequence[Fold],
    pooled: Pooled,
    baselines: dict[str, Any],
) -> list[str]:
    notes = [SPREAD_NOTE, *warnings(baselines, pooled.judgement)]
    if pooled.untested:
        regions = ", ".join(sorted(set(pooled.untested.values())))
        notes.append(
            f"{len(pooled.untested)} of {len(dataset)} photos are tested by no fold: each region "
            f"must be trained in every fold, and in regions {regions} only they can teach it."
        )
    if config.split.protocol == "region":
        notes.append("No fold ever learns the regions it tests, so region figures mean nothing.")
    return [*notes, *folds[0].split.notes, *dataset.notes]
