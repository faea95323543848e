"""A phone camera in the world: a pose in, an ideal picture out (no noise, no compression)."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import billboards, raycast, shadow, sky
from core.demo.light import Light
from core.demo.raycast import Eye
from core.demo.world import World

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
    patch = shadow.cast(world.heights, light, eye.north_m, eye.east_m)
    raycast.colour_ground(canvas, surface, eye, world.ground, light, patch)
    raycast.colour_walls(canvas, surface, eye, world.walls, world.atlas, light, along, index)
    solid = np.isfinite(surface.depth)
    haze = np.exp(-np.where(solid, surface.depth, 0) / np.float32(light.haze_m))[..., None]
    canvas *= haze
    canvas += light.horizon * (1 - haze)
    scenery = world.fixed.plus(world.visits[visit])
    billboards.draw(canvas, surface.depth, eye, light, scenery, world.sprites)
    return canvas
