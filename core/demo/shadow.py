"""Sun shadows on the ground, marched through a height map around the camera."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.light import Light
from core.demo.plan import EAST_HALF_M, NORTH_HALF_M, Points

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


def cast(heights: HeightMap, light: Light, north_m: float, east_m: float) -> Shadow:
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
