"""Sun, sky light and haze at one moment of a visit, and the shadows on the ground.

Shadows are marched through a height map around the camera.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.plan import EAST_HALF_M, NORTH_HALF_M, Points

Rgb = npt.NDArray[np.float32]
LATITUDE_DEG = 12.0


@dataclass(frozen=True)
class Light:
    """Light for one photo; colours are RGB factors on textures in 0..1.

    Attributes:
        sun_azimuth: radians clockwise from north.
        sun_elevation: radians.
        sun: direct sun; zero under thick cloud.
        ambient: light from the whole sky.
        zenith, horizon: sky colours.
        cloud: share of the sky under cloud, 0..1.
        drift_m: cloud pattern offset ``(2,)``.
        haze_m: distance at which haze takes 63 % of the contrast.
    """

    sun_azimuth: float
    sun_elevation: float
    sun: Rgb
    ambient: Rgb
    zenith: Rgb
    horizon: Rgb
    cloud: float
    drift_m: npt.NDArray[np.float64]
    haze_m: float


def sun_position(hour: float, declination_deg: float) -> tuple[float, float]:
    """Azimuth (clockwise from north) and elevation of the sun, radians, at local solar time.

    Source: the spherical triangle pole-zenith-sun; see Meeus, Astronomical Algorithms, ch. 13.
    """
    phi, delta = np.deg2rad(LATITUDE_DEG), np.deg2rad(declination_deg)
    turn = np.deg2rad((hour - 12.0) * 15.0)
    up = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(turn)
    east = -np.cos(delta) * np.sin(turn)
    north = np.cos(phi) * np.sin(delta) - np.sin(phi) * np.cos(delta) * np.cos(turn)
    return float(np.arctan2(east, north) % (2 * np.pi)), float(np.arcsin(np.clip(up, -1, 1)))


def make_light(hour: float, declination_deg: float, cloud: float, drift_m: npt.ArrayLike,
               haze_m: float = 700.0) -> Light:  # fmt: skip
    """Light at a local solar ``hour`` with a given cloud share; low sun is warm and weak."""
    azimuth, elevation = sun_position(hour, declination_deg)
    lift = float(np.clip(np.sin(max(elevation, 0.03)) / 0.9, 0, 1))
    warm = np.array([1.0, 0.62 + 0.34 * lift**0.6, 0.34 + 0.56 * lift**0.6])
    clear = float(np.clip((0.85 - cloud) / 0.5, 0, 1))
    sun = warm * (0.35 + 0.65 * lift**0.5) * clear * 0.95
    grey = np.array([0.78, 0.8, 0.84])
    blue = np.array([0.62, 0.76, 1.0])
    ambient = (grey * cloud + blue * (1 - cloud)) * (0.34 + 0.3 * lift + 0.12 * cloud)
    zenith = np.array([0.22, 0.42, 0.78]) * (1 - cloud) + np.array([0.56, 0.6, 0.66]) * cloud
    horizon = np.array([0.72, 0.8, 0.88]) * (1 - cloud) + np.array([0.74, 0.76, 0.78]) * cloud
    horizon = horizon * (0.75 + 0.25 * lift) * (warm * 0.35 + 0.65)
    return Light(azimuth, elevation, sun.astype(np.float32), ambient.astype(np.float32),
                 (zenith * (0.6 + 0.4 * lift)).astype(np.float32), horizon.astype(np.float32),
                 cloud, np.asarray(drift_m, dtype=np.float64), haze_m)  # fmt: skip


PPM = 2
_MARGIN_M = 130.0
_REACH_M = 64.0
_FAR_M = 42.0


@dataclass(frozen=True)
class HeightMap:
    """Heights (metres) at `PPM` pixels a metre; row 0 is the south edge, column 0 the west."""

    height_m: npt.NDArray[np.float32]

    @staticmethod
    def of(outlines: list[tuple[Points, float]], trees: npt.NDArray[np.float64]) -> "HeightMap":
        """Rasterise buildings and low walls, and trees as ``(n, 4)`` north, east, height, width."""
        shape = (2 * (NORTH_HALF_M + _MARGIN_M) * PPM, 2 * (EAST_HALF_M + _MARGIN_M) * PPM)
        image = np.zeros((int(shape[0]), int(shape[1])), dtype=np.float32)
        offset = np.array([NORTH_HALF_M + _MARGIN_M, EAST_HALF_M + _MARGIN_M])
        for north, east, height, width in trees:
            spot = np.round((np.array([north, east]) + offset) * PPM).astype(int)
            radius = max(1, round(width * 0.36 * PPM))
            cv2.circle(image, (int(spot[1]), int(spot[0])), radius, float(height * 0.7), -1)
        for corners, height in sorted(outlines, key=lambda item: item[1]):
            pixels = np.round((corners + offset) * PPM)[:, ::-1].astype(np.int32)
            cv2.fillConvexPoly(image, pixels, height)
        return HeightMap(image)


@dataclass(frozen=True)
class Shadow:
    """Share of direct sun on the ground near the camera; the south-west corner in metres."""

    image: npt.NDArray[np.float32]
    north_m: float
    east_m: float


def cast_shadows(heights: HeightMap, light: Light, north_m: float, east_m: float) -> Shadow:
    """March from the ground to the sun in a square of 128 m around a position."""
    row = int((north_m + NORTH_HALF_M + _MARGIN_M - _REACH_M) * PPM)
    column = int((east_m + EAST_HALF_M + _MARGIN_M - _REACH_M) * PPM)
    side = int(2 * _REACH_M * PPM)
    lit = np.ones((side, side), dtype=np.float32)
    if float(light.sun.max()) > 0.02:
        rise = np.tan(max(light.sun_elevation, 0.08))
        for distance in np.arange(0.5, _FAR_M, 1.0):
            shift_n = round(np.cos(light.sun_azimuth) * distance * PPM)
            shift_e = round(np.sin(light.sun_azimuth) * distance * PPM)
            above = heights.height_m[row + shift_n : row + shift_n + side,
                                     column + shift_e : column + shift_e + side]  # fmt: skip
            lit[above > distance * rise] = 0.0
        lit = np.asarray(cv2.GaussianBlur(lit, (5, 5), 0.9), dtype=np.float32)
    return Shadow(lit, row / PPM - NORTH_HALF_M - _MARGIN_M, column / PPM - EAST_HALF_M - _MARGIN_M)
