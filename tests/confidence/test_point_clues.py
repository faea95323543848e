"""What agreeing points are as signals, and as clues to the size of an error."""

from dataclasses import replace

import numpy as np

from core.confidence.apply import expected, heading_clues, position_clues
from core.confidence.density import make_density
from core.confidence.fit import fit_scale
from core.confidence.ood import BEST_POINTS, point_features
from core.confidence.schema import ScaleFit
from tests.confidence.worlds import Invented, density_fit, world


def with_points(answers: Invented, points: np.ndarray) -> Invented:
    """The same answers, whose photos were compared point by point."""
    assert answers.evidence is not None
    signals = point_features(points)
    support = replace(
        answers.evidence,
        signals=np.concatenate(
            [answers.evidence.signals, np.stack(list(signals.values()), axis=1)], axis=1
        ),
        names=(*answers.evidence.names, *signals),
    )
    return replace(answers, evidence=support)


def test_signals_grow_with_the_points_that_agree() -> None:
    signals = point_features(np.array([[3, 4], [40, 4], [40, 44]]))
    np.testing.assert_allclose(signals[BEST_POINTS], np.log([5, 41, 45]))
    np.testing.assert_allclose(signals["points"], np.log([4.5, 23, 43]))
    assert point_features(np.empty((2, 0), np.int64))[BEST_POINTS].tolist() == [0, 0]


def test_photos_that_nothing_verifies_are_given_more_error() -> None:
    answers, _ = world(300, 0)
    points = np.random.default_rng(1).integers(0, 80, (300, 4))
    given = with_points(answers, points)
    density = make_density(given, density_fit())
    clues = position_clues(given, density)
    assert clues.shape == (300, 4)
    assert heading_clues(given).shape == (300, 4)
    error = 400.0 / (1.0 + points.max(axis=1))
    fit = fit_scale(error, clues, np.ones(len(error)), np.zeros(len(error)))
    assert fit.slopes[3] > 0
    sure, lost = points.max(axis=1) > 60, points.max(axis=1) < 25
    size = expected(fit, clues, np.zeros(len(error)))
    assert np.median(size[lost]) > 1.5 * np.median(size[sure])


def test_without_points_there_are_three_clues() -> None:
    answers, _ = world(20, 0)
    assert position_clues(answers, make_density(answers, density_fit())).shape == (20, 3)
    assert heading_clues(answers).shape == (20, 3)


def test_a_fit_of_three_clues_goes_by_the_first_three() -> None:
    fit = ScaleFit(intercept=0.5, slopes=(1.0, 0.0, 2.0))
    clues = np.random.default_rng(0).normal(size=(5, 4))
    never = np.zeros(len(clues))
    np.testing.assert_array_equal(expected(fit, clues, never), expected(fit, clues[:, :3], never))
