"""`report.json`: plain JSON, raw and refined side by side, baselines and leak beside them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from core.dataset.labels import Dataset
from core.evaluation.coverage import coverage_report
from core.evaluation.grounds import Grounds, grounds_notes, grounds_report
from core.evaluation.judgement import Judgement
from core.evaluation.members import ensemble_report
from core.evaluation.metrics import precision_recall_f1
from core.evaluation.rivals import baseline_report, warnings
from core.evaluation.selection import Selection
from core.inference.predictor import Predictor
from core.retrieval.baselines import Baseline

SCHEMA_VERSION = 1
Report = dict[str, Any]


def make_report(
    judgement: Judgement,
    baselines: tuple[Baseline, ...],
    selection: Selection,
    dataset: Dataset,
    predictor: Predictor,
    grounds: Grounds,
) -> Report:
    """Put a report together; every value is plain JSON, what is unknown is null."""
    found = figures(judgement, baselines, predictor.card.region_names)
    notes = (
        *selection.notes,
        *warnings(found["baselines"], judgement),
        *judgement.prediction.notes,
        *_unknown_regions(judgement, len(predictor.regions)),
        *grounds_notes(grounds),
        *_refused_notes(judgement),
        *dataset.notes,
    )
    report = {
        "schema_version": SCHEMA_VERSION,
        **found,
        **grounds_report(judgement, baselines, found, grounds),
        "split": selection.split,
        "seen_in_training": int(selection.seen.sum()),
        "excluded": _excluded(dataset),
        "notes": list(notes),
        "checkpoint": _checkpoint(predictor),
        "dataset": _dataset(dataset),
        "trained_on": _trained_on(predictor),
    }
    groups = None if grounds.grouping is None else grounds.grouping.groups
    promised = coverage_report(judgement, predictor.card.region_names, groups)
    if promised is not None:
        report["coverage"] = promised
    if predictor.card.ensemble is not None:
        report["ensemble"] = ensemble_report(judgement, predictor.card.ensemble)
    return dict(plain(report))


def figures(
    judgement: Judgement, baselines: tuple[Baseline, ...], region_names: Mapping[str, str]
) -> Report:
    """Every figure that follows from predictions and truth alone, baselines beside them."""
    return {
        "n": len(judgement.truth),
        "region": asdict(judgement.region) | {"accuracy_raw": judgement.head_accuracy},
        "position": {name: asdict(found) for name, found in judgement.position.items()},
        "heading": {name: asdict(found) for name, found in judgement.heading.items()},
        "joint_10m_15deg": judgement.joint["refined"],
        "joint_10m_15deg_raw": judgement.joint["raw"],
        "per_region": _per_region(judgement, region_names),
        "baselines": {item.name: baseline_report(item, judgement) for item in baselines},
    }


def plain(value: Any) -> Any:  # noqa: ANN401 - any report value
    """Turn tuples and numpy values into plain JSON ones, and figures that do not exist to null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _per_region(judgement: Judgement, names: Mapping[str, str]) -> dict[str, Any]:
    confusion = np.asarray(judgement.region.confusion)
    precision, _, f1 = precision_recall_f1(confusion)
    return {
        region: {"name": names.get(region, region)}
        | judgement.of_region(index)
        | {"precision": float(precision[index]), "f1": float(f1[index])}
        for index, region in enumerate(judgement.truth.regions)
        if (judgement.truth.region == index).any()
    }


def _unknown_regions(judgement: Judgement, known: int) -> list[str]:
    strange = int((judgement.truth.region >= known).sum())
    if not strange:
        return []
    return [
        f"{strange} photos are of regions that the model was never taught; they count as wrong."
    ]


def _refused_notes(judgement: Judgement) -> list[str]:
    count = int(judgement.prediction.refused.sum())
    if not count:
        return []
    return [
        f"{count} of {len(judgement.truth)} photos would be refused as not of this campus; the "
        "main figures count them with the answers that the model gives when it is made to."
    ]


def _excluded(dataset: Dataset) -> dict[str, Any]:
    rows = dataset.excluded[["photo_id", "reason"]].to_dict("records")
    return {"count": len(rows), "photos": rows}


def _checkpoint(predictor: Predictor) -> dict[str, Any]:
    card = predictor.card
    return {
        "folder": str(predictor.folder),
        "weights": card.weights,
        "created": card.created,
        "backbone": card.model.backbone,
        "input_size": card.preprocess.input_size,
        "refine": card.refine,
    }


def _dataset(dataset: Dataset) -> dict[str, Any]:
    return {
        "root": str(dataset.root.resolve()),
        "campus": dataset.campus.name,
        "photos": len(dataset),
        "frame": dataset.campus.frame.kind,
        "unit": dataset.campus.frame.unit,
        "demo_seed": dataset.campus.demo_seed,
    }


def _trained_on(predictor: Predictor) -> dict[str, Any]:
    card = predictor.card
    return {
        "campus": card.campus,
        "demo_seed": card.demo_seed,
        "photos": None if predictor.gallery is None else len(predictor.gallery),
        "split": card.split.model_dump(mode="json"),
    }
