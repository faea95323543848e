import numpy as np
import pytest

from core.evaluation.away import leak_report
from core.evaluation.outcome import Outcome


def test_figures_away_from_training_are_those_of_the_photos_beyond_each_radius() -> None:
    nearest_m = np.repeat([0.0, 1.0, 4.0, 8.0, 20.0], [10, 10, 20, 12, 9])
    error_m = nearest_m + 2.0
    outcome = Outcome(error_m, np.full(61, 5.0), nearest_m < 8.0)
    report = leak_report(nearest_m, {"raw": outcome, "refined": outcome})
    assert report["within_1m"] == pytest.approx(20 / 61)
    assert report["within_5m"] == pytest.approx(40 / 61)
    assert report["nearest_training_m"] == 4.0
    away = report["away"]
    assert [away[f"beyond_{radius}m"]["n"] for radius in (1, 5, 10)] == [41, 21, 9]
    assert away["beyond_1m"]["refined"]["median_m"] == 10.0
    assert away["beyond_1m"]["raw"]["region_accuracy"] == pytest.approx(20 / 41)
    assert away["beyond_5m"]["refined"]["within_10m"] == pytest.approx(12 / 21)
    assert away["beyond_10m"]["refined"] is None
    assert away["beyond_10m"]["reason"] == "9 photos are fewer than 10"
