"""The world is not mirrored, headings run clockwise from north, and tilt does what it says."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from core.demo.light import Light, make_light, sun_position
from core.demo.photo import Camera, render_view
from core.demo.raycast import Scenery, WallSet, mip
from core.demo.textures import pack
from core.demo.world import World

NOON = 12.0


@pytest.fixture(scope="module")
def light() -> Light:
    return make_light(NOON, 0.0, 0.9, (0.0, 0.0), haze_m=1e6)


@pytest.fixture(scope="module")
def bare(world: World) -> World:
    """The same ground under the same sky, with one far wall and nothing else."""
    nowhere = np.array([[500.0, 0.0]], dtype=np.float32)
    walls = WallSet(nowhere, nowhere + 1, np.ones(1, np.float32), np.zeros(1, np.int64),
                    np.ones(1, np.float32))  # fmt: skip
    return replace(world, walls=walls, fixed=Scenery.of([]), visits=(Scenery.of([]),) * 2)


def with_post(bare: World, north_m: float, east_m: float, height_m: float = 1.0) -> World:
    """A magenta post, 0.4 m wide."""
    paint = np.zeros((64, 64, 4), dtype=np.uint8)
    paint[..., (0, 2, 3)] = 255
    rows = [(north_m, east_m, height_m, 0.4, 0, 1, np.nan, False)]
    return replace(bare, fixed=Scenery.of(rows), sprites=[mip(paint)])


def find(picture: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Mean column and row of the magenta pixels."""
    magenta = (picture[..., 0] > 2 * picture[..., 1]) & (picture[..., 2] > 2 * picture[..., 1])
    rows, columns = np.nonzero(magenta)
    assert len(rows) > 10, "the post is not in the picture"
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize(
    ("heading", "ahead"), [(0, (10, 0)), (90, (0, 10)), (180, (-10, 0)), (270, (0, -10))]
)
def test_a_post_dead_ahead_is_in_the_middle(
    bare: World, light: Light, heading: int, ahead: tuple[int, int]
) -> None:
    column, row = find(render_view(with_post(bare, *ahead), Camera(0, 0, heading), light))
    assert column == pytest.approx(111.5, abs=1)
    assert row > 112, "what stands on the ground is below the horizon"


@pytest.mark.parametrize(
    ("heading", "spot"), [(0, (10, 3)), (90, (-3, 10)), (180, (-10, -3)), (270, (3, -10))]
)
def test_what_is_to_the_right_appears_to_the_right(
    bare: World, light: Light, heading: int, spot: tuple[int, int]
) -> None:
    camera = Camera(0, 0, heading)
    column, _ = find(render_view(with_post(bare, *spot), camera, light))
    assert column == pytest.approx(111.5 + 0.3 * camera.focal, abs=1.5)


def test_pitching_up_lowers_the_scene_and_rolling_clockwise_lifts_its_right(
    bare: World, light: Light
) -> None:
    scene = with_post(bare, 10, 3)
    _, level = find(render_view(scene, Camera(0, 0, 0), light))
    _, pitched = find(render_view(scene, Camera(0, 0, 0, pitch_deg=5), light))
    _, rolled = find(render_view(scene, Camera(0, 0, 0, roll_deg=5), light))
    focal = Camera(0, 0, 0).focal
    assert pitched - level == pytest.approx(focal * np.tan(np.deg2rad(5)), rel=0.15)
    assert level - rolled == pytest.approx(0.3 * focal * np.sin(np.deg2rad(5)), rel=0.25)


def test_a_wall_is_read_left_to_right_from_its_face(bare: World, light: Light) -> None:
    texture = np.zeros((64, 128, 3), dtype=np.uint8)
    texture[:, :64, 0] = 255  # red, then blue
    texture[:, 64:, 2] = 255
    walls = WallSet(
        np.array([[8, -4]], np.float32), np.array([[8, 4]], np.float32),
        np.array([4], np.float32), np.zeros(1, np.int64), np.array([64], np.float32),
    )  # fmt: skip
    scene = replace(bare, walls=walls, atlas=pack([texture]))
    picture = render_view(scene, Camera(0, 0, 0), light)
    assert picture[100, 80, 0] > 2 * picture[100, 80, 2], "its start is on the left"
    assert picture[100, 144, 2] > 2 * picture[100, 144, 0]
    behind = render_view(scene, Camera(16, 0, 180), light)
    assert behind[100, 112, 0] == pytest.approx(behind[100, 112, 2], rel=0.5), "no back face"


def test_turning_the_camera_equals_turning_the_picture(bare: World, light: Light) -> None:
    """Turned by 8 degrees, the same place is a homography of the unturned picture."""
    camera = Camera(20, -30, 40)
    first = render_view(bare, camera, light)
    second = render_view(bare, replace(camera, heading_deg=48), light)
    turn = np.deg2rad(8)
    spin = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    lens = np.array([[camera.focal, 0, 111.5], [0, camera.focal, 111.5], [0, 0, 1]])
    matrix = lens @ spin @ np.linalg.inv(lens)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpPerspective(first, matrix, (224, 224), flags=flags)
    left = np.s_[20:204, 20:150]  # the right edge was outside the first picture
    right_way = np.abs(turned[left] - second[left]).mean()
    assert right_way < 0.02
    assert np.abs(first[left] - second[left]).mean() > 2 * right_way


def test_the_sun_rises_in_the_east_and_crosses_the_sky() -> None:
    morning, noon, evening = (sun_position(hour, -19.0) for hour in (7.0, 12.0, 17.0))
    assert 90 < np.rad2deg(morning[0]) < 120
    assert np.rad2deg(noon[0]) == pytest.approx(180, abs=0.1)
    assert np.rad2deg(noon[1]) == pytest.approx(90 - 12 - 19, abs=0.1)
    assert 240 < np.rad2deg(evening[0]) < 270
