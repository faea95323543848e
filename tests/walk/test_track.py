from itertools import product

import numpy as np
import pytest

from core.confidence.schema import LEVELS
from core.geo import Floats, distance_m
from core.walk.observation import CREDIT, Grid, observe, rasterised, recalibrated
from core.walk.times import order_of_files, order_of_times
from core.walk.track import Motion, marginals, most_probable_path
from core.walk.walk import make_walk
from tests.walk.walks import straight, walk_prediction

GRID = Grid(np.arange(3) * 5.0, np.arange(4) * 5.0, 5.0)
MOTION = Motion(limit_mps=1.0, slack_m=2.0, jump=0.01)
PAUSES = np.array([4.0, 10.0])


def steps(pause: float) -> Floats:
    """Every cell's probabilities of the next `(cells, cells)`, straight from the definition."""
    away = np.linalg.norm(GRID.middles_m[:, None] - GRID.middles_m[None], axis=2)
    north, east = np.meshgrid(np.arange(-2, 3) * 5.0, np.arange(-3, 4) * 5.0)
    whole = MOTION.kernel(np.hypot(north, east), pause, 1.0).sum()
    return (1.0 - MOTION.jump) * MOTION.kernel(away, pause, 1.0) / whole + MOTION.jump / 12


@pytest.fixture
def seen() -> np.ndarray:
    cells = np.random.default_rng(1).gamma(0.3, size=(3, 3, 4)).astype(np.float32)
    return cells / cells.sum(axis=(1, 2), keepdims=True)


def paths(seen: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of every path of three photos over the twelve cells."""
    flat, moves = seen.reshape(3, 12).astype(float), [steps(pause) for pause in PAUSES]
    return {
        (a, b, c): flat[0, a] * moves[0][a, b] * flat[1, b] * moves[1][b, c] * flat[2, c]
        for a, b, c in product(range(12), repeat=3)
    }


def test_marginals_are_those_of_all_paths(seen: np.ndarray) -> None:
    expected = np.zeros((3, 12))
    for path, probability in paths(seen).items():
        expected[np.arange(3), path] += probability
    expected /= expected.sum(axis=1, keepdims=True)
    found = marginals(seen, GRID, PAUSES, 1.0, MOTION).reshape(3, 12)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_the_path_is_the_most_probable_of_all(seen: np.ndarray) -> None:
    every = paths(seen)
    share = marginals(seen, GRID, PAUSES, 1.0, MOTION)
    found = tuple(most_probable_path(seen, share, GRID, PAUSES, 1.0, MOTION).tolist())
    assert found == max(every, key=lambda path: every[path])


def test_observations_hold_what_the_areas_promise() -> None:
    prediction = walk_prediction(np.zeros((1, 1, 2)), np.ones((1, 1)), mass=(0.2, 0.6))
    confidence = prediction.confidence
    assert confidence is not None
    assert confidence.density is not None
    grid = Grid.about(np.zeros((1, 2)), 1.0, 1)
    share = rasterised(confidence.density, 0, grid)
    told = recalibrated(share, np.array([0.2, 0.6]))
    order = np.argsort(-share.ravel(), kind="stable")
    filled = np.cumsum(share.ravel()[order])
    for mass, level in ((0.2, LEVELS[0]), (0.6, LEVELS[1])):
        inside = order[: np.searchsorted(filled, mass) + 1]
        # Half of the tenth outside the areas is spread over all cells, a few of them inside.
        assert told.ravel()[inside].sum() == pytest.approx(level, abs=2e-3)
    credited = told**CREDIT
    np.testing.assert_allclose(observe(confidence, grid)[0], credited / credited.sum(), rtol=1e-5)


def test_a_photo_that_points_elsewhere_is_overruled_by_its_neighbours() -> None:
    truth = straight(6, 12.0)
    elsewhere = np.array([40.0, 160.0])
    centre = np.stack([truth, np.tile(elsewhere, (6, 1))], axis=1)
    weight = np.tile([1.0, 0.0], (6, 1))
    weight[3] = [0.3, 0.7]
    walk = make_walk(walk_prediction(centre, weight), order_of_files(6, 30.0), truth)
    assert distance_m(walk.position_m, truth).max() < 8.0
    assert walk.flags == ((), (), (), ("overruled",), (), ())
    assert (walk.segment == 0).all()
    # Alone, the photo could be at either place; between its neighbours it is at one.
    assert walk.radius_m[3, 1] < 40.0
    alone = make_walk(walk_prediction(centre[3:4], weight[3:4]), order_of_files(1, 30.0), truth)
    assert alone.radius_m[0, 1] > 100.0
    assert distance_m(alone.position_m, elsewhere[None])[0] < 3.0


def test_a_step_beyond_the_speed_limit_is_a_jump_and_a_pause_is_none() -> None:
    truth = straight(10, 10.0)
    truth[5:, 1] += 400.0
    prediction = walk_prediction(truth[:, None], np.ones((10, 1)))
    fast = make_walk(prediction, order_of_files(10, 20.0), truth)
    assert fast.flags == ((), (), (), (), (), ("jump",), (), (), (), ())
    assert fast.segment.tolist() == [0] * 5 + [1] * 5
    assert distance_m(fast.position_m, truth).max() < 8.0
    times = [f"10:{minute:02d}:00" for minute in (0, 1, 2, 3, 4, 30, 31, 32, 33, 34)]
    slow = make_walk(prediction, order_of_times(times, prediction.filenames), truth)
    assert slow.flags == ((),) * 10
    assert slow.segment.tolist() == [0] * 5 + [1] * 5


def test_refused_photos_and_those_without_a_time_are_left_out() -> None:
    truth = straight(4, 5.0)
    refused = np.array([False, True, False, False])
    prediction = walk_prediction(truth[:, None], np.ones((4, 1)), refused=refused)
    moments = order_of_times(["10:00:00", "10:00:20", "", "10:00:40"], prediction.filenames)
    walk = make_walk(prediction, moments, truth)
    assert walk.rows.tolist() == [0, 3]
    assert walk.flags == ((), ("refused",), ("no time",), ())
    kept = make_walk(prediction, moments, truth, keep_refused=True)
    assert kept.rows.tolist() == [0, 1, 3]
    # It says nothing itself: photos before and after it place it.
    assert kept.flags[1] == ("refused",)
    assert 0.0 < kept.position_m[1, 0] < 15.0


def test_radii_of_smoothed_positions_hold_what_they_promise() -> None:
    """Errors as calibrated, every eighth answer a wrong place: 90 % in 90 % of photos or more."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(15):
        truth = np.cumsum(rng.normal(0.0, 8.0, (8, 2)), axis=0)
        centre = truth + rng.normal(0.0, 6.0, truth.shape)
        lost = rng.random(8) < 0.08
        centre[lost] += rng.uniform(-150.0, 150.0, (int(lost.sum()), 2))
        prediction = walk_prediction(centre[:, None], np.ones((8, 1)))
        walk = make_walk(prediction, order_of_files(8, 30.0), truth)
        inside.append(distance_m(walk.position_m, truth)[:, None] <= walk.radius_m)
    shares = np.concatenate(inside).mean(axis=0)
    assert shares[0] >= LEVELS[0]
    assert shares[1] >= LEVELS[1]
