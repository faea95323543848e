"""What lies beyond the campus: sky, clouds, sun and a skyline that differs with bearing."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.light import Light
from core.demo.marks import Image
from core.demo.seeds import stream

_WIDTH, _ROWS_PER_DEG, _TOP_DEG = 4320, 12, 11.0
_CLOUD_SIDE, _CLOUD_M = 512, 9.0


@dataclass(frozen=True)
class Surroundings:
    """Skyline ``(rows, 4320, 4)`` RGBA by bearing, north at column 0; tiling cloud field 0..1."""

    skyline: Image
    clouds: npt.NDArray[np.float32]


def make_surroundings(seed: int) -> Surroundings:
    """Draw hills, towers and clouds for a campus seed."""
    rng = stream(seed, "skyline")
    rows = int(_TOP_DEG * _ROWS_PER_DEG)
    skyline = np.zeros((rows, _WIDTH, 4), dtype=np.uint8)
    _hills(skyline, rng, 5.0, (118, 134, 150))
    _towers(skyline, rng)
    _hills(skyline, rng, 2.2, (104, 124, 110))
    clouds = np.zeros((_CLOUD_SIDE, _CLOUD_SIDE), dtype=np.float32)
    for side, weight in ((4, 1.0), (8, 0.7), (16, 0.5), (32, 0.3), (64, 0.18), (128, 0.1)):
        layer = np.tile(rng.random((side, side)).astype(np.float32), (3, 3))
        wide = cv2.resize(layer, (3 * _CLOUD_SIDE, 3 * _CLOUD_SIDE), interpolation=cv2.INTER_CUBIC)
        clouds += weight * wide[_CLOUD_SIDE : 2 * _CLOUD_SIDE, _CLOUD_SIDE : 2 * _CLOUD_SIDE]
    order = np.argsort(np.argsort(clouds.ravel())) / clouds.size  # uniform: cover is a share
    return Surroundings(skyline, order.reshape(clouds.shape).astype(np.float32))


def _hills(
    skyline: Image, rng: np.random.Generator, top_deg: float, ink: tuple[int, int, int]
) -> None:
    bearing = np.linspace(0, 2 * np.pi, _WIDTH, endpoint=False)
    height = np.zeros(_WIDTH)
    for wave in range(1, 24):
        height += np.sin(wave * bearing + rng.uniform(0, 6.28)) * rng.uniform(0.3, 1) / wave**0.8
    height = np.clip(height / height.max() * top_deg, 0.3, None)
    row = np.arange(skyline.shape[0])[:, None]
    below = row >= skyline.shape[0] - height[None] * _ROWS_PER_DEG
    tone = np.array(ink)[None, None] * (0.9 + 0.2 * rng.random((1, _WIDTH, 1)))
    skyline[..., :3] = np.where(below[..., None], tone, skyline[..., :3])
    skyline[..., 3][below] = 255


def _towers(skyline: Image, rng: np.random.Generator) -> None:
    rows = skyline.shape[0]
    for _ in range(9):
        middle = int(rng.integers(0, _WIDTH))
        for _ in range(int(rng.integers(2, 9))):
            x = (middle + int(rng.normal(0, 80))) % (_WIDTH - 60)
            wide, tall = int(rng.integers(10, 34)), int(rng.uniform(2, 9.5) * _ROWS_PER_DEG)
            shade = int(rng.integers(110, 178))
            ink = (shade, shade + int(rng.integers(-8, 8)), min(255, shade + 16), 255)
            cv2.rectangle(skyline, (x, rows - tall), (x + wide, rows), ink, -1)
            for y in range(rows - tall + 4, rows, 6):
                cv2.line(
                    skyline,
                    (x + 2, y),
                    (x + wide - 2, y),
                    (shade - 34, shade - 30, shade - 18, 255),
                    2,
                )
            if rng.random() < 0.3:
                cv2.line(
                    skyline,
                    (x + wide // 2, rows - tall),
                    (x + wide // 2, max(0, rows - tall - 14)),
                    ink,
                    2,
                )


def paint_sky(
    surroundings: Surroundings, light: Light, heading: float,
    slope_x: npt.NDArray[np.float32], slope_up: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:  # fmt: skip
    """Sky seen by level rays.

    Args:
        surroundings: skyline and clouds.
        light: sun and cloud cover.
        heading: radians of the view axis.
        slope_x: ``(w,)`` right per forward unit.
        slope_up: ``(h,)`` up per forward unit.

    Returns:
        ``(h, w, 3)`` float32 RGB.
    """
    bearing = np.asarray(heading + np.arctan(slope_x)[None, :], dtype=np.float32)
    level = np.sqrt(1 + slope_x**2)[None, :]
    up = np.asarray(slope_up[:, None] / level, dtype=np.float32)  # tangent of the elevation
    height = np.clip(up, 0, 1)
    blend = (1 - np.exp(-3.2 * height))[..., None]
    sky = light.horizon * (1 - blend) + light.zenith * blend
    cover = _cloud_cover(surroundings, light, bearing, up)
    bright = light.ambient * 0.75 + light.sun * 0.5 + 0.12
    sky = sky * (1 - cover) + bright * cover
    sky += _glow(light, bearing, up) * (1 - 0.75 * cover)
    _add_skyline(sky, surroundings, light, bearing, up)
    return np.asarray(sky, dtype=np.float32)


def _cloud_cover(
    surroundings: Surroundings, light: Light, bearing: npt.NDArray[np.float32],
    up: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:  # fmt: skip
    far = 1.0 / (np.clip(up, 0, None) + 0.12)
    scale = _CLOUD_SIDE / _CLOUD_M
    x = ((np.sin(bearing) * far + light.drift_m[1]) * scale).astype(np.float32)
    y = ((np.cos(bearing) * far + light.drift_m[0]) * scale).astype(np.float32)
    field = cv2.remap(surroundings.clouds, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    cover = np.clip((field - (1 - light.cloud)) * 3.5, 0, 1) * np.clip(up * 12 + 0.25, 0, 0.92)
    return np.asarray(cover, dtype=np.float32)[..., None]


def _glow(
    light: Light, bearing: npt.NDArray[np.float32], up: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    elevation = np.arctan(up)
    cosine = np.cos(elevation) * np.cos(light.sun_elevation) * np.cos(bearing - light.sun_azimuth)
    cosine += np.sin(elevation) * np.sin(light.sun_elevation)
    near = np.clip(cosine, 0, 1)
    glow = 0.28 * near**12 + 0.5 * near**160 + 2.0 * (near > 0.9994)
    return np.asarray(glow[..., None] * light.sun, dtype=np.float32)


def _add_skyline(
    sky: npt.NDArray[np.float32], surroundings: Surroundings, light: Light,
    bearing: npt.NDArray[np.float32], up: npt.NDArray[np.float32],
) -> None:  # fmt: skip
    rows = surroundings.skyline.shape[0]
    low = up < np.tan(np.deg2rad(_TOP_DEG))
    first = int(np.argmax(low.any(axis=1)))
    if not low.any():
        return
    degrees = np.rad2deg(np.arctan(up[first:]))
    x = np.broadcast_to(np.rad2deg(bearing) % 360 * (_WIDTH / 360), degrees.shape)
    y = np.clip(rows - degrees * _ROWS_PER_DEG, 0, rows - 1)
    sample = cv2.remap(surroundings.skyline, x.astype(np.float32), y.astype(np.float32),
                       cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)  # fmt: skip
    alpha = sample[..., 3:].astype(np.float32) / 255
    lit = sample[..., :3].astype(np.float32) / 255 * (light.ambient + 0.45 * light.sun)
    sky[first:] = sky[first:] * (1 - alpha) + (0.62 * lit + 0.38 * light.horizon) * alpha
