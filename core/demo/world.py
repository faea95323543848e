"""The finished campus: buildings, compound walls, hedges and all else that a renderer needs.

It is built once in each process from the seed.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from core.demo import facades, props_layout
from core.demo.facades import Image
from core.demo.ground import Ground, paint_ground
from core.demo.light import HeightMap
from core.demo.plan import (
    EAST_HALF_M,
    NORTH_HALF_M,
    Plan,
    Points,
    Site,
    fill,
    make_plan,
    oblong,
)
from core.demo.props import Sprite
from core.demo.raycast import Scenery, WallSet
from core.demo.seeds import stream
from core.demo.sky import Surroundings, make_surroundings
from core.demo.textures import THEMES, Atlas, Theme, pack
from core.geo import inside

_CANDIDATES = 110  # random places that are tried for a building
_ANNEXES = 9  # small buildings a region, in the gaps that the large ones leave


@dataclass
class Walls:
    """Wall pieces under construction; each reads left to right, start to end, from its face."""

    start: list[Points] = field(default_factory=list)
    end: list[Points] = field(default_factory=list)
    height_m: list[float] = field(default_factory=list)
    texture: list[int] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    outlines: list[tuple[Points, float]] = field(default_factory=list)

    def add(self, start: Points, end: Points, height_m: float, image: Image) -> None:
        """Add one piece with its own texture."""
        self.images.append(image)
        self.reuse(start, end, height_m, len(self.images) - 1)

    def reuse(self, start: Points, end: Points, height_m: float, texture: int) -> None:
        """Add one piece that wears an existing texture."""
        self.start.append(start)
        self.end.append(end)
        self.height_m.append(height_m)
        self.texture.append(texture)


def raise_buildings(seed: int, plan: Plan, themes: list[Theme], site: Site, into: Walls) -> None:
    """Place and paint the buildings of every region."""
    for region, theme in enumerate(themes):
        rng = stream(seed, "buildings", region)
        angle = float(rng.normal(0, 0.09))
        looks = [_region_look(rng, theme) for _ in range(3)]
        annex = replace(theme, length_m=(7.5, 14.0), depth_m=(5.5, 8.5), storeys=(1, 2))
        for number in range(theme.buildings + _ANNEXES):
            kind = theme if number < theme.buildings else annex
            look = looks[int(rng.integers(0, len(looks)))]
            _one_building(seed, plan, kind, look, region, angle, site, into, rng)


def _region_look(rng: np.random.Generator, theme: Theme) -> facades.Look:
    style = theme.styles[int(rng.integers(0, len(theme.styles)))]
    wall = theme.walls[int(rng.integers(0, len(theme.walls)))]
    trim = theme.trims[int(rng.integers(0, len(theme.trims)))]
    return facades.make_look(rng, style, wall, trim)


def _one_building(
    seed: int, plan: Plan, theme: Theme, look: facades.Look, region: int, angle: float,
    site: Site, into: Walls, rng: np.random.Generator,
) -> None:  # fmt: skip
    length, depth = float(rng.uniform(*theme.length_m)), float(rng.uniform(*theme.depth_m))
    corners = _find_place(plan, region, (length, depth), angle, site, rng)
    if corners is None:
        corners = _find_place(plan, region, (length * 0.6, depth * 0.75), angle, site, rng)
    if corners is None:
        return
    site.claim(corners, 2.4)
    storeys = int(rng.integers(theme.storeys[0], theme.storeys[1] + 1))
    height = storeys * look.storey_m + float(rng.uniform(0.5, 1.1))
    raise_box(seed, corners, height, storeys, look, theme.mural_share, into, rng)
    if rng.random() < 0.5 and length > 13:  # a stair tower or roof room, standing proud of the roof
        middle = corners.mean(axis=0) + (corners[2] - corners[0]) * float(rng.uniform(-0.22, 0.22))
        tower = oblong(middle, 5.0, 4.4, angle)
        raise_box(
            seed, tower, height + float(rng.uniform(2.4, 4.5)), storeys + 1, look, 0.0, into, rng
        )


def _find_place(
    plan: Plan, region: int, size: tuple[float, float], angle: float, site: Site,
    rng: np.random.Generator,
) -> Points | None:  # fmt: skip
    """The free rectangle nearest to a way among random candidates, or none."""
    polygon = plan.polygons[region]
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    draws = rng.random((_CANDIDATES, 3))
    turned, centres = draws[:, 2] < 0.5, low + (high - low) * draws[:, :2]
    candidates = oblong(centres, *size, angle)
    candidates[turned] = oblong(centres[turned], *size, angle + np.pi / 2)
    best: tuple[float, Points] | None = None
    # The corners alone turn most away, before the ground between them is looked at.
    every = candidates.reshape(-1, 2)
    kept = (inside(polygon, every) & site.open(every)).reshape(-1, 4).all(axis=1)
    for corners in candidates[kept]:
        if not site.free(fill(corners)):
            continue
        distance = float(site.way_distance(fill(corners, 3.0)).min())
        if best is None or abs(distance - 3.0) < best[0]:
            best = (abs(distance - 3.0), corners)
    return None if best is None else best[1]


def raise_box(
    seed: int, corners: Points, height_m: float, storeys: int, look: facades.Look,
    mural_share: float, into: Walls, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Four walls around ``(4, 2)`` corners, each with its own texture."""
    into.outlines.append((corners, height_m))
    signed = int(rng.integers(0, 4))
    for side in range(4):
        start, end = corners[side], corners[(side + 1) % 4]
        size = (float(np.linalg.norm(end - start)), height_m)
        image = facades.paint_wall(
            seed, look, size, storeys, rng,
            mural=bool(rng.random() < mural_share),
            sign=side == signed or bool(rng.random() < 0.35),
        )  # fmt: skip
        into.add(start, end, height_m, image)


