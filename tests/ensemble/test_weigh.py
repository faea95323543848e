"""Weights of members, on answers made up so that the best weights are known."""

from dataclasses import replace

import numpy as np
import pytest

from core.ensemble.weigh import softmax_of_scores, weigh
from core.evaluation.scores import ScoredPrediction, Truth
from core.geo import CoordinateFrame, Floats, LocalFrame, heading_unit, wrap_heading_deg
from core.inference.prediction import Prediction

PHOTOS = 200
FRAME = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))
IDS = tuple(f"p{number}" for number in range(PHOTOS))
REGIONS = ("1", "2", "3")


@pytest.fixture(scope="module")
def truth() -> Truth:
    rng = np.random.default_rng(0)
    position = rng.uniform(-100, 100, (PHOTOS, 2))
    return Truth(
        IDS, IDS, REGIONS, rng.integers(0, 3, PHOTOS), position, position,
        rng.uniform(0, 360, PHOTOS), np.full(PHOTOS, np.nan), FRAME.frame, FRAME,
    )  # fmt: skip


def member(truth: Truth, noise: Floats, turn_deg: Floats, sure: float) -> ScoredPrediction:
    """A member that is off by `noise` metres and `turn_deg` degrees."""
    n = len(truth)
    shares = np.full((n, 3), (1.0 - sure) / 2.0)
    shares[np.arange(n), truth.region] = sure
    none = np.empty((n, 0))
    heading = wrap_heading_deg(truth.heading_deg + turn_deg)
    position = truth.position_m + noise
    prediction = Prediction(
        IDS, IDS, REGIONS, {}, FRAME, shares, shares, position, position, heading, heading,
        np.ones(n), none.astype(np.int64), none, none, none.astype(np.int64),
        np.empty((n, 0), np.float32),
    )  # fmt: skip
    return ScoredPrediction(truth, prediction)


def noisy(truth: Truth, seed: int, metres: float, degrees: float, sure: float) -> ScoredPrediction:
    rng = np.random.default_rng(seed)
    n = len(truth)
    return member(truth, rng.normal(0, metres, (n, 2)), rng.normal(0, degrees, n), sure)


def test_the_score_is_0_for_perfect_answers(truth: Truth) -> None:
    perfect = member(truth, np.zeros((PHOTOS, 2)), np.zeros(PHOTOS), 1.0)
    assert perfect.errors.refined.score(80.0) == pytest.approx(0.0, abs=1e-12)
    off = member(truth, np.tile([80.0, 0.0], (PHOTOS, 1)), np.full(PHOTOS, 90.0), 0.0)
    assert off.errors.refined.score(80.0) == pytest.approx(1.0)


def test_less_is_better_and_the_temperature_sets_the_price() -> None:
    weights = softmax_of_scores(np.array([0.30, 0.35, 0.40]), 0.05)
    np.testing.assert_allclose(weights[:2] / weights[1:], np.e)
    assert weights.sum() == pytest.approx(1.0)
    assert softmax_of_scores(np.array([0.3, 0.4]), 1e-4).tolist() == [1.0, 0.0]


def test_uniform_asks_nobody(truth: Truth) -> None:
    judged = [noisy(truth, seed, 10.0 * (seed + 1), 20.0, 0.5) for seed in range(4)]
    assert weigh(judged, "uniform", 80.0, 0.05).values.tolist() == [0.25] * 4


def test_fitted_weights_go_to_the_better_and_to_no_noise(truth: Truth) -> None:
    good, other = (noisy(truth, seed, 10.0, 15.0, 0.8) for seed in (1, 2))
    noise = noisy(truth, 3, 300.0, 120.0, 0.1)
    found = weigh([good, other, noise], "fitted", 80.0, 0.05)
    assert found.values[2] == 0.0
    assert found.values[:2].min() > 0.35
    assert found.values.sum() == pytest.approx(1.0)
    assert f"{PHOTOS} validation photos" in found.rule


def test_fitted_weights_are_the_least_of_their_objective(truth: Truth) -> None:
    """Errors of +a and -b metres, equal otherwise, cancel where the weights are b : a."""
    north = np.tile([30.0, 0.0], (PHOTOS, 1))
    south = np.tile([-10.0, 0.0], (PHOTOS, 1))
    judged = [member(truth, error, np.zeros(PHOTOS), 0.8) for error in (north, south)]
    np.testing.assert_allclose(weigh(judged, "fitted", 80.0, 0.05).values, [0.25, 0.75], atol=1e-3)


