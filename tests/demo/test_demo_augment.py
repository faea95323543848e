"""Render and compare: what truthful augmentation does to the label, the world itself confirms."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from core.dataset.augment import augment_photo, reference_mirror
from core.dataset.augment_schema import AugmentConfig
from core.demo.light import Light, make_light
from core.demo.photo import Camera, render_view
from core.demo.walks import plan_walk
from core.demo.world import World

HFOV_DEG = 70.0
SHARE = 0.5
"""Area of the crop: half of the photo, which may turn the axis by about 13 degrees."""

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def light() -> Light:
    return make_light(11.0, 0.0, 0.2, (0.0, 0.0), haze_m=1e6)


@pytest.fixture(scope="module")
def cameras(world: World) -> list[Camera]:
    poses = plan_walk(world, 0)[::3]
    return [Camera(pose.north_m, pose.east_m, pose.heading_deg, HFOV_DEG) for pose in poses]


def render(world: World, camera: Camera, light: Light) -> Picture:
    return np.clip(255.0 * render_view(world, camera, light), 0, 255).astype(np.uint8)


def centre(picture: Picture) -> Picture:
    """What a centred crop of the same size shows."""
    config = AugmentConfig.off().model_copy(
        update={"crop_probability": 1.0, "crop_scale": (SHARE, SHARE), "crop_offset": 0.0}
    )
    return augment_photo(picture, 0.0, HFOV_DEG, config, np.random.default_rng(0), 112)[0]


def unlikeness(first: Picture, second: Picture) -> float:
    """One minus the best correlation over small vertical shifts: a crop also tilts the camera."""
    columns = [picture.astype(np.float64).mean(axis=2) for picture in (first, second)]
    best = -1.0
    for shift in range(-24, 25, 2):
        rows = slice(24, -24)
        moved = np.roll(columns[1], shift, axis=0)[rows]
        best = max(best, float(np.corrcoef(columns[0][rows].ravel(), moved.ravel())[0, 1]))
    return 1.0 - best


@pytest.mark.trap(name="off-centre crops with the heading unchanged")
def test_an_off_centre_crop_shows_what_the_turned_heading_sees(
    world: World, light: Light, cameras: list[Camera]
) -> None:
    config = AugmentConfig.off().model_copy(
        update={"crop_probability": 1.0, "crop_scale": (SHARE, SHARE), "crop_offset": 1.0}
    )
    turned, unturned, opposite = [], [], []
    for seed, camera in enumerate(cameras):
        photo = render(world, camera, light)
        rng = np.random.default_rng(seed)
        crop, heading = augment_photo(photo, camera.heading_deg, HFOV_DEG, config, rng, 112)
        turn = (heading - camera.heading_deg + 180.0) % 360.0 - 180.0
        if abs(turn) < 4.0:
            continue
        for heading_deg, found in (
            (camera.heading_deg + turn, turned),
            (camera.heading_deg, unturned),
            (camera.heading_deg - turn, opposite),
        ):
            other = render(world, replace(camera, heading_deg=heading_deg % 360.0), light)
            found.append(unlikeness(crop, centre(other)))

    assert len(turned) >= 4
    assert np.median(turned) < 0.6 * np.median(unturned)
    assert np.median(turned) < 0.6 * np.median(opposite)


@pytest.mark.trap(name="mirrored photos under 360 - heading")
def test_a_mirrored_photo_is_not_what_the_reference_rule_says(
    world: World, light: Light, cameras: list[Camera]
) -> None:
    mirrored, same = [], []
    for camera in cameras:
        photo = render(world, camera, light)
        heading = reference_mirror(camera.heading_deg)
        there = render(world, replace(camera, heading_deg=heading), light)
        mirrored.append(unlikeness(photo[:, ::-1], there))
        same.append(unlikeness(photo, render(world, camera, light)))

    assert max(same) < 1e-6
    assert np.median(mirrored) > 0.2
