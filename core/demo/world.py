"""The finished campus: everything a renderer needs, built once a process from the seed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.demo import planting
from core.demo.atlas import Atlas, pack
from core.demo.billboards import Scenery
from core.demo.buildings import Walls, raise_boundary, raise_buildings, raise_low_walls
from core.demo.ground import Ground, paint_ground
from core.demo.plan import Plan, make_plan
from core.demo.raycast import WallSet
from core.demo.seeds import stream
from core.demo.shadow import HeightMap
from core.demo.site import Site
from core.demo.sky import Surroundings, make_surroundings
from core.demo.themes import THEMES, Theme
from core.demo.trees import Sprite

VISITS = 2


@dataclass(frozen=True)
class World:
    """One campus, ready to render; `visits` holds what changes from visit to visit."""

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
    planting.claim_features(plan, site)
    pieces = Walls()
    raise_buildings(seed, plan, themes, site, pieces)
    raise_boundary(seed, pieces)
    raise_low_walls(seed, plan, site, pieces)
    furniture = planting.Furniture(seed)
    planting.stand_landmarks(plan, themes, furniture)
    planting.stand_boards(plan, site, furniture)
    planting.stand_lamps(plan, themes, site, furniture)
    planting.plant_trees(plan, themes, site, furniture)
    fixed = Scenery.of(furniture.rows)
    tall = fixed.size_m[:, 0] > 2.7
    crowns = np.hstack([fixed.position, fixed.size_m])[tall]
    return World(
        seed, plan, themes, _wall_set(pieces), pack(pieces.images),
        paint_ground(seed, plan, themes, pieces.outlines), HeightMap.of(pieces.outlines, crowns),
        make_surroundings(seed), furniture.sprites, fixed,
        tuple(
            planting.visit_scenery(
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
