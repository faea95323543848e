"""Any photo of the demo campus by its number: pixels, exact truth and noisy label.

A phone camera in the world renders an ideal picture of a pose; exposure, white balance, tone, blur,
noise and JPEG make a photo of it.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import raycast, sky
from core.demo.light import Light, cast_shadows, make_light
from core.demo.raycast import Eye
from core.demo.seeds import PHOTOS_PER_WALK, photo_index, photo_name, stream
from core.demo.walks import Pose, plan_walk
from core.demo.world import World, build_world
from core.errors import DemoError

Picture = npt.NDArray[np.float32]
_LUMA = np.array([0.3, 0.59, 0.11], dtype=np.float32)
_PHONE_BALANCE = np.array(
    [[1.0, 1.0, 1.0], [1.05, 1.0, 0.95], [0.95, 1.0, 1.06], [1.02, 0.98, 1.0], [0.98, 1.02, 0.98]],
    dtype=np.float32,
)


def develop(picture: Picture, phone: int, walk_rng: np.random.Generator,
            rng: np.random.Generator) -> npt.NDArray[np.uint8]:  # fmt: skip
    """An ideal picture as a phone would deliver it, before compression.

    Args:
        picture: ``(h, w, 3)`` float RGB.
        phone: which phone of the campus.
        walk_rng: draws what stays for a walk; the caller makes it afresh for each photo.
        rng: draws what changes from photo to photo.

    Returns:
        ``(h, w, 3)`` uint8 RGB.
    """
    warmth = walk_rng.normal(0, 0.07) + rng.normal(0, 0.035)
    tint = walk_rng.normal(0, 0.025)
    balance = _PHONE_BALANCE[phone] * np.exp(np.array([warmth, tint, -warmth])).astype(np.float32)
    saturation = float(np.clip(walk_rng.normal(1.02, 0.16), 0.6, 1.4))
    contrast = float(np.clip(walk_rng.normal(1.06, 0.13), 0.75, 1.4))
    lift = float(abs(walk_rng.normal(0, 0.02)))
    luma = picture @ _LUMA
    metered = float(luma.mean() * 0.55 + np.percentile(luma[::4, ::4], 92) * 0.3)
    gain = 0.49 / max(metered, 0.05) * 2 ** float(rng.normal(0, 0.24) + walk_rng.normal(0, 0.2))
    image = picture * (balance * np.float32(gain))
    grey = (image @ _LUMA)[..., None]
    image = grey + (image - grey) * np.float32(saturation)
    image = (image - 0.45) * np.float32(contrast) + 0.45
    image = np.clip(image, 0, None)
    image = np.where(image > 0.75, 0.75 + 0.27 * (1 - np.exp(-(image - 0.75) / 0.27)), image)
    image = (lift + image * (1 - lift)) * _vignette(image.shape[0], float(rng.uniform(0, 0.22)))
    return _sense(_blur(image.astype(np.float32), rng), rng)


def _vignette(side: int, strength: float) -> Picture:
    axis = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    fade = 1 - np.float32(strength) * (axis[:, None] + axis[None]) / 2
    return np.asarray(fade[..., None], dtype=np.float32)


def _blur(image: Picture, rng: np.random.Generator) -> Picture:
    kind = rng.random()
    if kind < 0.07:  # a moving hand
        length = int(rng.integers(2, 6))
        kernel = np.zeros((7, 7), dtype=np.float32)
        angle = rng.uniform(0, np.pi)
        for step in np.linspace(-length / 2, length / 2, 15):
            kernel[round(3 + np.sin(angle) * step), round(3 + np.cos(angle) * step)] = 1
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), dtype=np.float32)
    sigma = float(abs(rng.normal(0, 0.5))) + 0.15
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)


def _sense(image: Picture, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    level = float(rng.gamma(2.0, 0.0045))
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(level)
    return np.clip((image + noise) * 255 + 0.5, 0, 255).astype(np.uint8)


def compress(image: npt.NDArray[np.uint8], quality: int) -> bytes:
    """JPEG bytes of an RGB image."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DemoError(f"could not encode a picture of shape {image.shape} as JPEG")
    return data.tobytes()


def expand(data: bytes) -> npt.NDArray[np.uint8]:
    """RGB pixels of JPEG bytes."""
    found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise DemoError("could not decode a picture that was just encoded")
    return np.ascontiguousarray(found[..., ::-1], dtype=np.uint8)


SIDE = 224
_OVERSAMPLE = 1.5
_MAX_SLOPE = 1.6


