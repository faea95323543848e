import numpy as np
import pytest

from core.evaluation.make_report import leak_report
from core.evaluation.report import Both
from core.headline import PhotoErrors


def test_figures_away_from_training_are_those_of_the_photos_beyond_each_radius() -> None:
    nearest_m = np.repeat([0.0, 1.0, 4.0, 8.0, 20.0], [10, 10, 20, 12, 9])
    errors = PhotoErrors(nearest_m + 2.0, np.full(61, 5.0), nearest_m < 8.0)
    leak = leak_report(nearest_m, Both(errors, errors))
    assert leak.within_1m == pytest.approx(20 / 61)
    assert leak.within_5m == pytest.approx(40 / 61)
    assert leak.nearest_training_m == 4.0
    away = leak.away
    assert [away[f"beyond_{radius}m"].n for radius in (1, 5, 10)] == [41, 21, 9]
    assert away["beyond_1m"].refined is not None
    assert away["beyond_1m"].refined.median_m == 10.0
    assert away["beyond_1m"].refined.region_accuracy == pytest.approx(20 / 41)
    assert leak.beyond_5m is away["beyond_5m"]
    assert away["beyond_5m"].refined is not None
    assert away["beyond_5m"].refined.within_10m == pytest.approx(12 / 21)
    assert away["beyond_10m"].refined is None
    assert away["beyond_10m"].reason == "9 photos are fewer than 10"
