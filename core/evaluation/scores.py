"""Predictions against ground truth: the labels, the errors of every photo and the metrics.

Distances are in metres of the checkpoint's local frame, angles in degrees. Metrics are pure
functions of truth and prediction.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.dataset.labels import Dataset
from core.evaluation.place import metres_of
from core.evaluation.report import (
    Both,
    HeadingMetrics,
    LabelUnitsMse,
    PositionMetrics,
    RegionMetrics,
)
from core.geo import CoordinateFrame, Floats, LocalFrame, distance_m, heading_error_deg
from core.headline import PhotoErrors
from core.inference.prediction import Prediction
from core.labels import LABELS, Label
from core.model.card import Card


@dataclass(frozen=True)
class Truth:
    """Labels of n photos; NaN or -1 for a photo without the label.

    Attributes:
        photo_ids: Keys of the photos in their dataset.
        filenames: Names as in the label file.
        regions: Region ids: the model's in its order, then those that only the dataset has.
        region: `(n,)` indices into `regions`, -1 without a region.
        labels: `(n, 2)` `[latitude, longitude]` in the dataset's label units.
        position_m: `(n, 2)` `[north_m, east_m]` in the checkpoint's local frame; in the dataset's
            own if the model predicts no positions.
        heading_deg: `(n,)` in `[0, 360)`.
        minute: `(n,)` minute of the day, NaN where unknown.
        frame: What the dataset's label units mean.
        local_frame: The checkpoint's local metres.
    """

    photo_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    regions: tuple[str, ...]
    region: NDArray[np.int64]
    labels: Floats
    position_m: Floats
    heading_deg: Floats
    minute: Floats
    frame: CoordinateFrame
    local_frame: LocalFrame

    def __post_init__(self) -> None:
        """Check every shape."""
        n = len(self.photo_ids)
        shapes = (self.labels.shape, self.position_m.shape)
        rows = {len(self.filenames), len(self.region), len(self.heading_deg), len(self.minute)}
        if shapes != ((n, 2), (n, 2)) or rows != {n}:
            raise ValueError(f"truth of {n} photos does not fit: {shapes}, {rows}")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photo_ids)

    def labelled(self, label: Label) -> NDArray[np.bool_]:
        """Flag `(n,)` the photos that have a label."""
        if label == "position":
            return np.asarray(np.isfinite(self.position_m).all(axis=1), bool)
        return np.isfinite(self.heading_deg) if label == "heading" else self.region >= 0

    @property
    def counts(self) -> dict[Label, int]:
        """How many photos have each label."""
        return {label: int(self.labelled(label).sum()) for label in LABELS}

    def to_labels(self, position_m: Floats) -> Floats:
        """Turn `(n, 2)` local metres into the dataset's label units."""
        if self.frame == self.local_frame.frame:
            return self.local_frame.to_labels(position_m)
        return self.frame.from_degrees(self.local_frame.to_degrees(position_m))


def read_truth(dataset: Dataset, rows: NDArray[np.int64], card: Card) -> Truth:
    """Return the labels of some rows of a dataset, in the metres of a checkpoint.

    Raises:
        FrameError: Positions cannot be converted from the dataset's frame to the checkpoint's.
    """
    table = dataset.table.iloc[rows]
    own = set(card.regions)
    regions = (*card.regions, *(name for name in dataset.regions if name not in own))
    index = {name: number for number, name in enumerate(regions)} | {"": -1}
    labels = dataset.positions[rows]
    if "position" in card.labels or not dataset.labelled("position").any():
        position_m = metres_of(labels, dataset.campus.frame, card)
    else:
        # A model without positions has no frame to compare them in.
        position_m = dataset.local_frame().to_metres(labels)
    return Truth(
        photo_ids=tuple(table["photo_id"]),
        filenames=tuple(table["filename"]),
        regions=regions,
        region=np.array([index[name] for name in table["region"]], np.int64),
        labels=labels,
        position_m=position_m,
        heading_deg=dataset.headings_deg[rows],
        minute=table["minute"].to_numpy(np.float64),
        frame=dataset.campus.frame,
        local_frame=card.local_frame,
    )


