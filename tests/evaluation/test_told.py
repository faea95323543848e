from typing import Any

import pytest

from core.evaluation import told


def figures(median_m: float) -> dict[str, Any]:
    return {"median_m": median_m, "region_accuracy": 0.5}


def report() -> dict[str, Any]:
    """What a report holds beside its figures."""
    away = {"n": 30, "raw": figures(20.0), "refined": figures(14.2), "reason": None}
    few = {"n": 4, "raw": None, "refined": None, "reason": "4 photos are fewer than 10"}
    return {
        "leak": {
            "within_1m": 0.1, "within_5m": 0.68, "within_10m": 0.9, "nearest_training_m": 3.0,
            "away": {"beyond_1m": away, "beyond_5m": away, "beyond_10m": few},
        },
        "intervals": {
            "raw": {"median_m": None},
            "refined": {"median_m": [8.1, 10.9], "region_accuracy": [0.655, 0.75]},
            "confidence": 0.95, "by": "visit", "clusters": 34, "radius_m": None, "draws": 2000,
            "reliable": True,
        },
        "flagged": {
            "source": "findings.csv", "n": 2, "kinds": {"sexagesimal": 2}, "photo_ids": ["a", "b"],
            "all": away, "without": away | {"refined": figures(13.0)},
        },
    }  # fmt: skip


def test_a_figure_has_its_interval_behind_it() -> None:
    assert told.with_interval(report(), "refined", "median_m", 9.4) == "9.4 m (8.1 to 10.9)"
    shares = told.with_interval(report(), "refined", "region_accuracy", 0.7)
    assert shares == "70.0% (65.5 to 75.0)"
    assert told.with_interval(report(), "raw", "median_m", 20.0) == "20.0 m"
    assert told.with_interval({}, "raw", "maae_deg", 20.0) == "20.0°", "a report of old"


def test_the_leak_is_told_with_the_score_of_the_photos_that_are_not_near() -> None:
    assert told.leak_sentence(report()) == (
        "68% of these photos stand within 5 m of a training photo; the median of the others is "
        "14.2 m"
    )
    assert told.leak_sentence(report(), "10m") == (
        "90% of these photos stand within 10 m of a training photo; of the others there are too "
        "few for a figure (4)"
    )
    old = {"leak": {"within_1m": 0.1, "within_5m": 0.68, "within_10m": 0.9}}
    assert told.leak_sentence(old) == ("68% of these photos stand within 5 m of a training photo")
    assert "unknown" in told.leak_sentence({"leak": None})


def test_doubts_are_told_with_both_figures() -> None:
    assert told.flagged_sentence(report()) == (
        "labels of 2 photos are doubted by findings.csv (sexagesimal 2); median with them 14.2 m, "
        "without 13.0 m"
    )
    none = report()["flagged"] | {"n": 0}
    assert told.flagged_sentence({"flagged": none}).startswith("no label of these photos")
    assert told.flagged_sentence({"flagged": None}) == told.flagged_sentence({}) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "2000 draws of whole visits (34 visits)"),
        ({"clusters": 4, "reliable": False}, "(4 visits); from so few they are unreliable"),
        ({"clusters": 1, "draws": 0, "reliable": False}, "no intervals: all photos are of 1 visit"),
    ],
)
def test_intervals_say_what_they_rest_on(changes: dict[str, Any], said: str) -> None:
    found = report()
    found["intervals"] |= changes
    assert said in told.intervals_rest_on(found)
    assert told.intervals_rest_on({"intervals": None}) == ""
