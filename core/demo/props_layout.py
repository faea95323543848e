"""Trees, lamps, boards and landmarks that stay, and the cars and people of one visit."""

from itertools import pairwise

import numpy as np

from core.demo import marks, props
from core.demo.ground import feature_spot
from core.demo.plan import Plan, Points, Site
from core.demo.props import Sprite
from core.demo.raycast import Scenery, mip
from core.demo.seeds import stream
from core.demo.textures import Theme

Row = tuple[float, float, float, float, int, int, float, bool]
_SPECIMENS, _PEOPLE, _PAINTS = 4, 24, 10
_CAR_KINDS = ("car", "car", "van", "auto")


class Furniture:
    """Sprites under construction and the rows that place them."""

    def __init__(self, seed: int) -> None:
        """Draw the sprites that all regions share."""
        self.seed = seed
        self.sprites: list[list[Sprite]] = []
        self.rows: list[Row] = []
        rng = stream(seed, "sprites")
        self.tree_first: dict[str, int] = {}
        for species in props.SPECIES:
            self.tree_first[species] = len(self.sprites)
            for _ in range(_SPECIMENS):
                self.add_sprite(props.draw_tree(species, rng))
        self.person_first = len(self.sprites)
        for _ in range(_PEOPLE):
            self.add_sprite(props.draw_person(rng))
        self.car_first = len(self.sprites)
        for paint in range(_PAINTS):
            ink = marks.vivid(rng) if paint % 2 else ((int(rng.integers(60, 235)),) * 3)
            for view in range(props.CAR_VIEWS):
                self.add_sprite(props.draw_car(_CAR_KINDS[paint % len(_CAR_KINDS)], ink, view))

    def add_sprite(self, sprite: Sprite) -> int:
        """Store a sprite with its mip levels; returns its index."""
        self.sprites.append(mip(sprite))
        return len(self.sprites) - 1

    def place(self, spot: Points, height: float, width: float, sprite: int, facing: float = np.nan,
              flat: bool = False) -> None:  # fmt: skip
        """Stand one thing on the ground."""
        self.rows.append((spot[0], spot[1], height, width, sprite, 1, facing, flat))


def claim_features(plan: Plan, site: Site) -> None:
    """Keep the ground of every region's feature free of buildings and trees."""
    ring = np.linspace(0, 2 * np.pi, 16)
    disc = np.stack([np.sin(ring) * 10.5, np.cos(ring) * 14], axis=1)
    for centre in plan.centres:
        site.claim(feature_spot(centre) + disc, 0.5)


def stand_landmarks(plan: Plan, themes: list[Theme], into: Furniture) -> None:
    """One landmark a region, on its feature ground."""
    for region, theme in enumerate(themes):
        rng = stream(into.seed, "landmark", region)
        sprite, height, width = props.draw_landmark(theme.feature, into.seed, rng)
        shift = (
            np.array([0.0, 12.0]) if theme.feature in ("pitch", "lake", "parking") else np.zeros(2)
        )
        into.place(
            feature_spot(plan.centres[region]) + shift, height, width, into.add_sprite(sprite)
        )


def plant_trees(plan: Plan, themes: list[Theme], site: Site, into: Furniture) -> None:
    """Trees along the ways and scattered in the plots, of the region's own species."""
    for region, theme in enumerate(themes):
        rng = stream(into.seed, "trees", region)
        polygon = plan.polygons[region]
        low, high = polygon.min(axis=0), polygon.max(axis=0)
        planted = 0
        for _ in range(theme.tree_count * 8):
            spot = rng.uniform(low, high)
            near = float(site.way_distance(spot[None])[0])
            if planted >= theme.tree_count + 6 or not site.open(spot[None])[0] or near > 14:
                continue
            if plan.region_of(spot[None])[0] == region:
                _plant(spot, theme, site, into, rng)
                planted += 1
    for index, way in enumerate(plan.ways):
        rng = stream(into.seed, "avenue", index)
        if rng.random() < 0.5:
            _avenue(way.line, way.width_m, themes[way.region], site, into, rng)


def _plant(
    spot: Points, theme: Theme, site: Site, into: Furniture, rng: np.random.Generator
) -> None:
    species = theme.trees[int(rng.integers(0, len(theme.trees)))]
    height, width = props.SPECIES[species]
    scale = float(rng.uniform(0.65, 1.1))
    specimen = into.tree_first[species] + int(rng.integers(0, _SPECIMENS))
    into.place(spot, height * scale, width * scale * float(rng.uniform(0.9, 1.1)), specimen)
    half = 1.4
    square = np.array([(-half, -half), (-half, half), (half, half), (half, -half)]) + spot
    site.claim(square, 0.5)