@dataclass(frozen=True)
class Camera:
    """Where a photo is taken and how the phone is held.

    Attributes:
        north_m, east_m: position about the campus centre.
        heading_deg: degrees clockwise from north of the optical axis.
        hfov_deg: horizontal field of view.
        pitch_deg: optical axis above the horizon.
        roll_deg: phone turned clockwise, as its holder sees it.
        eye_m: height above ground.
        side: pixels of the square picture.
    """

    north_m: float
    east_m: float
    heading_deg: float
    hfov_deg: float = 67.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    eye_m: float = 1.6
    side: int = SIDE

    @property
    def focal(self) -> float:
        """Focal length in pixels of the final picture."""
        return float(self.side / 2 / np.tan(np.deg2rad(self.hfov_deg) / 2))

    def rotation(self) -> npt.NDArray[np.float64]:
        """``(3, 3)`` from camera axes (right, down, forward) to the level axes of the heading."""
        pitch, roll = np.deg2rad(self.pitch_deg), np.deg2rad(self.roll_deg)
        cp, sp, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
        tilt = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(tilt @ turn)


def render_view(
    world: World, camera: Camera, light: Light, visit: int = 0
) -> npt.NDArray[np.float32]:
    """Ideal picture of the world.

    Args:
        world: the campus.
        camera: the pose.
        light: the moment's light.
        visit: which visit's cars and people are there.

    Returns:
        ``(side, side, 3)`` float32 RGB, linear in exposure, about 0..1.
    """
    eye = _level_eye(camera)
    canvas = _render_level(world, eye, light, visit)
    fine = round(camera.side * _OVERSAMPLE)
    focal = camera.focal * fine / camera.side
    inverse = np.array([[1 / focal, 0, (0.5 - fine / 2) / focal],
                        [0, 1 / focal, (0.5 - fine / 2) / focal], [0, 0, 1]])  # fmt: skip
    to_canvas = np.array([[eye.focal, 0, -eye.slope_x[0] * eye.focal],
                          [0, eye.focal, -eye.slope_down[0] * eye.focal], [0, 0, 1]])  # fmt: skip
    matrix = to_canvas @ camera.rotation() @ inverse
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpPerspective(
        canvas, matrix, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(picture, (camera.side, camera.side), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _level_eye(camera: Camera) -> Eye:
    """The smallest level view that covers the tilted one."""
    half = np.tan(np.deg2rad(camera.hfov_deg) / 2)
    corners = np.array([(x, y, 1.0) for x in (-half, half) for y in (-half, half)])
    rays = corners @ camera.rotation().T
    slopes = np.clip(rays[:, :2] / rays[:, 2:], -_MAX_SLOPE, _MAX_SLOPE)
    focal = camera.focal * _OVERSAMPLE
    low, high = slopes.min(axis=0) - 2 / focal, slopes.max(axis=0) + 2 / focal
    columns, rows = (np.ceil((high - low) * focal)).astype(int) + 1
    return Eye(camera.north_m, camera.east_m, camera.eye_m, float(np.deg2rad(camera.heading_deg)),
               focal, (low[0] + np.arange(columns) / focal).astype(np.float32),
               (low[1] + np.arange(rows) / focal).astype(np.float32))  # fmt: skip


def _render_level(world: World, eye: Eye, light: Light, visit: int) -> npt.NDArray[np.float32]:
    canvas = np.zeros((len(eye.slope_down), len(eye.slope_x), 3), dtype=np.float32)
    depth, along, index = raycast.wall_hits(world.walls, eye)
    surface = raycast.find_surface(world.walls, eye, depth, index)
    horizon = int(np.searchsorted(eye.slope_down, 0.0)) + 1
    canvas[:horizon] = sky.paint_sky(
        world.surroundings, light, eye.heading, eye.slope_x, -eye.slope_down[:horizon]
    )
    patch = cast_shadows(world.heights, light, eye.north_m, eye.east_m)
    raycast.colour_ground(canvas, surface, eye, world.ground, light, patch)
    raycast.colour_walls(canvas, surface, eye, world.walls, world.atlas, light, along, index)
    solid = np.isfinite(surface.depth)
    haze = np.exp(-np.where(solid, surface.depth, 0) / np.float32(light.haze_m))[..., None]
    canvas *= haze
    canvas += light.horizon * (1 - haze)
    scenery = world.fixed.plus(world.visits[visit])
    raycast.draw_billboards(canvas, surface.depth, eye, light, scenery, world.sprites)
    return canvas


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
    image = develop(view, walk.phone, stream(seed, "develop", walk.number), rng)
    return compress(image, int(rng.integers(62, 96)))


def render_photo(seed: int, index: int) -> tuple[npt.NDArray[np.uint8], PhotoTruth]:
    """Pixels ``(224, 224, 3)`` RGB uint8 of a photo, as decoded from its JPEG, and its truth."""
    pixels = expand(photo_jpeg(seed, index))
    return pixels, photo_truth(build_world(seed), photo_pose(seed, index))
