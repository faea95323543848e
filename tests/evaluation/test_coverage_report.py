from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy.spatial.distance import cdist

from core.confidence.apply import Confidence
from core.dataset.store import prepare_dataset
from core.evaluation.coverage import Unseen, coverage_report, risk_coverage
from core.evaluation.evaluate import evaluate, predict_cases, predict_selection
from core.evaluation.intervals import share_interval
from core.evaluation.report_coverage import CoverageReport
from core.evaluation.schema import EvaluateConfig
from core.evaluation.scores import ScoredPrediction
from core.evaluation.selection import select
from core.inference.loading import load_predictor


@pytest.fixture(scope="module")
def scored(calibrated: Path, shared_campus: Path) -> ScoredPrediction:
    """All photos of the tiny campus, by a model that was calibrated on some that it was taught."""
    predictor = load_predictor(calibrated)
    dataset, store = prepare_dataset(shared_campus, predictor.store_size)
    selection = select(dataset, predictor, "all")
    return ScoredPrediction(selection.truth, predict_selection(predictor, store, selection, 64))


@pytest.fixture
def trust(scored: ScoredPrediction) -> Confidence:
    assert scored.prediction.confidence is not None
    return scored.prediction.confidence


def test_coverage_is_the_share_of_truths_that_are_held(
    scored: ScoredPrediction, trust: Confidence
) -> None:
    found = coverage_report(scored, {"1": "Gate"})
    assert found is not None
    radius = found.overall.radius[1]
    inside = scored.error_refined_m <= trust.radius_m[:, 1]
    assert radius.measured == pytest.approx(inside.mean())
    assert radius.interval[0] <= radius.measured <= radius.interval[1]
    assert radius.mean_radius_m == pytest.approx(trust.radius_m[:, 1].mean())
    regions = found.per_region
    assert regions["1"].name == "Gate"
    assert sum(part.n for part in regions.values()) == found.overall.n == 48
    mean = sum(part.n * part.wedge[0].measured for part in regions.values()) / 48
    assert mean == pytest.approx(found.overall.wedge[0].measured)


def test_refused_photos_stay_in_the_main_figures(
    scored: ScoredPrediction, trust: Confidence
) -> None:
    some = np.arange(48) < 10
    told = replace(scored.prediction, confidence=replace(trust, refused=some))
    found = coverage_report(ScoredPrediction(scored.truth, told), {})
    assert found is not None
    assert found.overall.n == 48
    assert found.accepted.n == 38
    assert found.refused.share == pytest.approx(10 / 48)
    assert found.accepted.median_m == pytest.approx(np.median(scored.error_refined_m[10:]))


def test_what_is_unknown_is_not_counted_as_held(
    scored: ScoredPrediction, trust: Confidence
) -> None:
    radius = trust.radius_m.copy()
    radius[:, 1] = np.nan
    told = replace(scored.prediction, confidence=replace(trust, radius_m=radius))
    found = coverage_report(ScoredPrediction(scored.truth, told), {})
    assert found is not None
    assert found.overall.radius[1].measured is None
    assert found.overall.radius[0].measured is not None


def test_without_calibration_there_is_no_section(scored: ScoredPrediction) -> None:
    told = replace(scored.prediction, confidence=None)
    assert coverage_report(ScoredPrediction(scored.truth, told), {}) is None


def test_photos_of_one_visit_are_less_sure_than_as_many_visits(
    scored: ScoredPrediction, trust: Confidence
) -> None:
    held = np.where(np.arange(48) < 36, 1e9, 0.0)
    told = ScoredPrediction(
        scored.truth,
        replace(
            scored.prediction, confidence=replace(trust, radius_m=np.stack([held, held], axis=1))
        ),
    )
    alone, together = (
        coverage_report(told, {}, groups) for groups in (np.arange(48), np.arange(48) // 6)
    )
    assert alone is not None
    assert together is not None
    first, second = (found.overall.radius[1] for found in (alone, together))
    assert first.measured == second.measured == 0.75
    assert second.interval[0] < first.interval[0] - 0.1
    assert second.interval[1] > first.interval[1]


def test_the_intervals_of_a_report_go_by_the_visits_that_were_asked_for(
    calibrated: Path, shared_campus: Path, tmp_path: Path
) -> None:
    found = evaluate(
        EvaluateConfig(
            run=calibrated,
            dataset=shared_campus,
            out=tmp_path,
            split="all",
            plots=False,
            by="visit",
        )
    )
    promised, table = found.report.coverage.overall.radius[0], found.table
    held = (table["error_refined_m"] <= table["radius_50_m"]).to_numpy()
    visits = pd.factorize(table["visit"])[0]
    assert promised.interval == pytest.approx(share_interval(held, visits), abs=1e-9)
    assert promised.interval != pytest.approx(share_interval(held, np.arange(48)), abs=1e-3)


def test_coverage_where_nobody_photographed_counts_the_chosen_photos(
    scored: ScoredPrediction, trust: Confidence
) -> None:
    rows = np.arange(48) % 4 == 0
    wide = np.where(np.arange(48) < 24, 1e9, 0.0)
    told = replace(trust, radius_m=np.stack([wide, wide], axis=1), unseen=np.where(rows, 0.9, 0.1))
    away = ScoredPrediction(scored.truth, replace(scored.prediction, confidence=told))
    found = coverage_report(scored, {}, None, Unseen(away, rows, 60.0))
    assert found is not None
    assert found.unseen is not None
    assert (found.unseen.n, found.unseen.radius_m, found.unseen.named) == (12, 60.0, 1.0)
    assert found.unseen.radius[1].measured == pytest.approx(0.5)
    assert found.unseen.median_m == pytest.approx(np.median(scored.error_refined_m[rows]))
    kind = TypeAdapter(CoverageReport)
    content = kind.dump_python(found, mode="json")
    assert kind.validate_python(content) == found
    older = {key: value for key, value in content.items() if key not in ("named", "unseen")}
    assert kind.validate_python(older).unseen is None


def test_the_answers_without_surroundings_are_those_of_a_smaller_gallery(
    checkpoint: Path, shared_campus: Path
) -> None:
    predictor = load_predictor(checkpoint, calibrated=False)
    dataset, store = prepare_dataset(shared_campus, predictor.store_size)
    selection = select(dataset, predictor, "all")
    gallery, at_m = predictor.gallery, selection.truth.position_m
    assert gallery is not None
    # The greatest radius that leaves every photo something to find.
    radius_m = float(np.sort(cdist(at_m, gallery.position_m), axis=1)[:, len(gallery) // 2].min())
    whole, alone = predict_cases(predictor, store, selection, (None, radius_m), 64)
    away = cdist(at_m, gallery.position_m)
    found = np.take_along_axis(away, alone.neighbours, axis=1)[alone.weight > 0.0]
    assert (found > radius_m).all()
    assert (whole.position_refined_m != alone.position_refined_m).any()
    same = predict_selection(predictor, store, selection, 64)
    np.testing.assert_array_equal(same.position_refined_m, whole.position_refined_m)


def test_risk_coverage_orders_by_doubt() -> None:
    error = np.array([1.0, 2.0, 3.0, 4.0])
    best, worst = risk_coverage(error, error), risk_coverage(error, -error)
    assert best is not None
    assert worst is not None
    assert best.area_m == best.best_m < best.random_m < worst.area_m
    assert best.mean_m[-1] == pytest.approx(2.5)
    assert risk_coverage(error, np.full(4, np.nan)) is None
