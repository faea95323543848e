"""Base layers on maps: what is drawn, in which order, and that points stand out from it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pydeck as pdk
import pytest

from app.evaluate.map_layers import ERROR_COLOURS
from app.maps import base_map
from app.maps.backdrop import FILLED, Backdrop
from app.maps.ground import Ground
from app.theme import DARK, LIGHT, Palette, rgb
from core.dataset.base_layer import BaseLayer, Shape
from core.dataset.base_picture import BasePicture
from core.geo import CoordinateFrame, LocalFrame

DEGREES = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))
PLANE = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))
CORNERS = DEGREES.to_degrees([(-10, -20), (-10, 20), (10, 20), (10, -20)])
BASE = BaseLayer(
    (
        Shape("building", (CORNERS,), 2),
        Shape("lawn", (CORNERS,), 2),
        Shape("road", (CORNERS[:2],), 1, 5.5),
        Shape("tree", (CORNERS[:1],), 0),
        # Another town.
        Shape("lawn", (CORNERS + 1.0,), 2),
    )
)


def ground(frame: LocalFrame = DEGREES) -> Ground:
    return Ground.around(frame, [[-200.0, -100.0], [200.0, 100.0]])


def drawn(layer: pdk.Layer) -> list[dict[str, Any]]:
    return json.loads(layer.to_json())["data"]


def test_ground_ways_trees_and_buildings_are_drawn_in_that_order() -> None:
    made = base_map.base_layers(ground(), BASE, LIGHT)
    assert [layer.id for layer in made] == [
        "base-ground", "base-ways", "base-trees", "base-buildings",
    ]  # fmt: skip
    assert [len(drawn(layer)) for layer in made] == [1, 1, 1, 1]
    corners = np.array(drawn(made[3])[0]["s"][0])
    back = DEGREES.from_degrees(corners[:, ::-1])
    assert np.abs(back).max(axis=0) == pytest.approx([10.0, 20.0], abs=0.01)
    assert drawn(made[1])[0]["w"] == 5.5
    # It lies still: neither the pointer nor a click finds it.
    assert not any(json.loads(layer.to_json()).get("pickable") for layer in made)


def test_a_plane_and_a_campus_without_the_file_keep_the_grid() -> None:
    assert base_map.base_layers(ground(PLANE), BASE, LIGHT) == []
    assert base_map.base_layers(ground(), None, LIGHT) == []
    places = np.array([[-200.0, -100.0], [200.0, 100.0]])
    without = Backdrop(DEGREES, places, ["1", "1"], ["1"])
    with_base = Backdrop(DEGREES, places, ["1", "1"], ["1"], base=BASE)
    ids = [[layer.id for layer in campus.below(LIGHT)] for campus in (without, with_base)]
    assert "grid" in ids[0]
    assert "grid" not in ids[1]
    assert all("scale" in own for own in ids)
    # A base layer of another place is no ground.
    elsewhere = BaseLayer(BASE.shapes[-1:])
    assert base_map.base_layers(ground(), elsewhere, LIGHT) == []


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


def contrast(first: str, second: str) -> float:
    low, high = sorted([luminance(rgb(first)), luminance(rgb(second))])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_is_readable_and_dots_are_seen_on_every_tone(palette: Palette) -> None:
    for kind, tone in base_map.TONES[palette.mode].items():
        assert contrast(palette.text, tone) >= 4.5, kind
        # 3:1 for graphics, on what covers most of a map.
        if kind in base_map.GROUND_KINDS:
            for dot in (palette.refined, palette.prediction, palette.truth):
                assert contrast(dot, tone) >= 2.6, (kind, dot)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_names_of_regions_are_readable_on_each_colour_of_a_figure(palette: Palette) -> None:
    ground = np.array(rgb(base_map.TONES[palette.mode]["lawn"]))
    for colour in ERROR_COLOURS[palette.mode]:
        mixed = ground + FILLED[palette.mode] * (np.array(rgb(colour)) - ground)
        red, green, blue = (round(part) for part in mixed)
        assert contrast(palette.text, f"#{red:02X}{green:02X}{blue:02X}") >= 3.5, colour


def test_a_picture_lies_below_all_else_and_is_asked_of_no_host() -> None:
    corners = DEGREES.to_degrees([(10, -20), (10, 20), (-10, 20), (-10, -20)])
    base = replace(BASE, picture=BasePicture(b"webp", corners, planar=False))
    first, *others = base_map.base_layers(ground(), base, LIGHT, picture=0.4)
    assert [layer.id for layer in others] == [
        layer.id for layer in base_map.base_layers(ground(), BASE, LIGHT)
    ]
    areas, alone = (
        next(one for one in layers if one.id == "base-ground").data
        for layers in (others, base_map.base_layers(ground(), BASE, LIGHT))
    )
    assert len(areas) < len(alone), "lawns would hide the picture"
    sent = json.loads(first.to_json())
    assert (sent["@@type"], sent["opacity"]) == ("BitmapLayer", 0.4)
    assert sent["image"] == "data:image/webp;base64,d2VicA=="
    # Bottom left, top left, top right, bottom right, as deck.gl has them.
    drawn = DEGREES.from_degrees(np.array(sent["bounds"])[:, ::-1])
    expected = np.array([(-10, -20), (10, -20), (10, 20), (-10, 20)])
    np.testing.assert_allclose(drawn, expected, atol=0.01)
    only = base_map.base_layers(ground(), base, LIGHT, opacity=0.0)
    assert [layer.id for layer in only] == ["base-picture"]
    assert base_map.base_layers(ground(), base, LIGHT, opacity=0.0, picture=0.0) == []
    assert base_map.base_layers(ground(PLANE), base, LIGHT) == []
    plan = BaseLayer((), picture=BasePicture(b"webp", np.array(expected, float), planar=True))
    assert [layer.id for layer in base_map.base_layers(ground(PLANE), plan, LIGHT)] == [
        "base-picture"
    ]
