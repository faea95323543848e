from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from app.evaluate.trust_view import coverage_table
from app.figures.coverage import coverage_overall, coverage_regions
from app.theme import LIGHT
from core.evaluation.report import Report
from core.evaluation.report_coverage import (
    Coverage,
    CoverageOfPhotos,
    CoverageReport,
    RegionCoverage,
)
from tests.evaluation.test_report import stored


@pytest.fixture
def coverage() -> CoverageReport:
    def entry(promised: float, measured: float | None, **size: float) -> Coverage:
        interval = None if measured is None else (measured - 0.05, measured + 0.05)
        return Coverage(promised=promised, measured=measured, interval=interval, **size)

    one: dict[str, Any] = {
        "n": 40,
        "radius": (entry(0.5, 0.52, mean_radius_m=9.0), entry(0.9, 0.88, mean_radius_m=30.0)),
        "region": (entry(0.5, 0.5), entry(0.9, 0.91)),
        "wedge": (entry(0.5, 0.49, mean_deg=20.0), entry(0.9, None)),
    }
    whole = Report.from_json(stored()).coverage
    assert whole is not None
    regions = {region: RegionCoverage(name=region, **one) for region in ("1", "2")}
    return replace(whole, overall=CoverageOfPhotos(**one), per_region=regions)


def test_coverage_is_drawn_against_its_promise(coverage: CoverageReport) -> None:
    figure = coverage_overall(coverage, LIGHT)
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["radius"].y) == [52, 88]
    assert list(by_name["heading wedge"].y) == [49]  # the other is unknown
    assert by_name["radius"].error_y.array == pytest.approx((5, 5))
    regions = coverage_regions(coverage, {"1": "Gate"}, LIGHT, chosen=["2"])
    assert list(regions.data[0].y) == ["Gate (40)", "2 (40)"]
    assert [list(one) for one in regions.data[0].customdata] == [["1"], ["2"]]
    assert list(regions.data[0].marker.opacity) == [0.3, 1.0]
    some = coverage_overall(coverage, LIGHT, {"radius": {0.5: 0.4, 0.9: 1.0}})
    assert any(list(trace.y) == [40, 100] for trace in some.data)


def test_the_table_says_what_is_unknown(coverage: CoverageReport) -> None:
    table = coverage_table(coverage.overall)
    assert isinstance(table, pd.DataFrame)
    assert table["Measured"].tolist()[-1] == "unknown: too few photos"
    assert table["Mean size"].tolist()[:2] == ["9.0 m", "30.0 m"]
