import json
from typing import Any

import numpy as np
import pandas as pd
import pydeck as pdk
import pytest

from app.evaluate import region_map
from app.evaluate.map_layers import ERROR_COLOURS
from app.evaluate.outcome_map import outcome_deck
from app.maps.backdrop import Backdrop
from app.theme import LIGHT, rgb
from core.geo import CoordinateFrame, LocalFrame

DEGREES = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))


def drawn(layer: pdk.Layer) -> list[dict[str, Any]]:
    return json.loads(layer.to_json())["data"]


@pytest.fixture
def outcomes() -> pd.DataFrame:
    places = {
        "true_north_m": [0.0, 50.0, 90.0],
        "true_east_m": [0.0, 10.0, 10.0],
        "north_m": [5.0, 60.0, 0.0],
        "east_m": [0.0, 10.0, 0.0],
        "north_refined_m": [1.0, 52.0, 80.0],
        "east_refined_m": [0.0, 10.0, 10.0],
    }
    return pd.DataFrame(
        {
            "filename": ["a", "b", "c"],
            "true_region": ["1", "1", "2"],
            "region": ["1", "2", "2"],
            "true_angle": [0.0, 90.0, 180.0],
            "angle": [10.0, 90.0, 180.0],
            "angle_refined": [5.0, 90.0, 180.0],
            "heading_error_deg": [10.0, 0.0, 0.0],
            "heading_error_refined_deg": [5.0, 0.0, 0.0],
            "error_m": [5.0, 10.0, 91.0],
            "error_refined_m": [1.0, 2.0, 10.0],
            **places,
        }
    )


@pytest.fixture
def campus() -> Backdrop:
    rng = np.random.default_rng(3)
    places = np.vstack([rng.normal(0, 9, (20, 2)), rng.normal(80, 9, (20, 2))])
    return Backdrop(DEGREES, places, ["1"] * 20 + ["2"] * 20, ["1", "2"], {"1": "Gate"})


def test_outcomes_are_joined_to_their_truth(campus: Backdrop, outcomes: pd.DataFrame) -> None:
    shown = outcomes.iloc[[2, 0]]
    made = outcome_deck(campus, outcomes, shown, LIGHT, method="refined", chosen=1, online=False)
    by_id = {layer.id: layer for layer in made.layers}
    ends = campus.ground().places([[80.0, 10.0], [1.0, 0.0]])
    assert [entry["b"] for entry in drawn(by_id["worst-errors"])] == ends
    assert "chosen-arrow" in by_id
    # Each photo is one dot, in the layer of its class of errors: 10 m, and 1 m.
    dots = {name: drawn(layer) for name, layer in by_id.items() if name.startswith("outcomes-")}
    assert {name: [entry["i"] for entry in rows] for name, rows in dots.items()} == {
        "outcomes-0": [0], "outcomes-1": [2],
    }  # fmt: skip


def test_regions_are_coloured_and_named_by_a_figure(
    campus: Backdrop, outcomes: pd.DataFrame
) -> None:
    found = region_map.region_errors(outcomes, "refined")
    assert [one.region for one in region_map.worst_first(found)] == ["2", "1"]
    made = region_map.region_deck(campus, found, region_map.FIGURES[0], LIGHT, online=False)
    by_id = {layer.id: layer for layer in made.layers}
    assert [entry["w"] for entry in drawn(by_id["region-names"])] == ["Gate\n1.5 m", "2\n10.0 m"]
    first, second = drawn(by_id["regions"])
    assert tuple(first["c"][:3]) == rgb(ERROR_COLOURS["light"][0])
    assert tuple(second["c"][:3]) == rgb(ERROR_COLOURS["light"][1])
    assert (first["r"], first["t"].splitlines()[0]) == ("1", "Gate: 2 photos")
    # Region 2 is predicted 10 m too far south: its arrow points there, as long as it is drawn.
    scale = region_map.arrow_scale(campus, found)
    arrow = drawn(by_id["shift-chance"])[1]
    back = DEGREES.from_degrees(np.array(arrow["s"])[:, ::-1])
    tail = (back[0] + back[6]) / 2
    assert back[3] - tail == pytest.approx([-10.0 * scale, 0.0], abs=0.1)
    assert tail[1] == pytest.approx(10.0, abs=0.1)
    table = region_map.figures_table(found, campus.names)
    assert table["Region"].tolist() == ["2", "Gate"]
    assert table["Shift"].iloc[0] == "10.0 m south, 0.0 m east (may be chance)"


def test_classes_of_shares_count_downwards() -> None:
    near = region_map.FIGURES[1]
    assert [near.class_of(value) for value in (1.0, 0.9, 0.89, 0.5, 0.0)] == [0, 0, 1, 2, 4]
    assert next(iter(near.legend(LIGHT))) == "at least 90 %"
    assert list(near.legend(LIGHT))[-1] == "below 25 %"