def raise_boundary(seed: int, into: Walls) -> None:
    """The wall around the campus, in painted panels; both faces are seen."""
    rng = stream(seed, "boundary")
    north, east = NORTH_HALF_M - 1.0, EAST_HALF_M - 1.0
    ring = np.array([(-north, -east), (-north, east), (north, east), (north, -east)])
    for side in range(4):
        start, end = ring[side], ring[(side + 1) % 4]
        pieces = int(np.linalg.norm(end - start) // 18)
        stops = start + np.linspace(0, 1, pieces + 1)[:, None] * (end - start)
        for first, second in pairwise(stops):
            kind = "painted" if rng.random() < 0.3 else "compound"
            length = float(np.linalg.norm(second - first))
            image = facades.paint_low_wall(seed, kind, (length, 2.3), rng)
            into.add(second, first, 2.3, image)  # read from inside the campus


def raise_low_walls(seed: int, plan: Plan, site: Site, into: Walls) -> None:
    """Hedges and low painted walls beside the ways, where the ground is free."""
    rng = stream(seed, "low walls")
    for way in plan.ways:
        for first, second in pairwise(way.line):
            length = float(np.linalg.norm(second - first))
            along = (second - first) / length
            across = np.array([-along[1], along[0]])
            for side in (-1.0, 1.0):
                if length < 9 or rng.random() > 0.5:
                    continue
                offset = across * side * (way.width_m / 2 + float(rng.uniform(1.6, 2.6)))
                low, high = float(rng.uniform(0.1, 0.3)), float(rng.uniform(0.6, 0.92))
                start, end = (
                    first + along * length * low + offset,
                    first + along * length * high + offset,
                )
                _low_wall(seed, start, end, site, into, rng)


def _low_wall(
    seed: int, start: Points, end: Points, site: Site, into: Walls, rng: np.random.Generator
) -> None:
    steps = np.linspace(0, 1, max(3, int(np.linalg.norm(end - start))))[:, None]
    if not site.free(start + steps * (end - start)):
        return
    kind = str(rng.choice(["hedge", "hedge", "painted", "compound"]))
    height = float(rng.uniform(0.8, 1.15) if kind == "hedge" else rng.uniform(1.0, 1.7))
    image = facades.paint_low_wall(seed, kind, (float(np.linalg.norm(end - start)), height), rng)
    into.add(start, end, height, image)
    into.reuse(end, start, height, len(into.images) - 1)
    normal = np.array([start[1] - end[1], end[0] - start[0]]) / np.linalg.norm(end - start) * 0.3
    outline = np.array([start + normal, end + normal, end - normal, start - normal])
    site.claim(outline, 0.5)
    into.outlines.append((outline, height))


VISITS = 2


@dataclass(frozen=True)
class World:
    """One campus, ready to render.

    Attributes:
        outlines: Corners `(4, 2)` and height in metres of each building and low wall.
        trees: Position and height, width of each tree, `(n, 4)` in metres.
        visits: What changes from visit to visit.
    """

    seed: int
    plan: Plan
    themes: list[Theme]
    walls: WallSet
    atlas: Atlas
    ground: Ground
    heights: HeightMap
    surroundings: Surroundings
    sprites: list[list[Sprite]]
    fixed: Scenery
    outlines: tuple[tuple[Points, float], ...]
    trees: Points
    visits: tuple[Scenery, ...]

    @property
    def region_names(self) -> dict[int, str]:
        """Region id (0-14) to name."""
        return {index: theme.name for index, theme in enumerate(self.themes)}


@lru_cache(maxsize=2)
def build_world(seed: int) -> World:
    """Build the campus of a seed; a few seconds, then cached for the process."""
    plan = make_plan(seed)
    order = stream(seed, "themes").permutation(len(THEMES))
    themes = [THEMES[index] for index in order]
    site = Site(plan)
    props_layout.claim_features(plan, site)
    pieces = Walls()
    raise_buildings(seed, plan, themes, site, pieces)
    raise_boundary(seed, pieces)
    raise_low_walls(seed, plan, site, pieces)
    furniture = props_layout.Furniture(seed)
    props_layout.stand_landmarks(plan, themes, furniture)
    props_layout.stand_boards(plan, site, furniture)
    props_layout.stand_lamps(plan, themes, site, furniture)
    props_layout.plant_trees(plan, themes, site, furniture)
    fixed = Scenery.of(furniture.rows)
    tall = fixed.size_m[:, 0] > 2.7
    sizes = np.hstack([fixed.position, fixed.size_m])
    crowns, trees = sizes[tall], sizes[fixed.sprite < furniture.person_first]
    return World(
        seed, plan, themes, _wall_set(pieces), pack(pieces.images),
        paint_ground(seed, plan, themes, pieces.outlines), HeightMap.of(pieces.outlines, crowns),
        make_surroundings(seed), furniture.sprites, fixed,
        tuple(pieces.outlines), trees,
        tuple(
            props_layout.visit_scenery(
                seed, visit, plan, themes, furniture.person_first, furniture.car_first
            )
            for visit in range(VISITS)
        ),
    )  # fmt: skip


def _wall_set(pieces: Walls) -> WallSet:
    return WallSet(
        np.array(pieces.start, dtype=np.float32), np.array(pieces.end, dtype=np.float32),
        np.array(pieces.height_m, dtype=np.float32), np.array(pieces.texture, dtype=np.int64),
        np.array([pieces.images[index].shape[0] for index in pieces.texture], dtype=np.float32),
    )  # fmt: skip
