"""Metrics as pure functions of truth and prediction; all distances in metres, angles in degrees."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from core.evaluation.report import (
    HeadingMetrics,
    LabelUnitsMse,
    PositionMetrics,
    RegionMetrics,
)
from core.geo import Floats, distance_m, heading_error_deg


def precision_recall_f1(
    true: ArrayLike, predicted: ArrayLike, count: int
) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 `(count,)` of each class, 0 where a denominator is 0."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=np.arange(count), zero_division=0.0
    )
    return precision, recall, f1


def region_metrics(
    true: ArrayLike, predicted: ArrayLike, labels: tuple[str, ...], ranked: ArrayLike | None = None
) -> RegionMetrics:
    """Judge predicted regions.

    Macro means run over the regions that occur as truth or as prediction, as scikit-learn's do.

    Args:
        true: `(n,)` indices into `labels`.
        predicted: `(n,)` indices into `labels`.
        labels: Region ids.
        ranked: `(n, >= 3)` or fewer columns: indices by falling probability; without it no top-3.
    """
    truth, guess = np.asarray(true, np.int64), np.asarray(predicted, np.int64)
    _needs_photos(len(truth))
    occurs = np.union1d(truth, guess)
    precision, recall, f1 = (
        float(each[occurs].mean()) for each in precision_recall_f1(truth, guess, len(labels))
    )
    top3 = None
    if ranked is not None:
        top3 = float((np.asarray(ranked)[:, :3] == truth[:, None]).any(axis=1).mean())
    counts = confusion_matrix(truth, guess, labels=np.arange(len(labels)))
    return RegionMetrics(
        accuracy=float((truth == guess).mean()),
        macro_precision=precision,
        macro_recall=recall,
        macro_f1=f1,
        top3=top3,
        labels=labels,
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
    )


def position_metrics(
    true_m: ArrayLike, predicted_m: ArrayLike, true_labels: ArrayLike, predicted_labels: ArrayLike
) -> PositionMetrics:
    """Judge predicted positions, all `(n, 2)`: local metres, and label units for the MSE.

    RMSE is the root of the mean squared *distance*; the MSE in label units is per axis, and its
    `mean` averages the two axes, as the course does.
    """
    error = distance_m(true_m, predicted_m)
    _needs_photos(len(error))
    squared = (np.asarray(true_labels) - np.asarray(predicted_labels)) ** 2
    latitude, longitude = (float(axis) for axis in squared.mean(axis=0))
    return PositionMetrics(
        LabelUnitsMse(latitude, longitude, (latitude + longitude) / 2.0),
        float(np.sqrt((error**2).mean())),
        float(error.mean()),
        float(np.median(error)),
        float(np.quantile(error, 0.9)),
        *(float((error <= radius).mean()) for radius in (5.0, 10.0, 25.0, 50.0)),
    )


def heading_metrics(true_deg: ArrayLike, predicted_deg: ArrayLike) -> HeadingMetrics:
    """Judge predicted headings `(n,)`, the short way round the circle."""
    error = heading_error_deg(true_deg, predicted_deg)
    _needs_photos(len(error))
    return HeadingMetrics(
        float(error.mean()),
        float(np.median(error)),
        *(float((error <= limit).mean()) for limit in (5.0, 15.0, 30.0)),
    )


def _needs_photos(n: int) -> None:
    if n == 0:
        raise ValueError("metrics of no photo are undefined")
