"""Promises where nobody photographed: half of the photos have no training photo near them."""

import numpy as np
import pytest

from core.confidence.apply import Confidence, apply, growth, position_clues
from core.confidence.density import make_density
from core.confidence.fit import (
    GROWTH_POWER,
    Cases,
    GroundTruth,
    fit_headings,
    fit_positions,
    grown_quantiles,
)
from core.confidence.overlap import UNSEEN_FROM
from core.confidence.schema import LEVELS, Calibration
from core.errors import CheckpointError
from core.geo import distance_m, heading_error_deg
from tests.confidence.worlds import Invented, density_fit, together, unseen, world

NAMES = ("nearest", "near_all", "best_points")
LOWER = 4.0


def calibration(answers: Invented, known: GroundTruth, out: np.ndarray) -> Calibration:
    cases = Cases.of(answers, known, out)
    return Calibration(
        answers="made up", split_hash="0", protocol="spot", part="calibrate",
        photos=int((~out).sum()), groups=len(np.unique(known.groups)), region=None,
        position=fit_positions(cases), heading=fit_headings(cases), overlap=cases.overlap(),
        growth_power=GROWTH_POWER,
    )  # fmt: skip


@pytest.fixture(scope="module")
def one_case() -> Calibration:
    answers, known = world(300, 1, names=NAMES)
    return calibration(answers, known, np.zeros(300, bool))


@pytest.fixture(scope="module")
def both_cases() -> Calibration:
    answers, known = world(300, 1, names=NAMES)
    both = together(answers, unseen(answers, known, LOWER))
    return calibration(both, known.rows(np.tile(np.arange(300), 2)), np.arange(600) >= 300)


def coverage(trust: Confidence, answers: Invented, known: GroundTruth) -> np.ndarray:
    """Shares `(3, levels)` of truths within radius, area and wedge."""
    assert trust.density is not None
    here = trust.density.at(known.position_m[:, None])[:, 0]
    error_m = distance_m(answers.position_refined_m, known.position_m)
    error_deg = heading_error_deg(answers.heading_refined_deg, known.heading_deg)
    return np.array(
        [
            (error_m[:, None] <= trust.radius_m).mean(axis=0),
            [(here >= height).mean() for height in trust.heights],
            (error_deg[:, None] <= trust.wedge_deg).mean(axis=0),
        ]
    )


@pytest.mark.trap(name="a promise made where people photographed, kept nowhere else")
def test_promises_hold_in_both_halves_only_with_the_second_case(
    one_case: Calibration, both_cases: Calibration
) -> None:
    answers, known = world(1000, 2, names=NAMES)
    for seen in (True, False):
        half = answers if seen else unseen(answers, known, LOWER)
        np.testing.assert_allclose(
            coverage(apply(both_cases, half), half, known), [[0.5, 0.9]] * 3, atol=0.09
        )
        once = coverage(apply(one_case, half), half, known)
        if seen:
            np.testing.assert_allclose(once, [[0.5, 0.9]] * 3, atol=0.09)
        else:
            assert (once[:2] < [0.3, 0.8]).all()


def test_the_largest_radius_is_held_beside_all_of_them_together() -> None:
    """Three of four cases need sizes like those of seen views, the farthest six times as much."""
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=(5, 400)) * [[1.0], [1.0], [1.0], [1.0], [6.0]]
    unseen_share = np.repeat([0.05, 0.9], [400, 1600])
    answers, known = world(400, 1, names=NAMES)
    out, far = np.arange(2000) >= 400, np.arange(2000) >= 1600
    five = together(together(answers, answers), together(answers, together(answers, answers)))
    rows = known.rows(np.tile(np.arange(400), 5))

    def shares(farthest: np.ndarray) -> np.ndarray:
        """Shares `(5, levels)` of the scores that are held, by case."""
        cases = Cases.of(five, rows, out, farthest)
        quantiles, steepness = grown_quantiles(scores.ravel(), unseen_share, cases)
        chance = unseen_share**GROWTH_POWER
        sizes = [q * growth(chance, s) for q, s in zip(quantiles, steepness, strict=True)]
        return np.stack([(scores <= size.reshape(5, 400)).mean(axis=1) for size in sizes], axis=1)

    held, once = shares(far), shares(out)
    np.testing.assert_allclose(held[0], LEVELS, atol=0.03)
    assert (held[4] > np.array(LEVELS) - 0.03).all()
    assert once[4, 0] < 0.3, "all of them together hide the hardest"
    assert (held[1:4] >= once[1:4]).all()


