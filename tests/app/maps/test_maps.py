import json
from typing import Any

import numpy as np
import pydeck as pdk
import pytest

from app.maps import backdrop, layers, photo_map
from app.maps.ground import Ground, deck
from app.theme import DARK, LIGHT
from core.areas import Area
from core.geo import CoordinateFrame, LocalFrame

DEGREES = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))


# What pydeck writes where nobody named a style; the browser then asks nobody for one.
UNNAMED = "__MAP_STYLE__"

PLANE = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))


def ground(frame: LocalFrame = DEGREES) -> Ground:
    return Ground.around(frame, [[-200.0, -100.0], [200.0, 100.0]])


def drawn(layer: pdk.Layer) -> list[dict[str, Any]]:
    return json.loads(layer.to_json())["data"]


def test_north_is_up_and_east_is_right_in_both_frames() -> None:
    for frame in (DEGREES, PLANE):
        here, north, east = ground(frame).places([[0, 0], [10, 0], [0, 10]])
        assert north[1] > here[1]
        assert north[0] == pytest.approx(here[0], abs=1e-6)
        assert east[0] > here[0]
        assert east[1] == pytest.approx(here[1], abs=1e-6)


def test_places_are_degrees_to_a_millimetre() -> None:
    places = ground().places([[12.345678, -98.7654321]])
    longitude, latitude = places[0]
    back = DEGREES.from_degrees([[latitude, longitude]])[0]
    assert np.hypot(*(back - [12.345678, -98.7654321])) < 0.0012
    assert all(round(value, 8) == value for value in places[0])


def test_a_plane_points_up() -> None:
    made = json.loads(deck(ground(PLANE), [], LIGHT).to_json())
    view = made["views"][0]
    assert view["@@type"] == "OrthographicView"
    assert view["flipY"] is False


@pytest.mark.parametrize("frame", [DEGREES, PLANE])
def test_no_map_names_another_host_unless_asked(frame: LocalFrame) -> None:
    made = json.loads(deck(ground(frame), backdrop.grid(ground(frame), LIGHT), LIGHT).to_json())
    assert made["mapStyle"] == UNNAMED
    assert made.get("mapProvider") is None
    assert "http" not in json.dumps(made)


def test_online_tiles_follow_the_theme_and_never_go_under_a_plane() -> None:
    light, dark = (json.loads(deck(ground(), [], p, online=True).to_json()) for p in (LIGHT, DARK))
    assert "carto" in light["mapStyle"]
    assert light["mapStyle"] != dark["mapStyle"]
    plane = json.loads(deck(ground(PLANE), [], LIGHT, online=True).to_json())
    assert plane["mapStyle"] == UNNAMED


@pytest.mark.trap(name="mathematical and compass angles")
@pytest.mark.parametrize(
    ("heading", "north", "east"), [(0, 10, 0), (90, 0, 10), (180, -10, 0), (270, 0, -10)]
)
def test_an_arrow_points_where_the_camera_faced(heading: float, north: int, east: int) -> None:
    tip = layers.arrow_shapes([[0.0, 0.0]], [heading], 10.0)[0][3]
    np.testing.assert_allclose(tip, [north, east], atol=1e-9)


def test_points_send_only_what_they_draw() -> None:
    rng = np.random.default_rng(0)
    places = rng.normal(0, 100, (1000, 2))
    plain = layers.points(ground(), "a", places, LIGHT.truth)
    assert set(drawn(plain)[0]) == {"p"}
    assert len(json.dumps(drawn(plain), separators=(",", ":"))) / 1000 < 40
    named = layers.points(ground(), "b", places, LIGHT.truth, texts=["x"] * 1000)
    assert set(drawn(named)[0]) == {"p", "i", "t"}
    lines = layers.segments(ground(), "c", places, places + 5, LIGHT.faint)
    assert set(drawn(lines)[0]) == {"a", "b"}
    assert len(json.dumps(drawn(lines), separators=(",", ":"))) / 1000 < 70


def test_a_click_reports_the_row_that_was_given() -> None:
    layer = layers.points(ground(), "a", [[0, 0], [1, 1]], "#000000", texts=["x", "y"], rows=[7, 3])
    assert [entry["i"] for entry in drawn(layer)] == [7, 3]


