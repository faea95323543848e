"""Rendering: ground and walls by column ray casting, then sprites and boards.

Ground and walls are deferred: geometry first, then one remap. Sprites face the camera, boards do
not; both are blended from far to near by depth.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.facades import PPM as WALL_PPM
from core.demo.ground import GRAIN_PPM, GRAIN_SIDE, Ground, to_map
from core.demo.ground import PPM as GROUND_PPM
from core.demo.light import PPM as SHADOW_PPM
from core.demo.light import Light, Shadow
from core.demo.props import Sprite
from core.demo.textures import LEVELS, Atlas

Float = npt.NDArray[np.float32]
_MAX_LAYERS = 8
_NEAR_M = 0.25


@dataclass(frozen=True)
class WallSet:
    """Wall pieces as arrays; each is seen only from the side where it reads start to end.

    Attributes:
        start, end: ``(n, 2)`` float32 north, east.
        height_m: ``(n,)``.
        texture: ``(n,)`` index into the atlas.
        texture_rows: ``(n,)`` rows of that texture at level 0.
    """

    start: Float
    end: Float
    height_m: Float
    texture: npt.NDArray[np.int64]
    texture_rows: Float


@dataclass(frozen=True)
class Eye:
    """A level pinhole: position (metres), heading (radians) and the ray grid."""

    north_m: float
    east_m: float
    height_m: float
    heading: float
    focal: float  # canvas pixels
    slope_x: Float  # (w,) right per forward unit
    slope_down: Float  # (h,) down per forward unit

    def to_view(self, points: npt.NDArray[np.float64] | Float) -> tuple[Float, Float]:
        """``(n, 2)`` north, east to (right, forward) metres, each ``(n,)``."""
        north, east = points[:, 0] - self.north_m, points[:, 1] - self.east_m
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        right, forward = east * cosine - north * sine, north * cosine + east * sine
        return right.astype(np.float32), forward.astype(np.float32)


def wall_hits(walls: WallSet, eye: Eye) -> tuple[Float, Float, npt.NDArray[np.int64]]:
    """Walls met by every column, nearest first, those hidden behind taller nearer ones removed.

    Returns:
        depth ``(k, w)`` (inf where none), position along the wall in metres ``(k, w)``, wall index.
    """
    x0, z0 = eye.to_view(walls.start)
    x1, z1 = eye.to_view(walls.end)
    s = eye.slope_x
    ahead = (z0 > _NEAR_M) | (z1 > _NEAR_M)
    facing = x1 * z0 - x0 * z1 > 0  # start is left of end as seen
    reach = ~((x0 < s[0] * z0) & (x1 < s[0] * z1)) & ~((x0 > s[-1] * z0) & (x1 > s[-1] * z1))
    kept = np.flatnonzero(ahead & facing & reach)
    if not len(kept):
        empty = np.full((1, len(s)), np.inf, dtype=np.float32)
        return empty, np.zeros_like(empty), np.zeros(empty.shape, dtype=np.int64)
    x0, z0, x1, z1 = x0[kept, None], z0[kept, None], x1[kept, None], z1[kept, None]
    below = (x1 - x0) - s[None] * (z1 - z0)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (s[None] * z0 - x0) / below
        depth = z0 + part * (z1 - z0)
        depth[~((part >= 0) & (part <= 1) & (depth > _NEAR_M))] = np.inf
    order = np.argsort(depth, axis=0)
    depth = np.take_along_axis(depth, order, axis=0)
    part = np.take_along_axis(part, order, axis=0)
    length = np.hypot(x1 - x0, z1 - z0)[:, 0]
    top = (walls.height_m[kept][order] - eye.height_m) / depth
    top[~np.isfinite(depth)] = -np.inf
    best = np.maximum.accumulate(top, axis=0)
    shown = np.isfinite(depth)
    shown[1:] &= top[1:] > best[:-1]
    layer = np.argsort(~shown, axis=0, kind="stable")[:_MAX_LAYERS]
    pick = np.take_along_axis
    depth = np.where(pick(shown, layer, 0), pick(depth, layer, 0), np.inf)
    order = pick(order, layer, 0)
    deepest = max(1, int(np.isfinite(depth).any(axis=1).sum()))
    along = pick(part, layer, 0) * length[order]
    return depth[:deepest], along[:deepest].astype(np.float32), kept[order][:deepest]


@dataclass(frozen=True)
class Surface:
    """The nearest wall or ground at each canvas pixel, before it is coloured.

    Attributes:
        depth: ``(h, w)`` forward metres, inf for sky.
        wall: ``(h, w)`` bool.
        layer: ``(h, w)`` index into the layers of `wall_hits`.
    """

    depth: Float
    wall: npt.NDArray[np.bool_]
    layer: npt.NDArray[np.uint8]


def find_surface(walls: WallSet, eye: Eye, depth: Float, index: npt.NDArray[np.int64]) -> Surface:
    """Per pixel: which wall layer covers it, or ground, or sky."""
    rows = eye.slope_down[:, None]
    with np.errstate(divide="ignore"):
        ground = np.where(rows > 1e-4, eye.height_m / np.maximum(rows, 1e-6), np.inf)
    top = np.where(np.isfinite(depth), (eye.height_m - walls.height_m[index]) / depth, -9.0)
    layer = np.zeros((len(eye.slope_down), len(eye.slope_x)), dtype=np.uint8)
    for row in range(len(depth)):
        layer += (top[row][None] > rows).view(np.uint8)
    layer = np.minimum(layer, len(depth) - 1).astype(np.uint8)
    columns = np.arange(len(eye.slope_x))
    at = depth[layer, columns[None]]
    covered = (top[layer, columns[None]] <= rows) & np.isfinite(at)
    wall = covered & (at < ground)
    return Surface(np.where(wall, at, ground).astype(np.float32), wall, layer)


def colour_walls(
    canvas: Float, surface: Surface, eye: Eye, walls: WallSet, atlas: Atlas, light: Light,
    along: Float, index: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Paint wall pixels of the canvas in place."""
    y, x = np.nonzero(surface.wall)
    if not len(y):
        return
    layer = surface.layer[y, x]
    wall, depth = index[layer, x], surface.depth[y, x]
    u = along[layer, x] * WALL_PPM
    rise = eye.height_m - eye.slope_down[y] * depth
    v = walls.texture_rows[wall] - rise * WALL_PPM
    along_step = np.abs(np.gradient(along, axis=1))[layer, x] if len(eye.slope_x) > 1 else 0.0
    footprint = WALL_PPM * np.maximum(depth / eye.focal, 0.55 * np.minimum(along_step, 2.0))
    level = np.clip(np.log2(np.maximum(footprint, 0.5)) + 0.35, 0, LEVELS - 1).astype(np.int64)
    shrink = (0.5**level).astype(np.float32)
    place = atlas.origin[walls.texture[wall]]
    map_x = (place[:, 0] + u + 0.5) * shrink - 0.5
    map_y = (place[:, 1] + np.clip(v, 0, None) + 0.5) * shrink - 0.5 + atlas.offset_y[level]
    colour = _sample(atlas.image, map_x, map_y)
    canvas[y, x] = colour * _wall_light(walls, light)[wall]


