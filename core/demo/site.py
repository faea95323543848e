"""The building site: a raster of what ground is taken, so that nothing stands on anything else."""

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.plan import EAST_HALF_M, NORTH_HALF_M, Plan, Points

_PPM = 2
_MARGIN_M = 20.0
_CORNER_M = np.array([NORTH_HALF_M + _MARGIN_M, EAST_HALF_M + _MARGIN_M])


class Site:
    """Taken and free ground at half a metre, and the distance of each spot to the nearest way."""

    def __init__(self, plan: Plan) -> None:
        """Mark the ways and the strip along the boundary wall as taken."""
        rows = int(2 * (NORTH_HALF_M + _MARGIN_M) * _PPM)
        columns = int(2 * (EAST_HALF_M + _MARGIN_M) * _PPM)
        self.taken = np.ones((rows, columns), dtype=np.uint8)
        inner = int((_MARGIN_M + 2.0) * _PPM)
        self.taken[inner:-inner, inner:-inner] = 0
        ways = np.zeros((rows, columns), dtype=np.uint8)
        for way in plan.ways:
            pixels = np.round(self._pixels(way.line)[:, ::-1]).astype(np.int32)
            cv2.polylines(ways, [pixels], False, 1, int((way.width_m + 1.6) * _PPM))
        self.taken |= ways
        self.way_distance_m = cv2.distanceTransform(1 - ways, cv2.DIST_L2, 3) / _PPM

    def _pixels(self, points: Points) -> Points:
        return np.asarray((points + _CORNER_M) * _PPM)

    def _index(self, points: Points) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        pixels = self._pixels(points).astype(np.int64)
        top = np.array(self.taken.shape) - 1
        pixels = np.clip(pixels, 0, top)
        return pixels[:, 0], pixels[:, 1]

    def free(self, points: Points) -> bool:
        """Whether every one of ``(n, 2)`` points is on free ground."""
        return not self.taken[self._index(points)].any()

    def open(self, points: Points) -> npt.NDArray[np.bool_]:
        """Which of ``(n, 2)`` points are on free ground."""
        return np.asarray(self.taken[self._index(points)] == 0)

    def way_distance(self, points: Points) -> npt.NDArray[np.float32]:
        """Metres from each of ``(n, 2)`` points to the nearest way's edge."""
        return np.asarray(self.way_distance_m[self._index(points)], dtype=np.float32)

    def claim(self, outline: Points, spare_m: float) -> None:
        """Mark a convex outline and a strip around it as taken."""
        pixels = np.round(self._pixels(outline)[:, ::-1]).astype(np.int32)
        cv2.fillConvexPoly(self.taken, pixels, 1)
        cv2.polylines(self.taken, [pixels], True, 1, max(1, int(2 * spare_m * _PPM)))


def oblong(centre: Points, length_m: float, depth_m: float, angle: float) -> Points:
    """Corners of a rectangle, in the order in which walls read left to right from outside.

    Args:
        centre: ``(2,)`` north, east.
        length_m: extent along ``angle``.
        depth_m: extent across.
        angle: radians clockwise from north of the long side.

    Returns:
        ``(4, 2)``; counter-clockwise on a map with north up.
    """
    along = np.array([np.cos(angle), np.sin(angle)]) * length_m / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * depth_m / 2
    return np.array([centre - along - across, centre - along + across,
                     centre + along + across, centre + along - across])  # fmt: skip


def fill(corners: Points, step_m: float = 1.5) -> Points:
    """Points that cover a rectangle, edges included."""
    first, second = corners[1] - corners[0], corners[3] - corners[0]
    counts = [max(2, int(np.linalg.norm(side) / step_m) + 2) for side in (first, second)]
    u, v = np.meshgrid(np.linspace(0, 1, counts[0]), np.linspace(0, 1, counts[1]))
    return np.asarray(corners[0] + u.reshape(-1, 1) * first + v.reshape(-1, 1) * second)
