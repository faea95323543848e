import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, top_k_accuracy_score

from core.evaluation.scores import (
    heading_metrics,
    position_metrics,
    region_metrics,
)
from core.headline import PhotoErrors

# The keys that readers of report.json rely on.
POSITION_KEYS = (
    "mse_label_units", "rmse_m", "mean_m", "median_m", "p90_m",
    "within_5m", "within_10m", "within_25m", "within_50m",
)  # fmt: skip


@pytest.mark.trap(name="errors squared in degrees or label units")
def test_a_3_4_5_triangle_is_5_metres() -> None:
    found = position_metrics([[0, 0]], [[3, 4]], [[0, 0]], [[30, 40]])
    assert (found.rmse_m, found.mean_m, found.median_m, found.p90_m) == (5.0, 5.0, 5.0, 5.0)
    assert (found.within_5m, found.within_10m) == (1.0, 1.0)
    assert dataclasses.astuple(found.mse_label_units) == (900.0, 1600.0, 1250.0)
    assert tuple(dataclasses.asdict(found)) == POSITION_KEYS


def test_position_errors_by_hand() -> None:
    truth = np.zeros((4, 2))
    guess = np.array([[5, 0], [0, 10], [24, 0], [0, 60]])
    found = position_metrics(truth, guess, truth, guess)
    assert found.mean_m == pytest.approx(24.75)
    assert found.median_m == pytest.approx(17.0)
    assert found.rmse_m == pytest.approx(np.sqrt((25 + 100 + 576 + 3600) / 4))
    assert found.p90_m == pytest.approx(24 + 0.7 * 36)
    shares = (found.within_5m, found.within_10m, found.within_25m, found.within_50m)
    assert shares == (0.25, 0.5, 0.75, 0.75)


@pytest.mark.trap(name="errors squared in degrees or label units")
def test_turning_the_campus_changes_no_metric_in_metres() -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.normal(0, 100, (50, 2)), rng.normal(0, 100, (50, 2))
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    before = position_metrics(truth, guess, truth, guess)
    after = position_metrics(truth @ quarter, guess @ quarter, truth, guess)
    for name in POSITION_KEYS[1:]:
        assert getattr(after, name) == pytest.approx(getattr(before, name))


@pytest.mark.trap(name="headings judged as plain numbers")
@pytest.mark.parametrize(
    ("true", "guess", "error"),
    [(359, 1, 2), (1, 359, 2), (0, 180, 180), (90, 450, 0), (10, 350, 20), (0, 359.5, 0.5)],
)
def test_headings_go_the_short_way_round(true: float, guess: float, error: float) -> None:
    found = heading_metrics([true], [guess])
    assert found.maae_deg == pytest.approx(error)
    assert found.median_deg == pytest.approx(error)


def test_heading_shares() -> None:
    found = heading_metrics([0, 0, 0, 0], [355, 15, 330, 100])
    assert (found.within_5, found.within_15, found.within_30) == (0.25, 0.5, 0.75)
    assert found.maae_deg == pytest.approx((5 + 15 + 30 + 100) / 4)


def test_joint_needs_both() -> None:
    errors = PhotoErrors(np.array([10, 10.1, 3, 0]), np.array([15, 0, 15.1, 0]), None)
    assert errors.figures().joint_10m_15deg == 0.5


def test_regions_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true, scores = rng.integers(0, 5, 200), rng.normal(size=(200, 6))
    scores[np.arange(200), true] += 1.0
    scores[:, 5] -= 100.0  # region 5 neither occurs nor is predicted
    ranked = np.argsort(-scores, axis=1)
    found = region_metrics(true, ranked[:, 0], tuple("abcdef"), ranked)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, ranked[:, 0], average="macro", zero_division=0
    )
    assert found.accuracy == pytest.approx(accuracy_score(true, ranked[:, 0]))
    assert found.macro_precision == pytest.approx(precision)
    assert found.macro_recall == pytest.approx(recall)
    assert found.macro_f1 == pytest.approx(f1)
    assert found.top3 == pytest.approx(top_k_accuracy_score(true, scores, k=3, labels=range(6)))
    assert np.sum(found.confusion) == 200


def test_the_confusion_matrix_has_truth_in_rows() -> None:
    found = region_metrics([0, 0, 1], [1, 1, 1], ("a", "b"))
    assert found.confusion == ((0, 2), (0, 1))
    assert found.top3 is None
    assert found.macro_precision == pytest.approx((0 + 1 / 3) / 2)


def test_metrics_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no photo"):
        heading_metrics([], [])
    with pytest.raises(ValueError, match="no photo"):
        position_metrics(*[np.empty((0, 2))] * 4)
