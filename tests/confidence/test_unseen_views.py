"""Promises where nobody photographed: half of the photos have no training photo near them."""

import numpy as np
import pytest

from core.confidence.apply import Confidence, apply, factors, log_odds, position_clues
from core.confidence.density import make_density
from core.confidence.fit import Cases, GroundTruth, fit_headings, fit_positions
from core.confidence.fit_sizes import MOST_RANGES, PHOTOS_A_RANGE, fit_sizes
from core.confidence.overlap import UNSEEN_FROM
from core.confidence.schema import LEVELS, NO_GROWTH, Calibration, SizeCurve
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


def sizes(
    scores: np.ndarray, chance: np.ndarray, out: np.ndarray, farthest: np.ndarray
) -> np.ndarray:
    """Fitted sizes `(n, levels)` of the same photos."""
    least, curves = fit_sizes(scores, chance, out, farthest)
    return np.array(least, float) * factors(NO_GROWTH, curves, chance, 1.0)


def test_the_largest_radius_is_held_beside_all_of_them_together() -> None:
    """Three of four cases need sizes like those of seen views, the farthest six times as much."""
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=(5, 400)) * [[1.0], [1.0], [1.0], [1.0], [6.0]]
    unseen_share = np.repeat([0.05, 0.9], [400, 1600])
    out, far = np.arange(2000) >= 400, np.arange(2000) >= 1600

    def shares(farthest: np.ndarray) -> np.ndarray:
        """Shares `(5, levels)` of the scores that are held, by case."""
        size = sizes(scores.ravel(), unseen_share, out, farthest).reshape(5, 400, 2)
        return (scores[:, :, None] <= size).mean(axis=1)

    held, once = shares(far), shares(np.zeros(2000, bool))
    np.testing.assert_allclose(held[0], LEVELS, atol=0.03)
    assert (held[4] > np.array(LEVELS) - 0.03).all()
    assert once[4, 0] < 0.3, "all of them together hide the hardest"
    assert (held[1:4] >= once[1:4]).all()


def test_sizes_hold_in_every_quarter_of_the_chance() -> None:
    """The surest quarter needs a tenth of the size of the least sure, and unseen views more."""
    rng = np.random.default_rng(1)
    chance = np.concatenate([rng.uniform(0.02, 0.6, 2000), rng.uniform(0.5, 0.99, 2000)])
    out = np.arange(4000) >= 2000
    need = np.where(out, 30.0, 10.0 ** (chance / 0.6))
    scores = need * rng.exponential(size=4000)
    fitted = sizes(scores[::2], chance[::2], out[::2], out[::2])
    order = np.argsort(chance[::2])
    fresh = np.stack(
        [np.interp(chance[1::2], chance[::2][order], size[order]) for size in fitted.T], axis=1
    )
    held = scores[1::2, None] <= fresh
    quarters = np.array_split(np.argsort(chance[1:2000:2]), 4)
    surer = [held[:1000][rows].mean(axis=0) for rows in quarters[:2]]
    np.testing.assert_allclose(surer, [LEVELS] * 2, atol=0.08)
    np.testing.assert_allclose(held[:1000].mean(axis=0), LEVELS, atol=0.05)
    assert (held[1000:].mean(axis=0) > np.array(LEVELS) - 0.05).all()
    assert (fitted[:, 0] <= fitted[:, 1]).all()
    once = scores[:2000][np.argsort(chance[:2000])[:500]] <= np.quantile(scores[:2000], LEVELS[0])
    assert once.mean() > 0.7, "one size for all holds the surest too often"


def test_few_photos_are_one_range_and_none_left_out_is_one_size() -> None:
    rng = np.random.default_rng(2)
    n = 2 * PHOTOS_A_RANGE - 1
    chance, out = rng.uniform(0.1, 0.9, 2 * n), np.arange(2 * n) >= n
    scores = rng.exponential(size=2 * n)
    _, curves = fit_sizes(scores, chance, out, out)
    assert curves is not None
    assert all(np.ptp(np.diff(curve.log_factor[:3])) < 0.1 for curve in curves)
    pair, nothing = fit_sizes(scores[:9], chance[:9], out[:9], out[:9])
    assert nothing is None
    assert pair == (np.sort(scores[:9])[4], scores[:9].max())
    many = fit_sizes(np.tile(scores, 20), np.tile(chance, 20), np.tile(out, 20), np.tile(out, 20))
    assert many[1] is not None
    assert len(many[1][0].log_odds) > len(curves[0].log_odds) + MOST_RANGES - 2
    low, high = fit_sizes(scores[n - 5 :], chance[n - 5 :], out[n - 5 :], out[n - 5 :])[0]
    assert low is not None
    assert high is None, "five photos hold no size nine times in ten"


def test_a_curve_is_linear_between_its_knots_and_flat_beyond() -> None:
    curve = SizeCurve(log_odds=(-1.0, 1.0), log_factor=(0.0, 2.0))
    chance = 1.0 / (1.0 + np.exp([3.0, 1.0, 0.0, -1.0, -3.0]))
    found = factors(NO_GROWTH, (curve, curve), chance, 1.0)
    np.testing.assert_allclose(log_odds(chance), [-3.0, -1.0, 0.0, 1.0, 3.0])
    np.testing.assert_allclose(
        found, np.exp([[0.0] * 2, [0.0] * 2, [1.0] * 2, [2.0] * 2, [2.0] * 2])
    )
    with pytest.raises(ValueError, match="ascending"):
        SizeCurve(log_odds=(1.0, -1.0), log_factor=(0.0, 2.0))


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
def test_sizes_of_the_second_version_grow_with_the_power_that_the_file_names(
    both_cases: Calibration, power: float | None
) -> None:
    """A file of before the power was named means 1."""
    answers, _ = world(40, 6, names=NAMES)
    steepness = (0.7, 1.9)
    stored = both_cases.model_dump(exclude={"growth_power"}) | {"schema_version": 2}
    stored["heading"] = {
        key: value for key, value in stored["heading"].items() if key != "ratio_curves"
    } | {"ratio_growth": steepness}
    named = Calibration.model_validate(stored | ({} if power is None else {"growth_power": power}))
    found = apply(named, answers)
    assert named.heading is not None
    flat = named.heading.model_copy(update={"ratio_growth": NO_GROWTH})
    plain = apply(named.model_copy(update={"heading": flat}), answers)
    factor = np.stack(
        [1.0 + found.unseen ** (power or 1.0) * np.expm1(s) for s in steepness], axis=1
    )
    assert (factor > 1.0).any()
    wedge = np.minimum(plain.wedge_deg * factor, 180.0)
    np.testing.assert_allclose(found.wedge_deg[wedge < 180.0], wedge[wedge < 180.0])