def test_a_deck_is_sent_without_spaces_and_is_the_same_json() -> None:
    layer = layers.points(ground(), "a", [[0, 0], [1, 1]], "#000000", texts=["x y", "z"])
    made = deck(ground(), [layer], LIGHT)
    assert json.loads(made.to_json()) == json.loads(pdk.Deck.to_json(made))
    assert "\n" not in made.to_json()
    assert '": ' not in made.to_json()


def test_of_very_many_photos_of_a_data_set_evenly_chosen_ones_are_drawn() -> None:
    assert photo_map.drawn_rows([3, 1, 2]) == [3, 1, 2]
    rows = list(range(0, 100_000, 2))
    chosen = photo_map.drawn_rows(rows)
    assert len(set(chosen)) == photo_map.MOST_DOTS
    assert set(chosen) <= set(rows)
    assert max(np.diff(chosen)) <= 28


def test_file_names_are_shown_as_text_not_as_html() -> None:
    made = json.loads(deck(ground(), [], LIGHT).to_json())
    assert "html" not in json.dumps(made.get("tooltip", {}))


def test_every_letter_of_a_region_name_is_drawn() -> None:
    layer = layers.labels(ground(), "n", [[0, 0]], ["Bücherei 図"], LIGHT)
    assert set("Bücherei 図") <= set(json.loads(layer.to_json())["characterSet"])


def test_hull_of_a_square_leaves_out_the_middle() -> None:
    points = [[0, 0], [0, 2], [2, 0], [2, 2], [1, 1], [1, 0]]
    assert {tuple(corner) for corner in backdrop.convex_hull(points)} == {
        (0, 0), (0, 2), (2, 0), (2, 2),
    }  # fmt: skip


@pytest.mark.parametrize("points", [[[1, 1]], [[1, 1], [1, 1]], [[0, 0], [1, 1], [2, 2]]])
def test_hull_of_too_little_is_no_area(points: list[list[float]]) -> None:
    assert len(backdrop.convex_hull(points)) < 3


def test_one_wrong_label_does_not_stretch_a_region() -> None:
    rng = np.random.default_rng(1)
    cloud = np.vstack([rng.normal(0, 10, (60, 2)), [[5000.0, 0.0]]])
    assert np.abs(backdrop.outline(cloud)).max() < 60


def test_a_ground_is_not_stretched_by_one_wrong_label_either() -> None:
    cloud = np.vstack([np.random.default_rng(2).normal(0, 50, (500, 2)), [[90_000.0, 0.0]]])
    south, _, north, _ = Ground.around(DEGREES, cloud).extent_m
    assert north - south < 500


def test_a_ground_is_not_stretched_by_a_few_rows_of_another_place() -> None:
    campus = np.random.default_rng(2).uniform(-200, 200, (272, 2))
    few = [[13_000.0, 0.0], [0.0, -9_000.0], [12_000.0, 0.0]]
    south, west, north, east = Ground.around(DEGREES, np.vstack([campus, few])).extent_m
    assert max(north - south, east - west) < 450


def test_a_ground_across_the_antimeridian_has_neighbouring_longitudes() -> None:
    across = Ground.around(LocalFrame(CoordinateFrame("degrees"), (-16.8, 180.0)), [[0.0, 0.0]])
    (west, _), (east, _) = across.places([[0.0, -50.0], [0.0, 50.0]])
    assert 0.0 < east - west < 0.002


def test_regions_keep_their_colours_when_others_are_filtered_away() -> None:
    colours = backdrop.region_colours(["1", "2", "10"])
    assert colours["10"] == backdrop.region_colours(["1", "2", "10", "11"])["10"]


def test_grid_has_few_round_steps() -> None:
    assert backdrop.grid_step_m(430) == 50
    assert backdrop.grid_step_m(4000) == 500
    assert backdrop.grid_step_m(10) == 10


def test_a_backdrop_of_very_many_photos_stays_small() -> None:
    places = np.random.default_rng(4).normal(0, 100, (11_203, 2))
    layer = backdrop.faint_photos(ground(), places, LIGHT)
    assert 3000 < len(drawn(layer)) <= backdrop.MOST_FAINT
    assert len(drawn(backdrop.faint_photos(ground(), places[:50], LIGHT))) == 50


