"""Where photos are taken: walks along the ways, stops on the walks, a few headings at each stop.

Photo ``i`` belongs to walk ``i // PHOTOS_PER_WALK``; a walk depends on the seed and its own number
only, so a larger data set always begins with the smaller one.
"""

from dataclasses import dataclass

import numpy as np

from core.demo.plan import Plan, Points
from core.demo.seeds import PHOTOS_PER_WALK, stream
from core.demo.world import VISITS, World

_REGIONS = 15
_PHONES_HFOV = (60.5, 63.8, 66.9, 70.4, 74.2)
_DECLINATION_DEG = (-19.0, 7.0)


@dataclass(frozen=True)
class Walk:
    """What the photos of one walk share."""

    number: int
    visit: int
    start_hour: float
    declination_deg: float
    cloud: float
    haze_m: float
    hfov_deg: float
    compass_bias_deg: float
    phone: int


@dataclass(frozen=True)
class Pose:
    """One photo on a walk: exact pose, and the fix a phone would have logged."""

    index: int
    walk: Walk
    stop: int
    north_m: float
    east_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    eye_m: float
    hour: float
    labelled_north_m: float
    labelled_east_m: float
    labelled_angle: int


def plan_walk(world: World, number: int) -> list[Pose]:
    """The `PHOTOS_PER_WALK` poses of one walk, in the order taken."""
    rng = stream(world.seed, "walk", number)
    walk = _new_walk(world.seed, number, rng)
    line, widths = _stroll(world.plan, _start_way(world, number, rng), rng)
    poses: list[Pose] = []
    distance, stop = float(rng.uniform(0, 6)), 0
    while len(poses) < PHOTOS_PER_WALK:
        spot, unit, width = _locate(line, widths, distance)
        across = np.array([-unit[1], unit[0]])
        spot = spot + across * rng.uniform(-1, 1) * (width / 2 - 0.7)
        fix = spot + rng.normal(0, 2.9, 2)
        distance += float(rng.uniform(5, 15))
        if not _has_room(world, walk.visit, spot):
            continue
        ahead = float(np.rad2deg(np.arctan2(unit[1], unit[0])))
        for heading in _headings(world, spot, ahead, rng)[: PHOTOS_PER_WALK - len(poses)]:
            index = number * PHOTOS_PER_WALK + len(poses)
            poses.append(_pose(index, walk, stop, spot, fix, heading, rng))
        stop += 1
    return poses


def _new_walk(seed: int, number: int, rng: np.random.Generator) -> Walk:
    visit = number % VISITS
    cloud = float(rng.beta(1.3, 2.2) if visit == 0 else rng.beta(2.0, 1.2))
    phone = int(rng.integers(0, len(_PHONES_HFOV)))
    return Walk(
        number, visit, float(rng.uniform(7.2, 17.4)), _DECLINATION_DEG[visit], cloud,
        float(rng.uniform(350, 1100)), _PHONES_HFOV[phone] + float(rng.uniform(-0.5, 0.5)),
        float(rng.normal(0, 3.3)), phone,
    )  # fmt: skip


def _start_way(world: World, number: int, rng: np.random.Generator) -> int:
    """Every run of 15 walks starts in every region once, in a new order."""
    lap, place = divmod(number, _REGIONS)
    region = int(stream(world.seed, "lap", lap).permutation(_REGIONS)[place])
    own = [index for index, way in enumerate(world.plan.ways) if way.region == region]
    return int(rng.choice(own))


