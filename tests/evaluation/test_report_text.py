from dataclasses import replace
from typing import Any

import pytest

from core.evaluation import report_text
from core.evaluation.report import Flagged, Intervals, Leak, Report, Subset
from core.headline import Figures
from tests.evaluation.test_report import stored


@pytest.fixture
def report() -> Report:
    """A report with intervals, leak and suspect labels."""
    found = Report.from_json(stored())
    assert found.intervals is not None
    refined = replace(found.intervals.refined, median_m=(8.1, 10.9), region_accuracy=(0.655, 0.75))
    raw = replace(found.intervals.raw, median_m=None)
    intervals = replace(
        found.intervals, raw=raw, refined=refined, by="visit", clusters=34, draws=2000
    )
    away = Subset(n=30, raw=Figures(median_m=20.0), refined=Figures(median_m=14.2), reason=None)
    leak = Leak(within_1m=0.1, within_5m=0.68, within_10m=0.9, away={"beyond_5m": away})
    flagged = Flagged(
        source="findings.csv", n=2, kinds={"sexagesimal": 2}, photo_ids=("a", "b"), all=away,
        without=replace(away, refined=Figures(median_m=13.0)),
    )  # fmt: skip
    position = replace(
        found.position, refined=replace(found.position.refined, median_m=9.4),
        raw=replace(found.position.raw, median_m=20.0),
    )  # fmt: skip
    return replace(found, position=position, intervals=intervals, leak=leak, flagged=flagged)


def test_a_figure_has_its_interval_behind_it(report: Report) -> None:
    shown = report_text.with_interval
    assert shown(report, "refined", "median_m") == "9.4 m (8.1 to 10.9)"
    assert shown(report, "refined", "region_accuracy").endswith("% (65.5 to 75.0)")
    assert shown(report, "raw", "median_m") == "20.0 m"
    assert shown(replace(report, intervals=None), "refined", "median_m") == "9.4 m"


def test_the_leak_comes_with_the_error_of_the_photos_that_are_not_near(report: Report) -> None:
    near = "68 % of these photos are within 5 m of a training photo"
    assert report_text.leak_sentence(report) == f"{near}; the median error of the others is 14.2 m"
    few = Subset(n=4, raw=None, refined=None, reason="4 photos are fewer than 10")
    assert report.leak is not None
    sparse = replace(report, leak=replace(report.leak, away={"beyond_5m": few}))
    assert report_text.leak_sentence(sparse) == f"{near}; the others are too few for a figure (4)"
    old = replace(report, leak=replace(report.leak, away={}))
    assert report_text.leak_sentence(old) == near
    assert "unknown" in report_text.leak_sentence(replace(report, leak=None))


def test_suspect_labels_come_with_both_figures(report: Report) -> None:
    assert report_text.flagged_sentence(report) == (
        "labels of 2 photos are suspect according to findings.csv (sexagesimal 2); median error "
        "with them 14.2 m, without 13.0 m"
    )
    assert report.flagged is not None
    none = replace(report, flagged=replace(report.flagged, n=0))
    assert report_text.flagged_sentence(none).startswith("no label of these photos is suspect")
    assert report_text.flagged_sentence(replace(report, flagged=None)) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "2,000 draws of whole visits (34 visits)"),
        ({"clusters": 4, "reliable": False}, "(4 visits); from so few they are unreliable"),
        ({"clusters": 1, "draws": 0, "reliable": False}, "no intervals: all photos are of 1 visit"),
    ],
)
def test_intervals_say_what_they_rest_on(
    report: Report, changes: dict[str, Any], text: str
) -> None:
    assert isinstance(report.intervals, Intervals)
    found = replace(report, intervals=replace(report.intervals, **changes))
    assert text in report_text.intervals_basis(found)
    assert report_text.intervals_basis(replace(report, intervals=None)) == ""
