"""The plan of the campus: 15 region polygons, the graph of roads and paths, and the building site.

The site is a raster of occupied ground, so that nothing is built on anything else. Positions are
local metres ``[north_m, east_m]`` about the campus centre.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.seeds import stream
from core.geo import inside

Points = npt.NDArray[np.float64]

ROWS, COLUMNS = 5, 3
NORTH_HALF_M, EAST_HALF_M = 275.0, 225.0
ROAD_WIDTH_M, PATH_WIDTH_M = 5.6, 3.0
_ARMS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # north, east, south, west


@dataclass(frozen=True)
class Way:
    """A straight or bent piece of road or path between two graph nodes."""

    start: int
    end: int
    line: Points  # (k, 2) north, east
    road: bool
    region: int

    @property
    def width_m(self) -> float:
        """Paved width in metres."""
        return ROAD_WIDTH_M if self.road else PATH_WIDTH_M


@dataclass
class Plan:
    """Regions (row-major from the south-west) and the way graph."""

    centres: Points  # (15, 2)
    polygons: list[Points]  # 15 of (8, 2)
    nodes: list[Points] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    node_region: list[int] = field(default_factory=list)

    def add_node(self, point: Points, region: int) -> int:
        """Append a graph node and return its index."""
        self.nodes.append(np.asarray(point, dtype=np.float64))
        self.node_region.append(region)
        return len(self.nodes) - 1

    def join(self, start: int, end: int, via: list[Points], road: bool, region: int) -> None:
        """Add a way from node to node through the given bends."""
        line = np.array([self.nodes[start], *via, self.nodes[end]])
        self.ways.append(Way(start, end, line, road, region))

    def region_of(self, points: Points) -> npt.NDArray[np.int64]:
        """Index of the region polygon that holds each of ``(n, 2)`` points; -1 outside all."""
        found = np.full(len(points), -1, dtype=np.int64)
        for index, polygon in enumerate(self.polygons):
            found[inside(polygon, points) & (found < 0)] = index
        return found


def make_plan(seed: int) -> Plan:
    """Lay out regions and ways for a campus seed."""
    rng = stream(seed, "plan")
    centres = _centres(rng)
    corners = _corners(centres, rng)
    middles = _middles(centres, rng)
    grid = centres.reshape(-1, 2)
    polygons = [
        _polygon(corners, middles, row, column) for row in range(ROWS) for column in range(COLUMNS)
    ]
    plan = Plan(grid, polygons)
    shared: dict[tuple[int, int, int], int] = {}
    for region in range(ROWS * COLUMNS):
        _lay_region(plan, region, middles, shared, rng)
    return plan


def _centres(rng: np.random.Generator) -> Points:
    north = np.linspace(-1, 1, 2 * ROWS + 1)[1::2] * NORTH_HALF_M
    east = np.linspace(-1, 1, 2 * COLUMNS + 1)[1::2] * EAST_HALF_M
    centres = np.stack(np.meshgrid(north, east, indexing="ij"), axis=-1)
    centres += rng.uniform(-1, 1, centres.shape) * (11.0, 14.0)
    return centres


def _corners(centres: Points, rng: np.random.Generator) -> Points:
    corners = np.zeros((ROWS + 1, COLUMNS + 1, 2))
    padded = np.pad(centres, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for row in range(ROWS + 1):
        for column in range(COLUMNS + 1):
            corners[row, column] = padded[row : row + 2, column : column + 2].mean(axis=(0, 1))
    corners[1:-1, 1:-1] += rng.uniform(-6, 6, (ROWS - 1, COLUMNS - 1, 2))
    corners[0, :, 0], corners[-1, :, 0] = -NORTH_HALF_M, NORTH_HALF_M
    corners[:, 0, 1], corners[:, -1, 1] = -EAST_HALF_M, EAST_HALF_M
    return corners


def _middles(centres: Points, rng: np.random.Generator) -> dict[tuple[int, int, int], Points]:
    """Where the arm of each region meets its neighbour (or the boundary), by (row, column, arm)."""
    middles: dict[tuple[int, int, int], Points] = {}
    for row in range(ROWS):
        for column in range(COLUMNS):
            for arm, (up, right) in enumerate(_ARMS):
                key, there = (row, column, arm), (row + up, column + right)
                if (*there, (arm + 2) % 4) in middles:
                    middles[key] = middles[(*there, (arm + 2) % 4)]
                elif 0 <= there[0] < ROWS and 0 <= there[1] < COLUMNS:
                    middle = (centres[row, column] + centres[there]) / 2
                    middles[key] = middle + rng.uniform(-5, 5, 2)
                else:
                    edge = centres[row, column] + rng.uniform(-6, 6, 2)
                    edge[0 if up else 1] = up * NORTH_HALF_M if up else right * EAST_HALF_M
                    middles[key] = edge
    return middles


def _polygon(
    corners: Points, middles: dict[tuple[int, int, int], Points], row: int, column: int
) -> Points:
    ring = [
        corners[row + 1, column], middles[row, column, 0],
        corners[row + 1, column + 1], middles[row, column, 1],
        corners[row, column + 1], middles[row, column, 2],
        corners[row, column], middles[row, column, 3],
    ]  # fmt: skip
    return np.array(ring)


def _lay_region(
    plan: Plan,
    region: int,
    middles: dict[tuple[int, int, int], Points],
    shared: dict[tuple[int, int, int], int],
    rng: np.random.Generator,
) -> None:
    """A junction with four arms, a ring path through the four plots, and spurs into two of them."""
    row, column = divmod(region, COLUMNS)
    centre = plan.centres[region]
    hub = plan.add_node(centre, region)
    ring: list[int] = []
    for arm, (up, right) in enumerate(_ARMS):
        target = middles[row, column, arm]
        reach = rng.uniform(24, 31) if up else rng.uniform(30, 42)
        away = (target - centre) / np.linalg.norm(target - centre)
        sideways = np.array([-away[1], away[0]]) * rng.uniform(-2.5, 2.5)
        cross = plan.add_node(centre + away * reach + sideways, region)
        plan.join(hub, cross, [], True, region)
        other = (row + up, column + right, (arm + 2) % 4)
        if other in shared:
            plan.join(cross, shared[other], [], True, region)
        else:
            stub = other not in middles
            end = plan.add_node(target - away * 9.0 if stub else target, region)
            shared[row, column, arm] = end
            plan.join(cross, end, [], True, region)
        ring.append(cross)
    _lay_ring(plan, region, ring, rng)


def _lay_ring(plan: Plan, region: int, ring: list[int], rng: np.random.Generator) -> None:
    centre = plan.centres[region]
    spurs = set(rng.choice(4, 2, replace=False).tolist())
    for quarter in range(4):
        first, second = plan.nodes[ring[quarter]], plan.nodes[ring[(quarter + 1) % 4]]
        corner = first + second - centre
        corner = centre + (corner - centre) * rng.uniform(0.72, 1.0)
        bend = plan.add_node(corner, region)
        mids = [first + (corner - first) * 0.55, second + (corner - second) * 0.55]
        mids = [middle + rng.uniform(-2.5, 2.5, 2) for middle in mids]
        plan.join(ring[quarter], bend, [mids[0]], False, region)
        plan.join(bend, ring[(quarter + 1) % 4], [mids[1]], False, region)
        if quarter in spurs:
            polygon_corner = plan.polygons[region][[2, 4, 6, 0][quarter]]
            end = corner + (polygon_corner - corner) * rng.uniform(0.45, 0.6)
            tip = plan.add_node(end, region)
            plan.join(bend, tip, [], False, region)


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
    """Corners of rectangles, in the order in which walls read left to right from outside.

    Args:
        centre: ``(..., 2)`` north, east.
        length_m: extent along ``angle``.
        depth_m: extent across.
        angle: radians clockwise from north of the long side.

    Returns:
        ``(..., 4, 2)``; counter-clockwise on a map with north up.
    """
    along = np.array([np.cos(angle), np.sin(angle)]) * length_m / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * depth_m / 2
    return np.stack([centre - along - across, centre - along + across,
                     centre + along + across, centre + along - across], axis=-2)  # fmt: skip


def fill(corners: Points, step_m: float = 1.5) -> Points:
    """Points that cover a rectangle, edges included."""
    first, second = corners[1] - corners[0], corners[3] - corners[0]
    counts = [max(2, int(np.linalg.norm(side) / step_m) + 2) for side in (first, second)]
    u, v = (np.linspace(0, 1, count) for count in counts)
    across = corners[0] + u[:, None] * first
    return np.asarray(across + (v[:, None] * second)[:, None]).reshape(-1, 2)