def _stroll(plan: Plan, way_index: int, rng: np.random.Generator) -> tuple[Points, Points]:
    """A random way, then its successors without turning back, for about 260 m."""
    way = plan.ways[way_index]
    forward = bool(rng.random() < 0.5)
    points = list(way.line if forward else way.line[::-1])
    widths = [way.width_m] * (len(points) - 1)
    node, last = (way.end if forward else way.start), way_index
    length = float(np.sum(np.linalg.norm(np.diff(np.array(points), axis=0), axis=1)))
    while length < 260:
        options = [i for i, w in enumerate(plan.ways) if node in (w.start, w.end) and i != last]
        last = int(rng.choice(options)) if options else last
        way = plan.ways[last]
        line = way.line if way.start == node else way.line[::-1]
        node = way.end if way.start == node else way.start
        points.extend(line[1:])
        widths.extend([way.width_m] * (len(line) - 1))
        length += float(np.sum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
    return np.array(points), np.array(widths)


def _locate(line: Points, widths: Points, distance: float) -> tuple[Points, Points, float]:
    """Point, unit direction and way width at a distance along a polyline (wrapped at its end)."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    ends = np.cumsum(steps)
    distance = distance % float(ends[-1])
    piece = min(int(np.searchsorted(ends, distance)), len(steps) - 1)
    unit = (line[piece + 1] - line[piece]) / steps[piece]
    return line[piece + 1] - unit * (ends[piece] - distance), unit, float(widths[piece])


def _headings(world: World, spot: Points, ahead: float, rng: np.random.Generator) -> list[float]:
    """Two to six headings about 70 degrees apart, none with a wall before the lens."""
    count = int(rng.choice([2, 3, 4, 5, 6], p=[0.18, 0.26, 0.28, 0.18, 0.1]))
    turn = float(rng.choice([-1.0, 1.0]))
    heading = ahead + float(rng.normal(0, 40))
    chosen: list[float] = []
    for _ in range(count):
        for attempt in range(7):
            candidate = heading + (float(rng.normal(0, 10 + 8 * attempt)) if attempt else 0.0)
            reach = sight(world, spot, candidate)
            if reach > 3.2 and (reach < 55 or attempt > 3):
                chosen.append(candidate % 360)
                break
        heading += turn * float(rng.normal(70, 18))
    return chosen


def _has_room(world: World, visit: int, spot: Points) -> bool:
    """Nobody photographs a car door from a hand's breadth: no car or trunk at arm's length."""
    near = np.linalg.norm(world.visits[visit].position - spot, axis=1).min(initial=np.inf)
    return bool(near > 2.4 and np.linalg.norm(world.fixed.position - spot, axis=1).min() > 1.5)


def sight(world: World, spot: Points, heading_deg: float) -> float:
    """Metres to the nearest wall taller than a metre within 9 degrees of a heading."""
    walls = world.walls
    tall = walls.height_m > 1.0
    start, run = walls.start[tall] - spot, (walls.end - walls.start)[tall]
    angles = np.deg2rad(heading_deg + np.array([-9.0, 0.0, 9.0]))
    ray = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    cross = ray[:, None, 0] * run[None, :, 1] - ray[:, None, 1] * run[None, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (start[:, 0] * run[:, 1] - start[:, 1] * run[:, 0])[None] / cross
        part = (start[None, :, 0] * ray[:, None, 1] - start[None, :, 1] * ray[:, None, 0]) / cross
    met = (far > 0) & (part >= 0) & (part <= 1)
    return float(np.where(met, far, np.inf).min())


def _pose(
    index: int, walk: Walk, stop: int, spot: Points, fix: Points, heading: float,
    rng: np.random.Generator,
) -> Pose:  # fmt: skip
    sway = spot + rng.normal(0, 0.15, 2)
    compass = heading + walk.compass_bias_deg + rng.normal(0, 5.0)
    hour = walk.start_hour + (stop * 1.4 + rng.uniform(0, 0.6)) / 60
    return Pose(
        index, walk, stop, float(sway[0]), float(sway[1]), heading,
        float(np.clip(rng.normal(2.0, 2.2), -4, 8)), float(np.clip(rng.normal(0, 1.8), -5, 5)),
        float(rng.uniform(1.48, 1.7)), hour, float(fix[0]), float(fix[1]), round(compass) % 360,
    )  # fmt: skip
