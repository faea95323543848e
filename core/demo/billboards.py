"""Sprites that face the camera, and boards that do not, blended far to near by depth."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.light import Light
from core.demo.raycast import Eye, Float
from core.demo.trees import Sprite

_FAR_M, _NEAR_M = 240.0, 1.1


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


def draw(
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
    seen = (forward > _NEAR_M) & (forward < _FAR_M)
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