def precision_recall_f1(
    true: ArrayLike, predicted: ArrayLike, count: int
) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 `(count,)` of each class, 0 where a denominator is 0."""
    confusion = _confusion(true, predicted, count)
    hits = np.diag(confusion).astype(np.float64)
    labelled, said = confusion.sum(axis=1), confusion.sum(axis=0)

    def share(part: Floats, whole: NDArray[np.int64]) -> Floats:
        return np.divide(part, whole, out=np.zeros(count), where=whole > 0)

    return share(hits, said), share(hits, labelled), share(2.0 * hits, labelled + said)


def _confusion(true: ArrayLike, predicted: ArrayLike, count: int) -> NDArray[np.int64]:
    """Numbers of photos `(count, count)`: the true class in rows, the predicted one in columns."""
    pairs = np.asarray(true, np.int64) * count + np.asarray(predicted, np.int64)
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def region_metrics(
    true: ArrayLike, predicted: ArrayLike, labels: tuple[str, ...], ranked: ArrayLike | None = None
) -> RegionMetrics:
    """Compute the metrics of predicted regions.

    Macro means run over the regions that occur as truth or as prediction, as in scikit-learn.

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
    counts = _confusion(truth, guess, len(labels))
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
    """Compute the metrics of positions, all `(n, 2)`: local metres, and label units for the MSE.

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
    """Compute the metrics of headings `(n,)` in degrees; errors are at most 180."""
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


@dataclass(frozen=True)
class ScoredPrediction:
    """Predictions of n photos and their ground truth, in the same order."""

    truth: Truth
    prediction: Prediction

    def __post_init__(self) -> None:
        """Check that both cover the same photos."""
        if self.truth.photo_ids != self.prediction.photo_ids:
            raise ValueError("truth and prediction are not about the same photos")

    @cached_property
    def errors(self) -> Both[PhotoErrors]:
        """Errors of raw predictions, whose region is the region head's, and of refined ones."""
        truth, predicted = self.truth, self.prediction
        true = (truth.position_m, truth.heading_deg, truth.region)
        head = predicted.region_head.argmax(axis=1) if predicted.regions else None
        return Both(
            PhotoErrors.between(true, (predicted.position_m, predicted.heading_deg, head)),
            PhotoErrors.between(
                true,
                (
                    predicted.position_refined_m,
                    predicted.heading_refined_deg,
                    predicted.region_index if predicted.regions else None,
                ),
            ),
        )

    @property
    def error_m(self) -> Floats:
        """`(n,)` raw position errors."""
        return self.errors.raw.error_m

    @property
    def error_refined_m(self) -> Floats:
        """`(n,)` refined position errors."""
        return self.errors.refined.error_m

    @property
    def error_deg(self) -> Floats:
        """`(n,)` raw heading errors."""
        return self.errors.raw.error_deg

    @property
    def error_refined_deg(self) -> Floats:
        """`(n,)` refined heading errors."""
        return self.errors.refined.error_deg

    @cached_property
    def labels(self) -> Floats:
        """`(n, 2)` raw positions in the dataset's label units."""
        return self.truth.to_labels(self.prediction.position_m)

    @cached_property
    def labels_refined(self) -> Floats:
        """`(n, 2)` refined positions in the dataset's label units."""
        return self.truth.to_labels(self.prediction.position_refined_m)

    def compared(self, label: Label) -> NDArray[np.bool_]:
        """Flag `(n,)` the photos whose label is known and predicted."""
        predicted = label in self.prediction.labels
        return self.truth.labelled(label) & predicted

    @cached_property
    def region(self) -> RegionMetrics | None:
        """Metrics of regions; photos of regions that the model does not know count as wrong."""
        rows = self.compared("region")
        if not rows.any():
            return None
        return region_metrics(
            self.truth.region[rows],
            self.prediction.region_index[rows],
            self.truth.regions,
            self.prediction.ranked_regions[rows],
        )

    @cached_property
    def position(self) -> Both[PositionMetrics] | None:
        """Metrics of positions."""
        rows = self.compared("position")
        if not rows.any():
            return None
        truth, predicted = self.truth, self.prediction
        true_m, labels = truth.position_m[rows], truth.labels[rows]
        return Both(
            position_metrics(true_m, predicted.position_m[rows], labels, self.labels[rows]),
            position_metrics(
                true_m, predicted.position_refined_m[rows], labels, self.labels_refined[rows]
            ),
        )

    @cached_property
    def heading(self) -> Both[HeadingMetrics] | None:
        """Metrics of headings."""
        rows = self.compared("heading")
        if not rows.any():
            return None
        truth = self.truth.heading_deg[rows]
        return Both(
            heading_metrics(truth, self.prediction.heading_deg[rows]),
            heading_metrics(truth, self.prediction.heading_refined_deg[rows]),
        )
