import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.maps.ground import Ground
from app.maps.layers import WEDGE_M, radius_layer, region_layers, wedge_corners
from app.theme import LIGHT
from core.confidence.apply import Confidence, apply
from core.confidence.schema import Calibration, HeadingFit, PositionFit, RegionFit, ScaleFit
from core.geo import CoordinateFrame, LocalFrame
from tests.confidence.worlds import Invented, density_fit, world

PLANE = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))


@pytest.fixture
def trust() -> Confidence:
    """Two photos; the neighbours of the first stand at two far places."""
    answers, _ = world(2, 0)
    assert answers.evidence is not None
    places = answers.evidence.position_m.copy()
    places[0, :4], places[0, 4:] = [0.0, 0.0], [80.0, 60.0]
    alike = np.full(answers.evidence.similarity.shape, 0.9)
    support = replace(answers.evidence, position_m=places, similarity=alike)
    pins = answers.position_refined_m.copy()
    pins[0] = 0.0
    two: Invented = replace(answers, evidence=support, position_refined_m=pins)
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
