"""Score the predictions of a baseline like those of a model, so that `core compare` reads both."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from core.errors import SplitError
from core.evaluation.make_report import Caveats, score_photos
from core.evaluation.report import Report, SplitReport, plain
from core.evaluation.scores import ScoredPrediction, Truth
from core.evaluation.selection import Selection
from core.evaluation.table import prediction_table, write_table
from core.files import write_json
from core.geo import Floats, heading_from_unit
from core.inference.prediction import Prediction
from core.splits.leak import nearest_training_m
from core.splits.visits import GAP_MINUTES, find_visits
from core.training.data import TrainingData


@dataclass(frozen=True)
class BaselineOutput:
    """Predictions of a baseline for the n test photos.

    Attributes:
        probabilities: `(n, R)` of the regions.
        position_m: `(n, 2)` raw.
        refined_m: `(n, 2)` after its refinement, if it has one.
        heading: `(n, 2)` `(cos, sin)` of any length.
    """

    probabilities: Floats
    position_m: Floats
    refined_m: Floats
    heading: Floats


def write_report(data: TrainingData, baseline: BaselineOutput, out: Path, **more: object) -> Report:
    """Write `predictions.csv` and, last, `report.json`, whose content `more` joins."""
    judged, selection = scored(data, baseline), _selection(data)
    trained_m = data.position_m[data.positioned_rows("train")]
    nearest_m = nearest_training_m(selection.truth.position_m, trained_m)
    scores = score_photos(
        judged, (), data.dataset.campus.region_names, Caveats(nearest_m=nearest_m)
    )
    figures = {each.name: getattr(scores, each.name) for each in fields(scores)}
    report = Report(**figures, split=selection.split)
    write_table(prediction_table(judged, selection, None), out / "predictions.csv")
    write_json(out / "report.json", report.to_json() | dict(plain(more)))
    return report


def scored(data: TrainingData, baseline: BaselineOutput) -> ScoredPrediction:
    """The predictions of the baseline beside the truth."""
    table = data.dataset.table.iloc[data.rows["test"]]
    heading_deg, nothing = heading_from_unit(baseline.heading), np.empty((len(table), 0))
    prediction = Prediction(
        photo_ids=tuple(table["photo_id"]),
        filenames=tuple(table["filename"]),
        regions=data.dataset.regions,
        region_names=dict(data.dataset.campus.region_names),
        local_frame=data.frame,
        region_probabilities=baseline.probabilities,
        region_head=baseline.probabilities,
        position_m=baseline.position_m,
        position_refined_m=baseline.refined_m,
        heading_deg=heading_deg,
        heading_refined_deg=heading_deg,
        heading_length=np.hypot(baseline.heading[:, 0], baseline.heading[:, 1]),
        neighbours=nothing.astype(np.int64),
        similarity=nothing,
        weight=nothing,
        inliers=nothing.astype(np.int64),
        descriptor=nothing.astype(np.float32),
    )
    return ScoredPrediction(_truth(data), prediction)


def _truth(data: TrainingData) -> Truth:
    rows, dataset = data.rows["test"], data.dataset
    table = dataset.table.iloc[rows]
    return Truth(
        photo_ids=tuple(table["photo_id"]),
        filenames=tuple(table["filename"]),
        regions=dataset.regions,
        region=data.region[rows],
        labels=dataset.positions[rows],
        position_m=data.position_m[rows],
        heading_deg=data.heading_deg[rows],
        minute=table["minute"].to_numpy(np.float64),
        frame=dataset.campus.frame,
        local_frame=data.frame,
    )


def _selection(data: TrainingData) -> Selection:
    rows, split = data.rows["test"], data.split
    n = len(rows)
    about = SplitReport(
        split.protocol,
        split.hash,
        "test",
        split.seed,
        split.fold,
        split.folds,
        split.radius_m,
        n,
        n,
    )
    return Selection(rows, _truth(data), np.zeros(len(rows), bool), about, (), _visits(data))


def _visits(data: TrainingData) -> np.ndarray | None:
    gap = data.split.gap_minutes or GAP_MINUTES
    try:
        found = find_visits(data.dataset.table, data.position_m, gap)
    except SplitError:
        return None
    return np.asarray(found.groups[data.rows["test"]])
