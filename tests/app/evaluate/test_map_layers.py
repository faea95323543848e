"""Layers of the Map page: which photos they draw, in which colours, and how many bytes."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pydeck as pdk
import pytest

from app.evaluate import map_layers
from app.evaluate.map_layers import (
    BOUNDS_M,
    ERROR_COLOURS,
    LAYERS,
    MOST_DOTS,
    OPACITY,
    TITLES,
    WORST,
    Layer,
    layers_of,
)
from app.maps.backdrop import Backdrop
from app.maps.hexagons import gathered
from app.theme import DARK, LIGHT, rgb
from core.geo import CoordinateFrame, LocalFrame

DEGREES = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))


def drawn(layer: pdk.Layer) -> list[dict[str, Any]]:
    return json.loads(layer.to_json())["data"]


def photos(count: int) -> pd.DataFrame:
    """Photos on a campus; the error of photo k is k / 100 metres to the north."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(-200, 200, (count, 2))
    error = np.arange(count) / 100.0
    columns = {
        "filename": [f"img_{k:06d}.jpg" for k in range(count)],
        "true_north_m": truth[:, 0], "true_east_m": truth[:, 1],
        "north_m": truth[:, 0] + 2 * error, "east_m": truth[:, 1],
        "north_refined_m": truth[:, 0] + error, "east_refined_m": truth[:, 1],
        "error_m": 2 * error, "error_refined_m": error, "radius_90_m": error,
        "true_angle": 90.0, "angle": 80.0, "angle_refined": 85.0,
    }  # fmt: skip
    return pd.DataFrame(columns)


def campus(table: pd.DataFrame) -> Backdrop:
    places = table[["true_north_m", "true_east_m"]].to_numpy()
    return Backdrop(DEGREES, places, ["1"] * len(table), ["1"], {"1": "Gate"})


def made(table: pd.DataFrame, *names: Layer, method: Any = "refined") -> dict[str, pdk.Layer]:  # noqa: ANN401
    opacity = {name: OPACITY[name] for name in names}
    found = layers_of(campus(table), table, LIGHT, method=method, opacity=opacity)
    return {layer.id: layer for layer in found}


def test_every_photo_has_one_dot_in_the_colour_of_its_error() -> None:
    table = photos(1500).iloc[::-1]
    layers = [layer for name, layer in made(table, "truth").items() if name.startswith("outcomes")]
    rows = [entry["i"] for layer in layers for entry in drawn(layer)]
    assert sorted(rows) == sorted(table.index)
    for layer in layers:
        errors = [table.at[entry["i"], "error_refined_m"] for entry in drawn(layer)]
        which = int(layer.id.removeprefix("outcomes-"))
        low, high = [0.0, *BOUNDS_M, np.inf][which : which + 2]
        assert min(errors) >= low
        assert max(errors) <= high
        tone = json.loads(layer.to_json())["getFillColor"]
        assert tuple(tone[:3]) == rgb(ERROR_COLOURS["light"][which])
    # The last is drawn on top.
    assert [layer.id for layer in layers] == sorted(layer.id for layer in layers)


def test_raw_errors_colour_the_dots_where_they_are_asked_for() -> None:
    table = photos(800)
    refined, raw = (made(table, "truth", method=method) for method in ("refined", "raw"))
    assert len(drawn(refined["outcomes-0"])) == 501
    assert len(drawn(raw["outcomes-0"])) == 251


def test_lines_are_those_of_the_largest_errors() -> None:
    table = photos(300)
    layers = made(table, "worst", "lines")
    assert len(drawn(layers["errors"])) == 300
    starts = [entry["a"] for entry in drawn(layers["worst-errors"])]
    truth = table[["true_north_m", "true_east_m"]].to_numpy()
    worst = campus(table).ground().places(truth[::-1][:WORST])
    assert starts == worst


def test_of_very_many_photos_the_largest_errors_are_drawn_and_all_are_counted() -> None:
    table = photos(20_000)
    layers = made(table, "truth", "error_cells")
    rows = [entry["i"] for name, layer in layers.items() if name.startswith("outcomes")
            for entry in drawn(layer)]  # fmt: skip
    assert len(rows) == len(set(rows)) == MOST_DOTS
    assert set(range(20_000 - MOST_DOTS // 4, 20_000)) <= set(rows)
    texts = [entry["t"] for entry in drawn(layers["error-cells"])]
    counted = [int(text.split(", ")[1].split()[0].replace(",", "")) for text in texts]
    assert sum(counted) == 20_000


def test_every_layer_is_offered_and_can_be_drawn() -> None:
    assert set(TITLES) == set(LAYERS) == set(OPACITY)
    table = photos(50)
    ids = list(made(table, *LAYERS))
    assert len(ids) == len(set(ids))
    assert ids.index("regions") < ids.index("error-cells") < ids.index("errors")
    assert ids.index("errors") < ids.index("outcomes-0")
    without = made(table.drop(columns="radius_90_m"), "radius_cells")
    assert "radius-cells" not in without


def test_what_a_map_sends_stays_small() -> None:
    def sent(table: pd.DataFrame) -> int:
        layers = made(table, *map_layers.DEFAULTS).values()
        return sum(len(json.dumps(drawn(layer), separators=(",", ":"))) for layer in layers)

    assert sent(photos(1394)) < 150_000
    assert sent(photos(30_000)) < 450_000


def test_a_photo_is_in_the_nearest_hexagon() -> None:
    points = np.random.default_rng(1).uniform(-100, 100, (500, 2))
    cells = gathered(points, 10.0)
    assert sorted(np.concatenate(cells.members).tolist()) == list(range(500))
    own = np.zeros((500, 2))
    for middle, rows in zip(cells.middle_m, cells.members, strict=True):
        own[rows] = middle
    away = np.linalg.norm(points[:, None] - cells.middle_m[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(points - own, axis=1), away.min(axis=1), atol=1e-3)
    # No position is farther from the middle than a corner.
    assert np.linalg.norm(points - own, axis=1).max() <= 10.001
    values = np.where(np.arange(500) % 7, points[:, 0], np.nan)
    first = cells.members[0]
    known = values[first][np.isfinite(values[first])]
    expected = np.median(known) if len(known) else np.nan
    np.testing.assert_allclose(cells.medians(values)[0], expected)
    assert len(gathered(np.zeros((0, 2)), 10.0).members) == 0


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_classes_of_errors_have_colours_of_their_own(palette: Any) -> None:  # noqa: ANN401
    colours = ERROR_COLOURS[palette.mode]
    assert len(set(colours)) == len(BOUNDS_M) + 1
    assert len(map_layers.error_legend(palette)) == len(colours)
    assert list(map_layers.error_legend(palette))[1] == "5–10 m"
    assert map_layers.error_class(np.array([0.0, 5.0, 5.1, 1e9, np.nan])).tolist() == [
        0, 0, 1, 4, -1,
    ]  # fmt: skip
