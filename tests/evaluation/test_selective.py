import numpy as np
import pytest

from core.evaluation.selective import MOST_POINTS, reliability, risk_curve


def test_the_curve_answers_the_most_confident_photos_first() -> None:
    error = np.array([9.0, 1.0, 5.0, 3.0, np.nan])
    doubt = np.array([4.0, 1.0, 2.0, 3.0, 0.0])
    found = risk_curve(error, doubt)
    assert found is not None
    np.testing.assert_allclose(found.share, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(found.doubt, [1, 2, 3, 4])
    np.testing.assert_allclose(found.risk, [1, 3, 3, 4])
    np.testing.assert_allclose(found.best, [1, 2, 3, 4])
    assert (found.area, found.best_area, found.overall) == (2.75, 2.5, 4.0)


def test_another_figure_and_many_photos() -> None:
    rng = np.random.default_rng(0)
    wrong = (rng.random(1000) < 0.2).astype(float)
    found = risk_curve(wrong, rng.random(1000), np.mean)
    assert found is not None
    assert len(found.share) == MOST_POINTS
    assert found.share[-1] == 1.0
    assert found.risk[-1] == found.overall == wrong.mean()
    assert found.best[0] == 0.0
    assert found.area == pytest.approx(wrong.mean(), abs=0.05)


def test_there_is_no_curve_of_one_photo() -> None:
    assert risk_curve(np.ones(1), np.ones(1)) is None
    assert risk_curve(np.full(3, np.nan), np.ones(3)) is None


def test_reliability_counts_right_answers_by_confidence() -> None:
    confidence = np.array([0.05, 0.95, 1.0, 0.91, 0.92, np.nan])
    right = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    low, high = reliability(confidence, right)
    assert (low.low, low.high, low.n, low.right) == (0.0, 0.1, 1, 0.0)
    assert (high.low, high.high, high.n, high.right) == (0.9, 1.0, 4, 0.75)
    assert high.confidence == pytest.approx(0.945)
    assert high.interval[0] < 0.75 < high.interval[1]
