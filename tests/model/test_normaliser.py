"""Positions as the network learns them."""

import numpy as np
import pytest

from core.model.normaliser import Normaliser

RNG = np.random.default_rng(0)
CAMPUS_M = RNG.normal([100.0, -50.0], [80.0, 30.0], (4000, 2))


@pytest.mark.trap(name="targets clipped to the training box")
def test_round_trip_is_exact_to_the_millimetre_and_never_clips() -> None:
    normaliser = Normaliser.fit(CAMPUS_M)
    positions = np.array([[0.0, 0.0], [5000.0, -5000.0], [123.456, -7.89]])
    back = normaliser.to_metres(normaliser.normalise(positions))
    np.testing.assert_allclose(back, positions, rtol=1e-6, atol=1e-3)


def test_centre_and_spread_are_robust_estimates_of_mean_and_deviation() -> None:
    normaliser = Normaliser.fit(CAMPUS_M)
    np.testing.assert_allclose(normaliser.centre, [100.0, -50.0], atol=5.0)
    np.testing.assert_allclose(normaliser.spread, [80.0, 30.0], rtol=0.1)


@pytest.mark.trap(name="scalers fitted on more than the training part, or on an outlier")
def test_one_gross_error_moves_next_to_nothing() -> None:
    clean = Normaliser.fit(CAMPUS_M)
    soiled = Normaliser.fit(np.vstack([CAMPUS_M, [[6e7, 6e7]]]))
    np.testing.assert_allclose(soiled.centre, clean.centre, atol=0.2)
    np.testing.assert_allclose(soiled.spread, clean.spread, rtol=0.01)


def test_unit_box_is_the_range() -> None:
    normaliser = Normaliser.fit([[0.0, 10.0], [50.0, 30.0], [20.0, 15.0]], "unit_box")
    assert normaliser.normalise([[0.0, 10.0], [50.0, 30.0], [100.0, 0.0]]).tolist() == [
        [0.0, 0.0],
        [1.0, 1.0],
        [2.0, -0.5],
    ]


@pytest.mark.parametrize("target", ["metres", "unit_box"])
def test_photos_on_a_line_or_a_spot_still_have_a_spread(target: str) -> None:
    line = Normaliser.fit([[0.0, float(east)] for east in range(0, 90, 10)], target)  # type: ignore[arg-type]
    assert line.spread[0] == line.spread[1] > 10.0
    spot = Normaliser.fit([[3.0, 4.0]], target)  # type: ignore[arg-type]
    assert spot.spread == (1.0, 1.0)
    assert spot.normalise([[3.0, 4.0]]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("positions", [np.empty((0, 2)), np.zeros(3), np.zeros((3, 3))])
def test_wrong_shapes_are_refused(positions: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shape"):
        Normaliser.fit(positions)


def test_a_spread_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive spread"):
        Normaliser((0.0, 0.0), (1.0, 0.0))
