from dataclasses import replace

from app.evaluate import report_tables
from core.jobs.failures import plain_cause
from tests.app.reports import honest, report


def test_predictors_put_the_model_first_and_leave_unknown_figures_open() -> None:
    table = report_tables.predictors(report(0.8, 10.0))
    assert table["kind"].tolist() == ["prediction", "refined", "baseline"]
    assert table["median_m"].tolist() == [30.0, 10.0, 10.0]
    assert table["given_truth"].tolist() == [False, False, True]
    assert table["region_accuracy"].isna().tolist() == [False, False, True]


def test_regions_keep_the_models_order_and_get_their_names() -> None:
    names = report_tables.region_names(report(0.8, 10.0), {"2": "Gate", "10": "10"})
    assert list(names.items()) == [("1", "1"), ("2", "2 Gate"), ("10", "10")]


def test_the_leak_stands_beside_the_score_or_is_unknown() -> None:
    content = report(0.8, 10.0)
    assert report_tables.leak(content) == ("25.0 %", "50.0 % in 10 m")
    assert report_tables.leak(replace(content, leak=None)) is None


def test_headline_figures_have_their_intervals_under_them() -> None:
    shown = report_tables.headline(honest())
    assert shown["Median error"] == ("10.0 m", "8.0 to 12.0")
    assert shown["Region accuracy"] == ("80.0 %", "70.0 to 90.0")
    assert shown["Within 10 m and 15°"] == ("10.0 %", "")
    old = report_tables.headline(report(0.8, 10.0))
    assert old["Median error"] == ("10.0 m", "")
    assert report_tables.median_intervals(honest()) == ["8.0 to 12.0", "8.0 to 12.0", "1.0 to 2.0"]
    assert report_tables.median_intervals(report(0.8, 10.0)) == ["", "", ""]


def test_photos_away_from_training_and_without_doubts_have_their_figures() -> None:
    table = report_tables.other_photos(honest())
    assert table["photos"].tolist() == [
        "all", "farther than 1 m from training", "farther than 5 m from training",
        "farther than 10 m from training", "without suspect labels",
    ]  # fmt: skip
    assert table["n"].tolist() == [40, 40, 40, 3, 40]
    assert table["median_m"].isna().tolist() == [False, False, False, True, False]
    assert table["median_raw_m"].iloc[0] == 0.2
    assert report_tables.other_photos(report(0.8, 10.0)).empty
    assert report_tables.other_photos(replace(report(0.8, 10.0), leak=None)).empty


def test_a_cause_that_nobody_knows_is_told_as_it_is() -> None:
    assert plain_cause("ZeroDivisionError: division by zero", "") == (
        "ZeroDivisionError: division by zero"
    )
    assert "ended without a message" in plain_cause("", "")
    assert "disk is full" in plain_cause("OSError: [Errno 28] No space left on device", "")
