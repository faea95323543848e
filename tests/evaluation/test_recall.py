from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.evaluation.evaluate import Evaluation, evaluate
from core.evaluation.recall import read_distances, recall_curve, retrieval_recall, write_distances
from core.evaluation.report import Report
from core.evaluation.schema import EvaluateConfig

AWAY_M = np.array([[30.0, 8.0, 3.0], [24.0, 40.0, 10.0], [99.0, 99.0, 99.0]])


def test_recall_counts_photos_with_a_near_photo_among_the_first_k() -> None:
    np.testing.assert_allclose(recall_curve(AWAY_M, 10.0), [0, 1 / 3, 2 / 3])
    np.testing.assert_allclose(recall_curve(AWAY_M, 25.0), [1 / 3, 2 / 3, 2 / 3])


def test_photos_without_a_position_do_not_count() -> None:
    away_m = np.vstack([AWAY_M, [np.nan] * 3])
    found = retrieval_recall(away_m, np.array([3.0, 10.0, 60.0, np.nan]))
    assert found is not None
    assert (found.n, found.ranks) == (3, (1, 2, 3))
    assert found.within_10m == pytest.approx((0, 1 / 3, 2 / 3))
    assert found.within_25m == pytest.approx((1 / 3, 2 / 3, 2 / 3))
    assert (found.possible_10m, found.possible_25m) == pytest.approx((2 / 3, 2 / 3))
    assert retrieval_recall(away_m[3:], np.array([np.nan])) is None
    assert retrieval_recall(np.empty((2, 0)), np.ones(2)) is None


def test_distances_are_read_as_they_were_written() -> None:
    away_m = np.vstack([AWAY_M, [np.nan] * 3])
    table = pd.DataFrame({"neighbours_m": write_distances(away_m)}).replace("", np.nan)
    np.testing.assert_allclose(read_distances(table), away_m)
    assert read_distances(table.drop(columns="neighbours_m")) is None
    assert read_distances(table.iloc[3:]) is None


def test_an_evaluation_stores_what_recall_is_counted_from(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    config = EvaluateConfig(run=checkpoint, dataset=shared_campus, out=tmp_path, plots=False)
    found: Evaluation = evaluate(config)
    stored = found.report.retrieval
    away_m = read_distances(pd.read_csv(tmp_path / "predictions.csv"))
    assert stored is not None
    assert away_m is not None
    assert away_m.shape == (len(found.table), found.scored.prediction.neighbours.shape[1])
    for rank, share in zip(stored.ranks, stored.within_25m, strict=True):
        assert share == pytest.approx(recall_curve(away_m, 25.0)[rank - 1])
    # The nearest training photo is at most as far as the nearest of the similar ones.
    assert (away_m.min(axis=1) >= found.table["nearest_training_m"] - 0.01).all()
    similar = found.scored.prediction.similarity[:, 0]
    np.testing.assert_allclose(found.table["similarity"], similar, atol=1e-5)
    content = found.report.to_json()
    content.pop("retrieval")
    assert Report.from_json(content | {"schema_version": 2}).retrieval is None