def test_fitting_is_deterministic_and_says_what_it_is_worth(truth: Truth) -> None:
    twins = [noisy(truth, seed, 20.0, 30.0, 0.6) for seed in range(3)]
    first, again = (weigh(twins, "fitted", 80.0, 0.05) for _ in range(2))
    assert first.values.tolist() == again.values.tolist()
    assert "not fitted to" in first.notes[0]
    unequal = [*twins[:1], noisy(truth, 9, 300.0, 120.0, 0.1)]
    assert "are better than equal ones" in weigh(unequal, "fitted", 80.0, 0.05).notes[0]


def test_few_photos_are_said_to_be_few(truth: Truth) -> None:
    few = replace(
        truth, photo_ids=IDS[:5], filenames=IDS[:5], region=truth.region[:5],
        labels=truth.labels[:5], position_m=truth.position_m[:5],
        heading_deg=truth.heading_deg[:5], minute=truth.minute[:5],
    )  # fmt: skip
    judged = []
    for seed in (1, 2):
        whole = noisy(truth, seed, 10.0, 10.0, 0.7).prediction
        part = replace(
            whole, photo_ids=IDS[:5], filenames=IDS[:5],
            **{name: value[:5] for name, value in vars(whole).items()
               if isinstance(value, np.ndarray)},
        )  # fmt: skip
        judged.append(ScoredPrediction(few, part))
    assert "too few" in weigh(judged, "fitted", 80.0, 0.05).notes[0]


def assert_nearest_to_north(judged: list[ScoredPrediction]) -> None:
    """Check the weights of members that turn by 10 and by -40 degrees."""
    first, second, true = heading_unit([10.0, -40.0, 0.0])
    between = first - second
    share = (true - second) @ between / (between @ between)
    found = weigh(judged, "fitted", 80.0, 0.05).values
    np.testing.assert_allclose(found, [share, 1.0 - share], atol=1e-3)


def test_fitted_weights_bring_headings_nearest_to_the_truth(truth: Truth) -> None:
    """Of two unit vectors, the point between them that is nearest to the true one."""
    nowhere = np.zeros((PHOTOS, 2))
    judged = [member(truth, nowhere, np.full(PHOTOS, turn), 0.8) for turn in (10.0, -40.0)]
    assert_nearest_to_north(judged)


def test_half_the_headings_weigh_members_as_these_photos_do(truth: Truth) -> None:
    """Members differ in headings only, so photos without one cannot move the weights."""
    half = replace(truth, heading_deg=np.where(np.arange(PHOTOS) % 2, np.nan, truth.heading_deg))
    nowhere = np.zeros((PHOTOS, 2))
    # On photos without a heading a member's own would pull the weights the other way.
    turns = [np.where(np.arange(PHOTOS) % 2, 150.0, 10.0), np.full(PHOTOS, -40.0)]
    judged = [
        ScoredPrediction(half, member(truth, nowhere, turn, 0.8).prediction) for turn in turns
    ]
    assert_nearest_to_north(judged)


def test_members_without_regions_or_headings_are_weighed_by_position(truth: Truth) -> None:
    north = np.tile([30.0, 0.0], (PHOTOS, 1))
    south = np.tile([-10.0, 0.0], (PHOTOS, 1))
    judged = []
    for error in (north, south):
        whole = member(truth, error, np.zeros(PHOTOS), 0.8).prediction
        nothing, none = np.full(PHOTOS, np.nan), np.empty((PHOTOS, 0))
        part = replace(
            whole, regions=(), region_probabilities=none, region_head=none, heading_deg=nothing,
            heading_refined_deg=nothing, heading_length=nothing, labels=("position",),
        )  # fmt: skip
        judged.append(ScoredPrediction(truth, part))
    fitted = weigh(judged, "fitted", 80.0, 0.05)
    np.testing.assert_allclose(fitted.values, [0.25, 0.75], atol=1e-3)
    assert "position error / 80 m, of refined answers" in fitted.rule
    assert "region" not in fitted.rule
    scored = weigh(judged, "softmax", 80.0, 0.25)
    # Scores of 30/80 and 10/80: a quarter apart, which at this temperature is a factor of e.
    assert scored.values[1] / scored.values[0] == pytest.approx(np.e)
    assert "the mean of median position error / 80 m, refined" in scored.rule
