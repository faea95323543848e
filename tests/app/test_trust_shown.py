import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.evaluate.report_view import coverage_table
from app.figures.coverage import coverage_overall, coverage_regions
from app.maps.ground import Ground
from app.maps.layers import WEDGE_M, radius_layer, region_layers, wedge_corners
from app.predict import results
from app.theme import LIGHT
from core.confidence.apply import Confidence, apply
from core.confidence.schema import Calibration, HeadingFit, PositionFit, RegionFit, ScaleFit
from core.evaluation.report import Report
from core.evaluation.report_coverage import (
    Coverage,
    CoverageOfPhotos,
    CoverageReport,
    RegionCoverage,
)
from core.geo import CoordinateFrame, LocalFrame
from tests.confidence.worlds import Invented, density_fit, world
from tests.evaluation.test_report import stored

PLANE = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))


@pytest.fixture
def trust() -> Confidence:
    """Two photos; the neighbours of the first stand at two far places."""
    answers, _ = world(2, 0)
    assert answers.support is not None
    places = answers.support.position_m.copy()
    places[0, :4], places[0, 4:] = [0.0, 0.0], [80.0, 60.0]
    alike = np.full(answers.support.similarity.shape, 0.9)
    support = replace(answers.support, position_m=places, similarity=alike)
    pins = answers.position_refined_m.copy()
    pins[0] = 0.0
    two: Invented = replace(answers, support=support, position_refined_m=pins)
    scale = ScaleFit(intercept=1.0, slopes=(0.0, 0.0, 0.0))
    calibration = Calibration(
        answers="made up", split_hash="0", protocol="spot", part="val", photos=9, groups=9,
        region=RegionFit(temperature=1.0, before={}, after={}),
        position=PositionFit(density=density_fit(own_share=0.05), mass=(0.5, 0.9), scale=scale,
                             ratio=(1.0, 4.0)),
        heading=HeadingFit(scale=scale, ratio=(1.0, None)),
    )  # fmt: skip
    return apply(calibration, two)


def drawn(layer: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - pydeck's own
    return json.loads(layer.to_json())["data"]


def test_a_two_minded_photo_is_drawn_as_two_islands(trust: Confidence) -> None:
    ground = Ground.around(PLANE, [[-200.0, -100.0], [200.0, 100.0]])
    wide, narrow = region_layers(ground, trust, 0, LIGHT)
    assert (wide.id, narrow.id) == ("region-90", "region-50")
    assert len(drawn(wide)) == 2
    assert "2 places" in results.how_sure(trust, 0)


def test_a_wedge_opens_to_both_sides_of_the_heading() -> None:
    corners = wedge_corners(np.array([10.0, 20.0]), 90.0, 30.0)
    assert corners[0] == pytest.approx([10.0, 20.0])
    away = corners[1:] - [10.0, 20.0]
    turn = np.rad2deg(np.arctan2(away[:, 1], away[:, 0]))
    assert (turn.min(), turn.max()) == pytest.approx((60.0, 120.0))
    assert np.hypot(*away.T) == pytest.approx(WEDGE_M)


def test_discs_are_as_wide_as_their_radius_and_unknown_ones_are_left_out() -> None:
    ground = Ground.around(PLANE, [[-200.0, -100.0], [200.0, 100.0]])
    layer = radius_layer(ground, np.zeros((2, 2)), np.array([12.34, np.nan]), LIGHT)
    assert [entry["r"] for entry in drawn(layer)] == [12.3]


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
    assert list(by_name["radius"].y) == [0.52, 0.88]
    assert list(by_name["heading wedge"].y) == [0.49]  # the other is unknown
    assert by_name["radius"].error_y.array == pytest.approx((0.05, 0.05))
    regions = coverage_regions(coverage, {"1": "Gate"}, LIGHT)
    assert list(regions.data[0].y) == ["Gate (40)", "2 (40)"]


def test_the_table_says_what_is_unknown(coverage: CoverageReport) -> None:
    table = coverage_table(coverage)
    assert isinstance(table, pd.DataFrame)
    assert table["held"].tolist()[-1] == "unknown: too few photos"
    assert table["mean size"].tolist()[:2] == ["9.0 m", "30.0 m"]
