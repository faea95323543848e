import numpy as np
import pytest
from scipy.stats import binom

from core.confidence.apply import Confidence, apply
from core.confidence.fit import (
    Cases,
    GroundTruth,
    calibration_metrics,
    fit_headings,
    fit_positions,
    fit_regions,
    fold_rows,
)
from core.confidence.schema import LEVELS, Calibration
from core.geo import distance_m, heading_error_deg
from tests.confidence.worlds import Invented, world

N = 400


def fitted(answers: Invented, known: GroundTruth) -> Calibration:
    return Calibration(
        answers="made up", split_hash="0", protocol="spot", part="calibrate",
        photos=len(known.groups), groups=len(np.unique(known.groups)),
        region=fit_regions(answers.region_probabilities, known.region, known.groups),
        position=fit_positions(Cases.whole(answers, known)),
        heading=fit_headings(Cases.whole(answers, known)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fitted(*world(N, 1))


def held(trust: Confidence, answers: Invented, known: GroundTruth, index: int) -> list[int]:
    """How many truths lie within radius, wedge and region at a level."""
    error_m = distance_m(answers.position_refined_m, known.position_m)
    error_deg = heading_error_deg(answers.heading_refined_deg, known.heading_deg)
    heights = trust.heights[index]
    assert heights is not None
    within = trust.density.at(known.position_m[:, None])[:, 0] >= heights
    return [
        int((error_m <= trust.radius_m[:, index]).sum()),
        int((error_deg <= trust.wedge_deg[:, index]).sum()),
        int(within.sum()),
    ]


@pytest.mark.trap(
    name="certainty calibrated on photos that were trained on, or promised from too few"
)
@pytest.mark.parametrize("index", [0, 1])
def test_promises_hold_for_photos_like_those_calibrated_on(
    calibration: Calibration, index: int
) -> None:
    answers, known = world(2000, 2)
    counts = held(apply(calibration, answers), answers, known, index)
    # Over the draw of 400 calibration photos the coverage itself moves: wider than binomial alone.
    spread = np.sqrt(LEVELS[index] * (1 - LEVELS[index]) / N)
    low = binom.ppf(0.001, 2000, LEVELS[index] - 3 * spread)
    high = binom.ppf(0.999, 2000, min(LEVELS[index] + 3 * spread, 1.0))
    assert all(low <= count <= high for count in counts), counts


@pytest.mark.trap(
    name="certainty calibrated on photos that were trained on, or promised from too few"
)
def test_promises_visibly_fail_on_shifted_photos(calibration: Calibration) -> None:
    answers, known = world(1000, 3, shift_m=60.0)
    counts = held(apply(calibration, answers), answers, known, 1)
    assert all(count < 800 for count in counts), counts


def test_doubtful_photos_get_wider_radii(calibration: Calibration) -> None:
    answers, known = world(1000, 4)
    trust = apply(calibration, answers)
    error = distance_m(answers.position_refined_m, known.position_m)
    wide = trust.radius_m[:, 1] > np.median(trust.radius_m[:, 1])
    assert np.median(error[wide]) > 2.0 * np.median(error[~wide])
    assert (trust.radius_m[:, 0] < trust.radius_m[:, 1]).all()
    assert trust.wedge_deg.max() <= 180.0


@pytest.mark.trap(
    name="certainty calibrated on photos that were trained on, or promised from too few"
)
def test_too_few_photos_promise_nothing_at_ninety_percent() -> None:
    answers, known = world(8, 5)
    trust = apply(fitted(answers, known), answers)
    assert np.isnan(trust.radius_m[:, 1]).all()
    assert np.isfinite(trust.radius_m[:, 0]).all()
    assert trust.region_m(0, 0.9) is None


def test_temperature_makes_probabilities_honest(calibration: Calibration) -> None:
    # The invented network is three times too sure of itself; order must not change.
    assert calibration.region.temperature > 2.0
    answers, known = world(3000, 6)
    trust = apply(calibration, answers)
    before = calibration_metrics(answers.region_probabilities, known.region)
    after = calibration_metrics(trust.region_probabilities, known.region)
    assert after["ece"] < 0.5 * before["ece"]
    assert after["nll"] < before["nll"]
    assert (trust.region_probabilities.argmax(1) == answers.region_probabilities.argmax(1)).all()
    assert calibration.region.after["nll"] < calibration.region.before["nll"]


def test_a_spot_is_never_parted_by_folds() -> None:
    groups = np.array([0, 0, 1, 1, 2, 3, 3, 3, 4, 5])
    seen = []
    for train, test in fold_rows(groups):
        assert not set(groups[train]) & set(groups[test])
        seen += test.tolist()
    assert sorted(seen) == list(range(10))


def test_honesty_of_a_known_case() -> None:
    shares = np.array([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]])
    found = calibration_metrics(shares, np.array([0, 0, 0, 0, 1]))
    assert found["ece"] == pytest.approx(0.0, abs=1e-12)
    assert found["brier"] == pytest.approx(4 / 5 * 0.08 + 1 / 5 * 1.28)
