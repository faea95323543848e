"""Any photo of the demo campus, by number: its pixels, its exact truth and its noisy label."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import effects
from core.demo.camera import Camera, render_view
from core.demo.errors import DemoError
from core.demo.light import Light, make_light
from core.demo.names import PHOTOS_PER_WALK, photo_index, photo_name
from core.demo.seeds import stream
from core.demo.walks import Pose, plan_walk
from core.demo.world import World, build_world

__all__ = [
    "PhotoTruth", "photo_index", "photo_jpeg", "photo_light", "photo_name", "photo_pose",
    "photo_truth", "render_photo",
]  # fmt: skip


@dataclass(frozen=True)
class PhotoTruth:
    """The exact pose behind a photo, in local metres about the campus centre."""

    index: int
    north_m: float
    east_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    hfov_deg: float
    eye_m: float
    region: int
    walk: int
    visit: int
    stop: int
    hour: float


@lru_cache(maxsize=64)
def _walk(seed: int, number: int) -> list[Pose]:
    return plan_walk(build_world(seed), number)


def photo_pose(seed: int, index: int) -> Pose:
    """Pose and label of a photo."""
    if index < 0 or seed < 0:
        raise DemoError(f"seed and photo number must not be negative, got {seed} and {index}")
    return _walk(seed, index // PHOTOS_PER_WALK)[index % PHOTOS_PER_WALK]


def photo_truth(world: World, pose: Pose) -> PhotoTruth:
    """The exact pose with its region: the polygon that holds the true position."""
    region = int(world.plan.region_of(np.array([[pose.north_m, pose.east_m]]))[0])
    return PhotoTruth(
        pose.index, pose.north_m, pose.east_m, pose.heading_deg, pose.pitch_deg, pose.roll_deg,
        pose.walk.hfov_deg, pose.eye_m, region, pose.walk.number, pose.walk.visit, pose.stop,
        pose.hour,
    )  # fmt: skip


def photo_light(seed: int, pose: Pose) -> Light:
    """Light at the moment of a photo; clouds drift from walk to walk."""
    walk = pose.walk
    drift = stream(seed, "clouds", walk.number).uniform(0, 100, 2)
    return make_light(pose.hour, walk.declination_deg, walk.cloud, drift, walk.haze_m)


def photo_jpeg(seed: int, index: int) -> bytes:
    """A photo as the JPEG bytes that a build writes."""
    cv2.setNumThreads(1)  # small images: threads cost more than they give
    world, pose = build_world(seed), photo_pose(seed, index)
    walk = pose.walk
    camera = Camera(pose.north_m, pose.east_m, pose.heading_deg, walk.hfov_deg, pose.pitch_deg,
                    pose.roll_deg, pose.eye_m)  # fmt: skip
    view = render_view(world, camera, photo_light(seed, pose), walk.visit)
    rng = stream(seed, "photo", index)
    image = effects.develop(view, walk.phone, stream(seed, "develop", walk.number), rng)
    return effects.compress(image, int(rng.integers(62, 96)))


def render_photo(seed: int, index: int) -> tuple[npt.NDArray[np.uint8], PhotoTruth]:
    """Pixels ``(224, 224, 3)`` RGB uint8 of a photo, as decoded from its JPEG, and its truth."""
    pixels = effects.expand(photo_jpeg(seed, index))
    return pixels, photo_truth(build_world(seed), photo_pose(seed, index))
