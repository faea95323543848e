"""Render and compare: a view's pixels must be what a camera at the updated heading would see."""

import numpy as np
import pytest

from core.dataset.augment import View, render_view, resize_photo, roomiest_side, slack
from core.geo import wrap_heading_deg

SIZE = 200
HFOV_DEG = 65.0


def project(
    landmarks: np.ndarray, camera_m: np.ndarray, heading_deg: float, roll_deg: float = 0.0
) -> np.ndarray:
    """Continuous pixels `(n, 2)` of landmarks `(n, 3)` `[north, east, up]` in a pinhole camera."""
    heading, roll = np.deg2rad(heading_deg), np.deg2rad(roll_deg)
    ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
    right = np.array([-np.sin(heading), np.cos(heading), 0.0])
    offset = landmarks - camera_m
    depth = offset @ ahead
    level = np.column_stack([offset @ right, -offset[:, 2]]) / depth[:, None]
    # A camera rolled clockwise sees the scene turned counter-clockwise.
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    focal = SIZE / 2 / np.tan(np.deg2rad(HFOV_DEG) / 2)
    return level @ turn.T * focal + SIZE / 2


def seen_through(view: View, pixels: np.ndarray) -> np.ndarray:
    """Where a view shows the photo's pixels `(n, 2)`."""
    from_photo = np.linalg.inv(view.to_photo(SIZE, SIZE))
    moved = np.column_stack([pixels, np.ones(len(pixels))]) @ from_photo.T
    return moved[:, :2] / moved[:, 2:]


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """60 landmarks about 40 m ahead of a camera that faces east."""
    rng = np.random.default_rng(0)
    landmarks = np.column_stack(
        [rng.uniform(-15, 15, 60), rng.uniform(30, 60, 60), rng.uniform(-4, 12, 60)]
    )
    return landmarks, np.zeros(3)


def zoomed(pixels: np.ndarray, side: float) -> np.ndarray:
    return (pixels - SIZE / 2) / side + SIZE / 2


@pytest.mark.trap(name="off-centre crops with the heading unchanged")
@pytest.mark.parametrize("right", [-0.05, 0.05, 0.053])
def test_a_crop_shows_what_a_camera_at_the_updated_heading_sees(
    scene: tuple[np.ndarray, np.ndarray], right: float
) -> None:
    landmarks, camera = scene
    view = View(side=0.89, right=right)
    heading = 90.0 + view.heading_shift_deg(HFOV_DEG)
    shown = seen_through(view, project(landmarks, camera, 90.0))
    wanted = zoomed(project(landmarks, camera, heading), view.side)
    inside = ((wanted > 0) & (wanted < SIZE)).all(axis=1)
    assert inside.sum() > 20
    # A crop is no true turn of the camera: what remains is its keystone, not a shift.
    error = np.abs(shown - wanted)[inside] / SIZE
    assert np.median(error) < 0.005
    assert error.max() < 0.02
    left_as_it_was = zoomed(project(landmarks, camera, 90.0), view.side)
    assert np.median(np.abs(shown - left_as_it_was)[inside, 0]) / SIZE > 0.04


def test_the_centre_of_a_crop_is_exactly_where_the_new_heading_points() -> None:
    for right in (-0.2, 0.1, 0.25):
        view = View(side=0.5, right=right, down=0.1, roll_deg=7.0, skew_x=0.02)
        heading = np.deg2rad(30.0 + view.heading_shift_deg(HFOV_DEG))
        ahead = np.array([[50 * np.cos(heading), 50 * np.sin(heading), 0.0]])
        at_height = np.array([0.0, 0.0, 50 * np.tan(np.deg2rad(HFOV_DEG) / 2) * 0.2])
        # The landmark stands where the lowered centre of the crop looks.
        depth = 50 * np.cos(np.deg2rad(view.heading_shift_deg(HFOV_DEG)))
        landmark = ahead - at_height * depth / 50
        pixel = seen_through(view, project(landmark, np.zeros(3), 30.0))
        np.testing.assert_allclose(pixel, [[SIZE / 2, SIZE / 2]], atol=1e-6)


