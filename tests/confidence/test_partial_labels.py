"""Calibration of what is predicted, on the photos that have the label."""

from dataclasses import replace

import numpy as np
import pytest

from core.confidence.apply import Confidence, apply
from core.confidence.evidence import Evidence
from core.confidence.fit import Cases, fit_headings, fit_positions, fit_regions
from core.confidence.fit_refusal import fit_refusal
from core.confidence.ood import neighbour_features, network_features
from core.confidence.schema import Calibration
from core.geo import heading_error_deg
from tests.confidence.worlds import Invented, world

COMMON = {
    "answers": "made up", "split_hash": "0", "protocol": "spot", "part": "calibrate",
    "photos": 400, "groups": 200,
}  # fmt: skip


def without_positions_and_headings(answers: Invented) -> Invented:
    n = len(answers)
    nowhere, nothing = np.full((n, 2), np.nan), np.full(n, np.nan)
    return replace(
        answers, position_m=nowhere, position_refined_m=nowhere, heading_deg=nothing,
        heading_refined_deg=nothing, heading_length=nothing,
    )  # fmt: skip


def test_half_the_headings_give_a_wedge_that_holds_for_all() -> None:
    answers, known = world(800, 1)
    half = replace(known, heading_deg=np.where(np.arange(800) % 2, np.nan, known.heading_deg))
    rows = half.labelled("heading")
    assert rows.tolist() == list(range(0, 800, 2))
    heading = fit_headings(Cases.whole(answers.rows(rows), half.rows(rows)))
    calibration = Calibration(**COMMON, region=None, position=None, heading=heading)
    fresh, truth = world(2000, 2)
    confidence = apply(calibration, fresh)
    error = heading_error_deg(fresh.heading_refined_deg, truth.heading_deg)
    held = (error[:, None] <= confidence.wedge_deg).mean(axis=0)
    np.testing.assert_allclose(held, [0.5, 0.9], atol=0.05)
    assert np.isnan(confidence.radius_m).all()


def test_a_model_of_regions_has_probabilities_and_nothing_else() -> None:
    answers, known = world(400, 1)
    answers = without_positions_and_headings(answers)
    known = replace(known, region=np.where(np.arange(400) % 4 == 0, -1, known.region))
    region = fit_regions(answers.region_probabilities, known.region, known.groups)
    calibration = Calibration(**COMMON, region=region, position=None, heading=None)
    confidence = apply(calibration, answers)
    assert region.temperature > 2.0, "the invented network is three times too sure"
    assert confidence.region_probabilities.max() < answers.region_probabilities.max()
    assert confidence.density is None
    assert np.isnan(confidence.radius_m).all()
    assert np.isnan(confidence.wedge_deg).all()
    assert confidence.region_m(0, 0.9) is None
    halves = [confidence.rows(np.arange(0, 200)), confidence.rows(np.arange(200, 400))]
    again = Confidence.joined(halves)
    assert again.density is None
    np.testing.assert_array_equal(again.region_probabilities, confidence.region_probabilities)


def test_a_model_without_regions_is_calibrated_in_place() -> None:
    answers, known = world(400, 1)
    answers = replace(answers, region_probabilities=np.empty((400, 0)))
    known = replace(known, region=np.full(400, -1))
    position = fit_positions(Cases.whole(answers, known))
    calibration = Calibration(**COMMON, region=None, position=position, heading=None)
    fresh, truth = world(1000, 2)
    fresh = replace(fresh, region_probabilities=np.empty((1000, 0)))
    confidence = apply(calibration, fresh)
    away = np.hypot(*(fresh.position_refined_m - truth.position_m).T)
    held = (away[:, None] <= confidence.radius_m).mean(axis=0)
    np.testing.assert_allclose(held, [0.5, 0.9], atol=0.06)


def test_a_stored_calibration_names_what_it_lacks() -> None:
    answers, known = world(60, 1)
    heading = fit_headings(Cases.whole(answers, known))
    notes = ("Regions are not calibrated",)
    before = Calibration(**COMMON, region=None, position=None, heading=heading, notes=notes)
    stored = before.model_dump(mode="json")
    assert (stored["region"], stored["position"]) == (None, None)
    assert Calibration.model_validate(stored) == before


def evidence(heading_deg: list[float], region: list[int]) -> Evidence:
    """Three neighbours of one photo, the first of which weighs nearly all."""
    n = len(heading_deg)
    return Evidence(
        np.zeros((1, n, 2)), np.array([heading_deg]), np.array([region]),
        np.array([[0.9, 0.7, 0.7]]), np.zeros(n, np.int64), np.ones(1), np.zeros((1, 4)),
        np.zeros((1, 0)), (),
    )  # fmt: skip


def test_evidence_without_a_heading_or_region_has_no_weight_in_it() -> None:
    some = evidence([np.nan, 80.0, 100.0], [-1, 1, 0])
    np.testing.assert_allclose(some.labelled_weights("heading", 0.03), [[0.0, 0.5, 0.5]])
    mean, length = some.mean_heading(0.03)
    np.testing.assert_allclose(mean, [90.0])
    np.testing.assert_allclose(length, np.cos(np.deg2rad(10.0)))
    signals = neighbour_features(some, np.array([[0.2, 0.8]]), np.zeros((1, 2)), np.array([90.0]))
    np.testing.assert_allclose(signals["agree_region"], [0.5])
    np.testing.assert_allclose(signals["turned"], [-np.log(5.0)])
    assert all(np.isfinite(values).all() for values in signals.values())
    none = evidence([np.nan] * 3, [-1] * 3)
    signals = neighbour_features(none, np.array([[0.2, 0.8]]), np.zeros((1, 2)), np.array([90.0]))
    np.testing.assert_allclose(signals["agree_heading"], [0.0])
    np.testing.assert_allclose(signals["turned"], [-np.log(95.0)])


def test_signals_are_those_of_what_is_predicted() -> None:
    some = evidence([np.nan] * 3, [0, 1, 0])
    nothing = np.full(1, np.nan)
    signals = neighbour_features(
        some, np.array([[0.2, 0.8]]), np.full((1, 2), np.nan), nothing, ("region",)
    )
    signals |= network_features(np.array([[0.2, 0.8]]), nothing, np.ones((1, 3), "f"), ("region",))
    assert set(signals) == {
        "nearest", "near_5", "near_all", "agree_region", "region_certainty", "feature_length",
    }  # fmt: skip
    assert all(np.isfinite(values).all() for values in signals.values())


def test_a_model_of_regions_refuses_strange_photos() -> None:
    names = ("nearest", "agree_region")

    def photos(seed: int, shift: float) -> Invented:
        answers, _ = world(300, seed, names=names)
        assert answers.evidence is not None
        moved = replace(answers.evidence, signals=answers.evidence.signals - shift)
        return without_positions_and_headings(replace(answers, evidence=moved))

    genuine, strange = photos(1, 0.0), photos(2, 6.0)
    assert genuine.evidence is not None
    assert strange.evidence is not None
    refusal = fit_refusal(genuine.evidence, {"noise": strange.evidence}, np.arange(300))
    calibration = Calibration(**COMMON, region=None, position=None, heading=None, refusal=refusal)
    assert apply(calibration, photos(3, 0.0)).refused.mean() == pytest.approx(0.05, abs=0.05)
    assert apply(calibration, photos(4, 6.0)).refused.mean() > 0.95
