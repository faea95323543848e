"""Prediction against truth: errors of every photo, and the same metrics for whoever predicts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.evaluation.metrics import (
    HeadingMetrics,
    PositionMetrics,
    RegionMetrics,
    heading_metrics,
    joint_share,
    position_metrics,
    region_metrics,
)
from core.evaluation.truth import Truth
from core.geo import Floats, distance_m, heading_error_deg
from core.inference.prediction import Prediction


@dataclass(frozen=True)
class Judgement:
    """Predictions of n photos and their truth, row by row the same photos."""

    truth: Truth
    prediction: Prediction

    def __post_init__(self) -> None:
        """Check that both are about the same photos."""
        if self.truth.photo_ids != self.prediction.photo_ids:
            raise ValueError("truth and prediction are not about the same photos")

    @cached_property
    def error_m(self) -> Floats:
        """`(n,)` raw position errors."""
        return distance_m(self.truth.position_m, self.prediction.position_m)

    @cached_property
    def error_refined_m(self) -> Floats:
        """`(n,)` refined position errors."""
        return distance_m(self.truth.position_m, self.prediction.position_refined_m)

    @cached_property
    def error_deg(self) -> Floats:
        """`(n,)` raw heading errors."""
        return heading_error_deg(self.truth.heading_deg, self.prediction.heading_deg)

    @cached_property
    def error_refined_deg(self) -> Floats:
        """`(n,)` refined heading errors."""
        return heading_error_deg(self.truth.heading_deg, self.prediction.heading_refined_deg)

    @cached_property
    def labels(self) -> Floats:
        """`(n, 2)` raw positions in the dataset's label units."""
        return self.truth.to_labels(self.prediction.position_m)

    @cached_property
    def labels_refined(self) -> Floats:
        """`(n, 2)` refined positions in the dataset's label units."""
        return self.truth.to_labels(self.prediction.position_refined_m)

    @cached_property
    def region(self) -> RegionMetrics:
        """How well regions are named; regions that the model does not know count as wrong."""
        return region_metrics(
            self.truth.region,
            self.prediction.region_index,
            self.truth.regions,
            self.prediction.ranked_regions,
        )

    @cached_property
    def position(self) -> dict[str, PositionMetrics]:
        """Metrics of `raw` and `refined` positions."""
        truth, predicted = self.truth, self.prediction
        return {
            "raw": position_metrics(
                truth.position_m, predicted.position_m, truth.labels, self.labels
            ),
            "refined": position_metrics(
                truth.position_m, predicted.position_refined_m, truth.labels, self.labels_refined
            ),
        }

    @cached_property
    def heading(self) -> dict[str, HeadingMetrics]:
        """Metrics of `raw` and `refined` headings."""
        truth = self.truth.heading_deg
        return {
            "raw": heading_metrics(truth, self.prediction.heading_deg),
            "refined": heading_metrics(truth, self.prediction.heading_refined_deg),
        }

    @property
    def joint(self) -> dict[str, float]:
        """Share of photos within 10 m and 15 degrees, `raw` and `refined`."""
        return {
            "raw": joint_share(self.error_m, self.error_deg),
            "refined": joint_share(self.error_refined_m, self.error_refined_deg),
        }

    @property
    def head_accuracy(self) -> float:
        """Share of photos whose region the head alone names, without the neighbours' votes."""
        return float((self.prediction.region_head.argmax(axis=1) == self.truth.region).mean())

    def of_region(self, index: int) -> dict[str, float | int]:
        """Mean figures of the photos of one true region."""
        rows = self.truth.region == index
        hits = self.prediction.region_index[rows] == index
        return {
            "n": int(rows.sum()),
            "accuracy": float(hits.mean()),
            "median_m": float(np.median(self.error_m[rows])),
            "median_refined_m": float(np.median(self.error_refined_m[rows])),
            "maae_deg": float(self.error_deg[rows].mean()),
            "maae_refined_deg": float(self.error_refined_deg[rows].mean()),
        }
