"""One finding on a map: where the label puts the photo, where the proposal does, who stands by."""

import numpy as np
import pydeck as pdk

from app.maps import context, layers
from app.maps.decks import deck
from app.maps.ground import Ground
from app.review_scene import Scene
from app.theme import Palette, rgb
from core.geo import Floats

AROUND, OLD, NEW = "around", "old", "new"
LEAST_HALF_M = 20.0
# As a share of what the map shows, so that arrows are seen from near and far.
ARROW_SHARE = 0.16


def review_deck(scene: Scene, palette: Palette, *, online: bool) -> pdk.Deck:
    """The label's place and arrow in one colour, the proposal's in another, and photos around.

    Photos of the regions meant have their region's colour, as on the map of all photos; the others
    are faint.
    """
    ground = _ground(scene)
    length_m = ARROW_SHARE * (ground.extent_m[2] - ground.extent_m[0])
    drawn = [*context.grid(ground, palette), _around(ground, scene, palette)]
    if scene.old_m is not None and scene.new_m is not None:
        drawn.append(
            layers.segments(ground, "move", scene.old_m[None], scene.new_m[None], palette.text)
        )
    new_m = scene.old_m if scene.new_m is None else scene.new_m
    new_deg = scene.old_deg if scene.new_deg is None else scene.new_deg
    if scene.old_m is not None:
        drawn += _pin(
            ground, OLD, scene.old_m, scene.old_deg, palette.prediction, palette, length_m
        )
    if new_m is not None and (scene.new_m is not None or scene.new_deg is not None):
        drawn += _pin(ground, NEW, new_m, new_deg, palette.truth, palette, length_m)
    return deck(ground, drawn, palette, online=online)


def _ground(scene: Scene) -> Ground:
    """A ground that shows everything: the wildest point is what the map is about."""
    places = [place[None] for place in (scene.old_m, scene.new_m) if place is not None]
    points = np.concatenate([scene.around_m, *places]) if places else scene.around_m
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, LEAST_HALF_M) * 1.15
    (south, west), (north, east) = middle - half, middle + half
    return Ground(scene.frame, (float(south), float(west), float(north), float(east)))


def _around(ground: Ground, scene: Scene, palette: Palette) -> pdk.Layer:
    colours, faint = context.region_colours(scene.regions), rgb(palette.faint)
    return layers.coloured_points(
        ground, AROUND, scene.around_m,
        [colours[region] if region in scene.own else faint for region in scene.region],
        texts=[f"{name}, region {region}"
               for name, region in zip(scene.filenames, scene.region, strict=True)],
        rows=range(len(scene.region)), radius_px=4,
    )  # fmt: skip


def _pin(
    ground: Ground,
    layer: str,
    place: Floats,
    heading_deg: float | None,
    colour: str,
    palette: Palette,
    length_m: float,
) -> list[pdk.Layer]:
    arrow = (
        []
        if heading_deg is None
        else [layers.arrows(ground, f"{layer}-arrow", place[None], [heading_deg], colour,
                            length_m=length_m)]
    )  # fmt: skip
    dot = layers.points(ground, layer, place[None], colour, radius_px=7, ring=palette.background)
    return [*arrow, dot]