def _avenue(
    line: Points, width_m: float, theme: Theme, site: Site, into: Furniture,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    for first, second in pairwise(line):
        length = float(np.linalg.norm(second - first))
        unit = (second - first) / length
        across = np.array([-unit[1], unit[0]])
        side, gap = float(rng.choice([-1.0, 1.0])), float(rng.uniform(7, 12))
        for distance in np.arange(3.0, length, gap):
            spot = first + unit * distance + across * side * (width_m / 2 + 2.0)
            if not site.open(spot[None])[0]:
                continue
            _plant(spot, theme, site, into, rng)


def stand_lamps(plan: Plan, themes: list[Theme], site: Site, into: Furniture) -> None:
    """Lamp posts on alternating sides of every way, with the banner of the region they light."""
    lamps = []
    for region, theme in enumerate(themes):
        rng = stream(into.seed, "lamp", region)
        lamps.append(
            into.add_sprite(props.draw_lamp(into.seed, (marks.vivid(rng), theme.trims[0]), rng))
        )
    for way in plan.ways:
        for first, second in pairwise(way.line):
            length = float(np.linalg.norm(second - first))
            unit = (second - first) / length
            across = np.array([-unit[1], unit[0]]) * (way.width_m / 2 + 1.2)
            for step, distance in enumerate(np.arange(4.0, length, 14.0)):
                spot = first + unit * distance + across * (1 if step % 2 else -1)
                region = int(plan.region_of(spot[None])[0])
                if region >= 0 and site.way_distance(spot[None])[0] > 0:
                    into.place(spot, 6.0, 2.0, lamps[region])


def stand_boards(plan: Plan, site: Site, into: Furniture) -> None:
    """Sign boards beside the ways, each with its own picture, turned towards the way."""
    rng = stream(into.seed, "boards")
    for way in plan.ways:
        for first, second in pairwise(way.line):
            length = float(np.linalg.norm(second - first))
            if length < 8 or rng.random() > 0.75:
                continue
            unit = (second - first) / length
            side = float(rng.choice([-1.0, 1.0]))
            across = np.array([-unit[1], unit[0]]) * side
            spot = (
                first + unit * length * rng.uniform(0.25, 0.75) + across * (way.width_m / 2 + 1.9)
            )
            if site.open(spot[None])[0]:
                facing = np.arctan2(-across[1], -across[0]) + rng.normal(0, 0.6)
                sprite = into.add_sprite(props.draw_sign(into.seed, rng))
                into.place(spot, 2.6, 3.0, sprite, float(facing), True)


def visit_scenery(
    seed: int, visit: int, plan: Plan, themes: list[Theme], person_first: int, car_first: int
) -> Scenery:
    """Parked cars and people of one visit; another visit has others elsewhere."""
    rng = stream(seed, "visit", visit)
    rows: list[Row] = []

    def park(spot: Points, heading: float) -> None:
        paint = int(rng.integers(0, _PAINTS))
        height, width = props.CAR_SIZE_M
        first = car_first + paint * props.CAR_VIEWS
        rows.append((spot[0], spot[1], height, width, first, props.CAR_VIEWS, heading, False))

    for way in plan.ways:
        start, unit = way.line[0], way.line[-1] - way.line[0]
        length = float(np.linalg.norm(unit))
        across = np.array([-unit[1], unit[0]]) / length
        if way.road and rng.random() < 0.55:
            for _ in range(int(rng.integers(1, 3))):
                spot = start + unit * rng.uniform(0.15, 0.85) + across * rng.choice([-2.3, 2.3])
                park(spot, float(np.arctan2(unit[1], unit[0]) + np.pi * rng.integers(0, 2)))
        for _ in range(int(rng.poisson(0.7))):
            spot = start + unit * rng.random() + across * rng.normal(0, way.width_m * 0.4)
            person = person_first + int(rng.integers(0, _PEOPLE))
            rows.append(
                (spot[0], spot[1], 1.75 * rng.uniform(0.92, 1.06), 0.8, person, 1, np.nan, False)
            )
    for region, theme in enumerate(themes):
        if theme.feature == "parking":
            for place in np.arange(-12, 12, 2.6):
                for north, heading in ((-6.3, 0.0), (6.3, np.pi)):
                    if rng.random() < 0.55:
                        spot = feature_spot(plan.centres[region]) + np.array((north, place + 1.3))
                        park(spot, heading)
    return Scenery.of(rows)