def test_a_crop_to_the_right_turns_clockwise_by_the_documented_angle() -> None:
    assert View(side=0.5, right=0.25).heading_shift_deg(65.0) == pytest.approx(17.66, abs=0.01)
    assert View(side=0.5, right=-0.25).heading_shift_deg(65.0) == pytest.approx(-17.66, abs=0.01)
    assert View(side=0.5, down=0.25, roll_deg=20.0).heading_shift_deg(65.0) == 0.0


@pytest.mark.trap(name="roll counted as a turn of the heading")
def test_roll_shows_what_a_rolled_camera_at_the_same_heading_sees(
    scene: tuple[np.ndarray, np.ndarray],
) -> None:
    landmarks, camera = scene
    view = View(side=0.9, roll_deg=8.0)
    shown = seen_through(view, project(landmarks, camera, 90.0))
    wanted = zoomed(project(landmarks, camera, 90.0, roll_deg=8.0), view.side)
    np.testing.assert_allclose(shown, wanted, atol=1e-6)


@pytest.mark.trap(name="mirrored photos under 360 - heading")
def test_no_heading_explains_a_mirrored_photo(scene: tuple[np.ndarray, np.ndarray]) -> None:
    landmarks, camera = scene
    photo = project(landmarks, camera, 40.0 + 50.0)
    mirrored = np.column_stack([SIZE - photo[:, 0], photo[:, 1]])
    in_front = landmarks - camera
    best = np.inf
    for heading in np.arange(0.0, 360.0, 1.0):
        ahead = np.array([np.cos(np.deg2rad(heading)), np.sin(np.deg2rad(heading)), 0.0])
        if ((in_front @ ahead) > 1.0).all():
            seen = project(landmarks, camera, heading)
            best = min(best, float(np.median(np.linalg.norm(seen - mirrored, axis=1))))
    assert best / SIZE > 0.1


@pytest.mark.trap(name="roll counted as a turn of the heading")
@pytest.mark.parametrize("roll", [0.0, -8.0, 15.0])
@pytest.mark.parametrize("skew", [(0.0, 0.0), (0.05, -0.03)])
def test_the_roomiest_view_lies_inside_the_photo(roll: float, skew: tuple[float, float]) -> None:
    side = roomiest_side(roll, *skew)
    view = View(side, 0.0, 0.0, roll, *skew)
    corners = np.array([[0, 0, 1], [SIZE, 0, 1], [0, SIZE, 1], [SIZE, SIZE, 1]], float)
    moved = corners @ view.to_photo(SIZE, SIZE).T
    moved = moved[:, :2] / moved[:, 2:]
    assert moved.min() >= -1e-9
    assert moved.max() <= SIZE + 1e-9
    assert slack(view) == pytest.approx(0.0)


def test_the_whole_view_is_the_photo_itself() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(render_view(photo, View(), 64), photo)
    np.testing.assert_array_equal(resize_photo(photo, 64), photo)


def test_pixels_go_where_the_homography_says() -> None:
    photo = np.zeros((SIZE, SIZE, 3), np.uint8)
    photo[118:122, 138:142] = 255
    view = View(side=0.8, right=0.06, down=-0.02, roll_deg=6.0, skew_x=0.02, skew_y=-0.01)
    rendered = render_view(photo, view, SIZE)[..., 0].astype(float)
    down, across = np.indices(rendered.shape)
    found = np.array([(across + 0.5) * rendered, (down + 0.5) * rendered]).sum(axis=(1, 2))
    wanted = seen_through(view, np.array([[140.0, 120.0]]))[0]
    np.testing.assert_allclose(found / rendered.sum(), wanted, atol=0.1)


def test_a_large_photo_is_averaged_before_it_is_sampled() -> None:
    checks = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = np.stack([checks] * 3, -1)
    for small in (render_view(photo, View(side=0.9), 64), resize_photo(photo, 64)):
        assert np.abs(small.astype(int) - 127).max() <= 2


def test_shifts_stay_headings() -> None:
    shifted = 359.0 + View(side=0.5, right=0.25).heading_shift_deg(65.0)
    assert 0.0 <= wrap_heading_deg(shifted) < 20.0