def _sample(image: npt.NDArray[np.uint8], x: Float, y: Float) -> Float:
    """Bilinear samples ``(n, 3)`` in 0..1, laid out in rows as remap limits one side."""
    wide = 1024
    rows = -(-len(x) // wide)
    maps = [np.zeros(rows * wide, dtype=np.float32) for _ in range(2)]
    maps[0][: len(x)], maps[1][: len(x)] = x, y
    found = cv2.remap(image, maps[0].reshape(rows, wide), maps[1].reshape(rows, wide),
                      cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(found.reshape(-1, 3)[: len(x)].astype(np.float32) / 255)


def _wall_light(walls: WallSet, light: Light) -> Float:
    """Light on every wall piece, ``(n, 3)``: full on the sun side, sky light elsewhere."""
    run = walls.end - walls.start
    normal = np.stack([-run[:, 1], run[:, 0]], axis=1)  # to the viewer's side
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    towards = np.array([np.cos(light.sun_azimuth), np.sin(light.sun_azimuth)])
    lit = np.clip(normal @ towards, 0, 1) * np.cos(light.sun_elevation)
    soft = 0.86 + 0.1 * (normal @ towards)
    total = light.ambient * soft[:, None] + light.sun * lit[:, None] * 1.15
    return np.asarray(total, dtype=np.float32)


def colour_ground(
    canvas: Float, surface: Surface, eye: Eye, ground: Ground, light: Light, shadow: Shadow
) -> None:
    """Paint ground pixels of the canvas in place.

    Args:
        canvas: ``(h, w, 3)``.
        surface: what each pixel shows.
        eye: the camera.
        ground: ground map and grain.
        light: the moment's light.
        shadow: share of direct sun on the ground around the eye.
    """
    y, x = np.nonzero(~surface.wall & np.isfinite(surface.depth))
    depth = surface.depth[y, x]
    right = eye.slope_x[x] * depth
    cosine, sine = np.float32(np.cos(eye.heading)), np.float32(np.sin(eye.heading))
    north, east = depth * cosine - right * sine, depth * sine + right * cosine
    spread = GROUND_PPM * np.sqrt(depth / eye.focal * depth**2 / (eye.height_m * eye.focal))
    level = np.clip(np.log2(np.maximum(spread, 0.5)) + 0.25, 0, LEVELS - 1).astype(np.int64)
    shrink = (0.5**level).astype(np.float32)
    origin = to_map(np.array([[eye.north_m, eye.east_m]]))[0].astype(np.float32)
    columns, rows = ground.image.shape[1], int(ground.offset_y[1])
    map_x = np.clip(origin[0] + east * GROUND_PPM, 1, columns - 2)
    map_y = np.clip(origin[1] - north * GROUND_PPM, 1, rows - 2)
    colour = _sample(ground.image, (map_x + 0.5) * shrink - 0.5,
                     (map_y + 0.5) * shrink - 0.5 + ground.offset_y[level])  # fmt: skip
    fade = np.clip(1.25 - depth / 22, 0, 1)
    grain_x = ((eye.east_m + east) * GRAIN_PPM).astype(np.int64) % GRAIN_SIDE
    grain_y = ((eye.north_m + north) * GRAIN_PPM).astype(np.int64) % GRAIN_SIDE
    colour *= (1 + (ground.grain[grain_y, grain_x] - 1) * fade)[:, None]
    shade_x = np.asarray((eye.east_m + east - shadow.east_m) * SHADOW_PPM, dtype=np.float32)
    shade_y = np.asarray((eye.north_m + north - shadow.north_m) * SHADOW_PPM, dtype=np.float32)
    sun = _sample_gray(shadow.image, shade_x, shade_y)[:, None]
    canvas[y, x] = colour * (
        light.ambient + light.sun * np.float32(np.sin(light.sun_elevation)) * sun
    )


def _sample_gray(image: Float, x: Float, y: Float) -> Float:
    wide = 1024
    rows = -(-max(1, len(x)) // wide)
    maps = [np.zeros(rows * wide, dtype=np.float32) for _ in range(2)]
    maps[0][: len(x)], maps[1][: len(x)] = x, y
    found = cv2.remap(image, maps[0].reshape(rows, wide), maps[1].reshape(rows, wide),
                      cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(found, dtype=np.float32).ravel()[: len(x)]


_FAR_M, _NEAR_BILLBOARD_M = 240.0, 1.1


@dataclass(frozen=True)
class Scenery:
    """Things drawn as sprites; rows of equal length.

    Attributes:
        position: ``(n, 2)`` north, east of the foot.
        size_m: ``(n, 2)`` height, width.
        sprite: ``(n,)`` index of the sprite, or of the first of ``views`` sprites.
        views: ``(n,)`` number of drawn directions; 1 for things that look alike all round.
        facing: ``(n,)`` heading of the thing, radians; NaN where it faces the camera.
        flat: ``(n,)`` bool, an upright board seen truly in perspective, read against ``facing``.
    """

    position: npt.NDArray[np.float64]
    size_m: npt.NDArray[np.float64]
    sprite: npt.NDArray[np.int64]
    views: npt.NDArray[np.int64]
    facing: npt.NDArray[np.float64]
    flat: npt.NDArray[np.bool_]

    @staticmethod
    def of(rows: list[tuple[float, float, float, float, int, int, float, bool]]) -> "Scenery":
        """From rows of north, east, height, width, sprite, views, facing, flat."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 8)
        return Scenery(table[:, :2], table[:, 2:4], table[:, 4].astype(np.int64),
                       table[:, 5].astype(np.int64), table[:, 6], table[:, 7] > 0)  # fmt: skip

    def plus(self, other: "Scenery") -> "Scenery":
        """Both sets together."""
        return Scenery(*(np.concatenate([getattr(self, name), getattr(other, name)])
                         for name in self.__dataclass_fields__))  # fmt: skip


def mip(sprite: Sprite) -> list[Sprite]:
    """The sprite and its halvings down to about eight pixels."""
    levels = [sprite]
    while min(levels[-1].shape[:2]) > 12:
        last = levels[-1]
        half = (max(1, last.shape[1] // 2), max(1, last.shape[0] // 2))
        levels.append(np.asarray(cv2.resize(last, half, interpolation=cv2.INTER_AREA), np.uint8))
    return levels


def draw_billboards(
    canvas: Float,
    depth: Float,
    eye: Eye,
    light: Light,
    scenery: Scenery,
    sprites: list[list[Sprite]],
) -> None:
    """Blend all visible scenery into the canvas; nearer sprites also enter the depth buffer."""
    right, forward = eye.to_view(scenery.position)
    wide = scenery.size_m[:, 1] * 0.6
    seen = (forward > _NEAR_BILLBOARD_M) & (forward < _FAR_M)
    seen &= (right + wide > eye.slope_x[0] * forward) & (right - wide < eye.slope_x[-1] * forward)
    seen &= scenery.size_m[:, 0] / np.maximum(forward, 0.1) * eye.focal > 4
    kept = np.flatnonzero(seen)
    for item in kept[np.argsort(-forward[kept], kind="stable")]:
        if scenery.flat[item]:
            _board(canvas, depth, eye, light, scenery, int(item), sprites)
        else:
            levels = sprites[_view_of(scenery, int(item), eye)]
            _sprite(canvas, depth, eye, light, levels, scenery.size_m[item],
                    float(right[item]), float(forward[item]))  # fmt: skip


def _view_of(scenery: Scenery, item: int, eye: Eye) -> int:
    views = int(scenery.views[item])
    if views == 1:
        return int(scenery.sprite[item])
    away = scenery.position[item] - (eye.north_m, eye.east_m)
    bearing = np.arctan2(away[1], away[0])
    turn = np.pi / 2 - (scenery.facing[item] - bearing)
    return int(scenery.sprite[item]) + round(float(turn) / (2 * np.pi) * views) % views


def _tone(eye: Eye, light: Light) -> Float:
    """Light on an upright thing as the camera sees it: brighter with the sun behind the camera."""
    behind = 0.5 - 0.5 * np.cos(light.sun_azimuth - eye.heading)
    return np.asarray(light.ambient + light.sun * (0.25 + 0.5 * behind), dtype=np.float32)


def _blend(
    canvas: Float, depth: Float, light: Light, patch: Sprite, corner: tuple[int, int],
    far: Float | float, tone: Float,
) -> None:  # fmt: skip
    """Lay a premultiplied patch over the canvas at (row, column) where nothing is nearer."""
    row, column = corner
    window = (slice(row, row + patch.shape[0]), slice(column, column + patch.shape[1]))
    alpha = patch[..., 3] * (depth[window] > far)
    if not alpha.any():
        return
    haze = np.exp(-np.asarray(far, dtype=np.float32) / np.float32(light.haze_m))[..., None]
    weight = alpha[..., None].astype(np.float32) / 255
    cut = (alpha > 0)[..., None]
    colour = patch[..., :3].astype(np.float32) / 255 * tone * haze * cut
    veil = light.horizon * (1 - haze) * weight
    canvas[window] = canvas[window] * (1 - weight) + colour + veil


def _sprite(
    canvas: Float, depth: Float, eye: Eye, light: Light, levels: list[Sprite],
    size_m: npt.NDArray[np.float64], right: float, forward: float,
) -> None:  # fmt: skip
    scale = eye.focal / forward
    foot = (eye.height_m / forward - eye.slope_down[0]) * eye.focal
    middle = (right / forward - eye.slope_x[0]) * eye.focal
    height, width = size_m[0] * scale, size_m[1] * scale
    left, top = middle - width / 2, foot - height
    x0, x1 = max(0, int(left)), min(canvas.shape[1], int(left + width) + 2)
    y0, y1 = max(0, int(top)), min(canvas.shape[0], int(foot) + 2)
    if x1 <= x0 or y1 <= y0 or not (depth[y0:y1, x0:x1] > forward).any():
        return
    sprite = next((s for s in levels if s.shape[0] <= height * 1.7), levels[-1])
    grow_x, grow_y = width / sprite.shape[1], height / sprite.shape[0]
    matrix = np.array([[grow_x, 0, left - x0], [0, grow_y, top - y0]])
    patch = cv2.warpAffine(sprite, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    _blend(canvas, depth, light, np.asarray(patch, np.uint8), (y0, x0), forward, _tone(eye, light))


def _board(
    canvas: Float, depth: Float, eye: Eye, light: Light, scenery: Scenery, item: int,
    sprites: list[list[Sprite]],
) -> None:  # fmt: skip
    """An upright board in true perspective; from behind it shows its plain back."""
    height, width = scenery.size_m[item]
    facing = scenery.facing[item]
    # Read from the side it faces, left to right is a quarter turn counter-clockwise of the facing.
    half = np.array([np.cos(facing - np.pi / 2), np.sin(facing - np.pi / 2)]) * width / 2
    ends = np.array([scenery.position[item] - half, scenery.position[item] + half])
    right, forward = eye.to_view(ends)
    if forward.min() < 0.6:
        return
    u = (right / forward - eye.slope_x[0]) * eye.focal
    foot = (eye.height_m / forward - eye.slope_down[0]) * eye.focal
    top = foot - height * eye.focal / forward
    x0, x1 = max(0, int(u.min())), min(canvas.shape[1], int(u.max()) + 2)
    y0, y1 = max(0, int(top.min())), min(canvas.shape[0], int(foot.max()) + 2)
    if x1 - x0 < 2 or y1 <= y0 or abs(u[1] - u[0]) < 1:
        return
    levels = sprites[int(scenery.sprite[item])]
    sprite = next((s for s in levels if s.shape[0] <= (foot - top).max() * 1.7), levels[-1])
    if u[0] > u[1]:
        sprite = sprite // np.array([3, 3, 3, 1], dtype=np.uint8)
    rows, columns = sprite.shape[:2]
    source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], dtype=np.float32)
    target = np.array(
        [[u[0], top[0]], [u[1], top[1]], [u[1], foot[1]], [u[0], foot[0]]], np.float32
    )
    matrix = cv2.getPerspectiveTransform(source, target - np.array([x0, y0], np.float32))
    patch = cv2.warpPerspective(sprite, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    place = (np.arange(x0, x1, dtype=np.float32) - u[0]) / (u[1] - u[0])
    far = 1 / (1 / forward[0] + np.clip(place, 0, 1) * (1 / forward[1] - 1 / forward[0]))
    away = np.array([np.cos(facing), np.sin(facing)])
    lit = max(0.0, float(away @ (np.cos(light.sun_azimuth), np.sin(light.sun_azimuth))))
    tone = (light.ambient + light.sun * np.float32(0.25 + 0.6 * lit)).astype(np.float32)
    far_map = np.broadcast_to(far.astype(np.float32), patch.shape[:2])
    _blend(canvas, depth, light, np.asarray(patch, np.uint8), (y0, x0), far_map, tone)
