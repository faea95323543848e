"""Metrics as pure functions of truth and prediction; all distances in metres, angles in degrees.

Every result is a frozen dataclass whose field names are the keys of `report.json`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats, distance_m, heading_error_deg

JOINT_M, JOINT_DEG = 10.0, 15.0
"""A photo counts as placed when both errors are at most these (as pose recall in OrienterNet)."""


@dataclass(frozen=True)
class RegionMetrics:
    """Classification of regions.

    Attributes:
        accuracy: Share of photos whose most probable region is the true one.
        macro_precision: Mean over regions of the precision; 0 for a region never predicted.
        macro_recall: Mean over regions of the recall; 0 for a region that never occurs.
        macro_f1: Mean over regions of the F1 score.
        top3: Share of photos whose true region is among the three most probable.
        labels: Region ids in the order of the confusion matrix: those that the model knows, then
            those that only occur as truth.
        confusion: `[true][predicted]` counts.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    top3: float | None
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class LabelUnitsMse:
    """Mean squared error in squared label units, for comparison with the course's figures."""

    latitude: float
    longitude: float
    mean: float


@dataclass(frozen=True)
class PositionMetrics:
    """Position errors in metres; `within_*` are shares of photos, in `[0, 1]`."""

    mse_label_units: LabelUnitsMse
    rmse_m: float
    mean_m: float
    median_m: float
    p90_m: float
    within_5m: float
    within_10m: float
    within_25m: float
    within_50m: float


@dataclass(frozen=True)
class HeadingMetrics:
    """Absolute angular errors: their mean (MAAE), median, and shares within so many degrees."""

    maae_deg: float
    median_deg: float
    within_5: float
    within_15: float
    within_30: float


def confusion_matrix(
    true: NDArray[np.int64], predicted: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Counts `(count, count)`: row = true index, column = predicted index."""
    matrix = np.zeros((count, count), np.int64)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


def precision_recall_f1(confusion: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Per-class precision, recall and F1 `(R,)`, 0 where a denominator is 0.

    Sokolova & Lapalme 2009, "A systematic analysis of performance measures", table 3.
    """
    hits = np.diag(confusion).astype(np.float64)
    precision = _ratio(hits, confusion.sum(axis=0))
    recall = _ratio(hits, confusion.sum(axis=1))
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


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
    confusion = confusion_matrix(truth, guess, len(labels))
    occurs = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    precision, recall, f1 = precision_recall_f1(confusion)
    top3 = None
    if ranked is not None:
        top3 = float((np.asarray(ranked)[:, :3] == truth[:, None]).any(axis=1).mean())
    return RegionMetrics(
        float((truth == guess).mean()),
        float(precision[occurs].mean()),
        float(recall[occurs].mean()),
        float(f1[occurs].mean()),
        top3,
        labels,
        tuple(tuple(int(count) for count in row) for row in confusion),
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


def joint_share(error_m: ArrayLike, error_deg: ArrayLike) -> float:
    """Share of photos within 10 m *and* 15 degrees."""
    close = np.asarray(error_m) <= JOINT_M
    aligned = np.asarray(error_deg) <= JOINT_DEG
    _needs_photos(len(close))
    return float((close & aligned).mean())


def _ratio(above: NDArray[np.float64], below: NDArray[np.generic]) -> Floats:
    known = np.asarray(below, np.float64)
    return np.asarray(above / np.where(known == 0.0, 1.0, known))


def _needs_photos(n: int) -> None:
    if n == 0:
        raise ValueError("metrics of no photo are undefined")
