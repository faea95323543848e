"""Prediction against truth: errors of every photo, and the metrics over all of them."""

from dataclasses import dataclass
from functools import cached_property

from core.evaluation.metrics import heading_metrics, position_metrics, region_metrics
from core.evaluation.report import Both, HeadingMetrics, PositionMetrics, RegionMetrics
from core.evaluation.truth import Truth
from core.geo import Floats
from core.headline import PhotoErrors
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
    def errors(self) -> Both[PhotoErrors]:
        """Errors of raw answers, whose region is the head's own, and of refined ones."""
        truth, predicted = self.truth, self.prediction
        true = (truth.position_m, truth.heading_deg, truth.region)
        head = predicted.region_head.argmax(axis=1)
        voted = predicted.region_index
        return Both(
            PhotoErrors.between(true, (predicted.position_m, predicted.heading_deg, head)),
            PhotoErrors.between(
                true, (predicted.position_refined_m, predicted.heading_refined_deg, voted)
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
    def position(self) -> Both[PositionMetrics]:
        """Metrics of positions."""
        truth, predicted = self.truth, self.prediction
        true = truth.position_m, truth.labels
        return Both(
            position_metrics(true[0], predicted.position_m, true[1], self.labels),
            position_metrics(true[0], predicted.position_refined_m, true[1], self.labels_refined),
        )

    @cached_property
    def heading(self) -> Both[HeadingMetrics]:
        """Metrics of headings."""
        truth = self.truth.heading_deg
        return Both(
            heading_metrics(truth, self.prediction.heading_deg),
            heading_metrics(truth, self.prediction.heading_refined_deg),
        )