def boxes(middle_px: np.ndarray, texts: list[str], offsets: np.ndarray) -> list[np.ndarray]:
    """What each text covers on the screen: `[[left, top], [right, bottom]]`."""
    half = [np.array([3.4 * max(map(len, text.split("\n"))), 7.0 * len(text.split("\n"))])
            for text in texts]  # fmt: skip
    places = middle_px[:, ::-1] + offsets
    return [np.stack([place - own, place + own]) for place, own in zip(places, half, strict=True)]


def test_names_of_near_regions_do_not_overlap() -> None:
    rng = np.random.default_rng(5)
    middle_px = rng.uniform(-40.0, 40.0, (6, 2))
    texts = ["Innovation Park", "Lake Garden", "Arts Centre", "Gate", "Library\n7.4 m", "Lab"]
    offsets = layers.label_offsets(middle_px, texts, 12)
    covered = boxes(middle_px, texts, offsets)
    for number, first in enumerate(covered):
        for second in covered[:number]:
            sides = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
            assert sides.min() <= 0.0, (texts[number], first, second)
    # Without the offsets some would.
    apart = layers.label_offsets(np.array([[0.0, 0.0], [0.0, 500.0]]), ["a", "b"], 12)
    assert not apart.any()
    assert np.abs(offsets).max() > 0


def test_positions_beyond_the_map_are_marked_where_its_border_is_nearest() -> None:
    here = ground()
    positions = [[0.0, 0.0], [13_000.0, 0.0], [-5_000.0, -5_000.0], [260.0, 0.0], [np.nan, 1.0]]
    assert here.beyond(positions).tolist() == [False, True, True, False, False]
    border = here.at_border(positions)
    _, west, north, _ = here.extent_m
    np.testing.assert_allclose(border[0], [0.0, 0.0])
    np.testing.assert_allclose(border[1], [north, 0.0])
    np.testing.assert_allclose(border[2], [west, west])
    (layer,) = layers.far_marks(
        here, "far", positions, "#112233", texts=list("abcde"), rows=[10, 11, 12, 13, 14]
    )
    assert [(mark["i"], mark["t"]) for mark in drawn(layer)] == [
        (11, "b: 13,000 m away"), (12, "c: 7,071 m away"),
    ]  # fmt: skip
    corners = DEGREES.from_degrees(np.array(drawn(layer)[0]["s"])[:, ::-1])
    # The tip is on the border and the shaft inside.
    assert corners[:, 0].max() == pytest.approx(north, abs=0.2)
    assert corners[:, 0].min() > 0.8 * north
    assert layers.far_marks(here, "far", [[0.0, 0.0]], "#112233", texts=["a"], rows=[0]) == []


def test_far_photos_of_a_region_do_not_stretch_its_outline() -> None:
    rng = np.random.default_rng(2)
    near = rng.uniform(-80.0, 80.0, (20, 2))
    place = backdrop.MapRegion("1", "One", np.concatenate([near, np.full((3, 2), 9_000.0)]))
    shape = drawn(backdrop.region_outlines(ground(), [place], LIGHT))[0]["s"][0]
    corners = DEGREES.from_degrees(np.array(shape)[:, ::-1])
    assert np.abs(corners).max() < 81.0


def test_an_area_is_drawn_in_place_of_the_hull() -> None:
    square = ((78.3485, 17.4445), (78.3495, 17.4445), (78.3495, 17.4455), (78.3485, 17.4445))
    hole = ((78.349, 17.4448), (78.3491, 17.4448), (78.3491, 17.4449), (78.349, 17.4448))
    area = Area(region="1", polygons=((square, hole), (hole,)))
    rng = np.random.default_rng(0)
    places = np.vstack([rng.normal(0, 9, (20, 2)), rng.normal(80, 9, (20, 2))])
    order = ["1", "2"]
    campus = backdrop.Backdrop(DEGREES, places, ["1"] * 20 + ["2"] * 20, order, areas=[area])
    (layer,) = (layer for layer in campus.below(LIGHT) if layer.id == "regions")
    first, second, other = drawn(layer)
    assert np.array(first["s"][0]) == pytest.approx(np.array(square), abs=2e-6)
    assert np.array(first["s"][1]) == pytest.approx(np.array(hole), abs=2e-6)
    assert len(second["s"]) == 1
    assert first["c"] == second["c"] != other["c"]
    # The region without an area keeps the hull of its photos.
    assert len(other["s"]) == 1
    assert np.ptp(np.array(other["s"][0])[:, 1]) < 6e-4