def test_an_unseen_view_is_named(both_cases: Calibration, one_case: Calibration) -> None:
    answers, known = world(400, 3, names=NAMES)
    near = apply(both_cases, answers)
    far = apply(both_cases, unseen(answers, known, LOWER))
    assert (near.unseen >= UNSEEN_FROM).mean() < 0.1
    assert (far.unseen >= UNSEEN_FROM).mean() > 0.8
    assert "No training photo" in far.unseen_note(int(far.unseen.argmax()))
    assert near.unseen_note(int(near.unseen.argmin())) is None
    assert apply(one_case, answers).unseen_note(0) is None
    assert (far.radius_m > 1.5 * near.radius_m).mean() > 0.9


def test_signals_without_information_widen_little(both_cases: Calibration) -> None:
    """Without clues the promise for ordinary photos comes first."""
    answers, known = world(300, 1, names=NAMES)
    both = together(answers, unseen(answers, known, 0.0))
    rows = known.rows(np.tile(np.arange(300), 2))
    blind = calibration(both, rows, np.arange(600) >= 300)
    fresh, truth = world(1000, 4, names=NAMES)
    np.testing.assert_allclose(
        coverage(apply(blind, fresh), fresh, truth)[[0, 2]], [[0.5, 0.9]] * 2, atol=0.09
    )


def test_an_ensemble_without_the_signals_is_refused(both_cases: Calibration) -> None:
    answers, _ = world(20, 5, names=NAMES[:1])
    with pytest.raises(CheckpointError, match=r"near_all.*calibrate"):
        apply(both_cases, answers)


def test_a_calibration_of_the_first_version_applies_as_before() -> None:
    """Radius, wedge and area come from the fields that version 1 has, whatever the signals say."""
    answers, _ = world(40, 6, names=NAMES)
    scale = {"intercept": 1.0, "slopes": (0.5, 0.1, 0.2)}
    stored = {
        "schema_version": 1, "answers": "x", "split_hash": "0", "protocol": "spot", "part": "val",
        "photos": 40, "groups": 20, "region": None,
        "position": {
            "density": density_fit().model_dump(), "mass": (0.4, 0.8), "scale": scale,
            "ratio": (1.0, 3.0),
        },
        "heading": {"scale": scale, "ratio": (1.0, 3.0)},
    }  # fmt: skip
    found = apply(Calibration.model_validate(stored), answers)
    density = make_density(answers, density_fit())
    clues = position_clues(answers, density)[:, :3]
    size = np.exp(1.0 + clues @ [0.5, 0.1, 0.2])
    np.testing.assert_array_equal(found.radius_m, size[:, None] * np.array([1.0, 3.0]))
    np.testing.assert_array_equal(found.heights[1], density.threshold(0.8))
    assert not found.unseen.any()
    assert found.unseen_note(0) is None


@pytest.mark.parametrize("power", [None, 1.0, 2.0])
def test_sizes_grow_with_the_power_that_the_file_names(
    both_cases: Calibration, power: float | None
) -> None:
    """A file of before the power was named means 1."""
    answers, _ = world(40, 6, names=NAMES)
    stored = both_cases.model_dump(exclude={"growth_power"})
    named = Calibration.model_validate(stored | ({} if power is None else {"growth_power": power}))
    found = apply(named, answers)
    assert named.heading is not None
    flat = named.heading.model_copy(update={"ratio_growth": (0.0, 0.0)})
    plain = apply(named.model_copy(update={"heading": flat}), answers)
    factor = np.stack(
        [1.0 + found.unseen ** (power or 1.0) * np.expm1(s) for s in named.heading.ratio_growth],
        axis=1,
    )
    assert (factor > 1.0).any()
    wedge = np.minimum(plain.wedge_deg * factor, 180.0)
    np.testing.assert_allclose(found.wedge_deg[wedge < 180.0], wedge[wedge < 180.0])
