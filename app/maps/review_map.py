"""One finding on a map: where the label puts the photo, where the proposal does, who stands by."""

import numpy as np
import pydeck as pdk

from app.maps import context, layers
from app.maps.decks import deck
from app.maps.ground import Ground
from app.review_scene import Scene
from app.theme import Palette, rgb
from core.geo import Floats, distance_m

AROUND, OLD, NEW = "around", "old", "new"
LEAST_HALF_M, MOST_HALF_M = 30.0, 150.0
SEEN_AROUND = 15
# The map is narrower than the one that a ground expects.
MARGIN = 1.4
# As a share of what the map shows, so that arrows are seen from near and far.
ARROW_SHARE = 0.12


def review_deck(scene: Scene, palette: Palette, *, online: bool) -> pdk.Deck:
    """The label's place and arrow in one colour, the proposal's in another, and photos around.

    Photos of the label's region have one colour, of a proposed region another; others are faint.
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


def own_colours(scene: Scene, palette: Palette) -> dict[str, str]:
    """Colours of the regions whose photos stand out: the label's, and the proposed one."""
    return dict(zip(scene.own, (palette.evidence, palette.refined), strict=False))


def _ground(scene: Scene) -> Ground:
    """A ground about the places meant, with room for the photos nearest to them."""
    known = [place for place in (scene.old_m, scene.new_m) if place is not None]
    if known:
        places = np.array(known)
        near = np.sort(distance_m(scene.around_m, places[-1]))[:SEEN_AROUND]
        room = np.clip(near[-1] if len(near) else 0.0, LEAST_HALF_M, MOST_HALF_M)
    else:
        places, room = scene.around_m, LEAST_HALF_M
    low, high = places.min(axis=0), places.max(axis=0)
    middle, half = (low + high) / 2, ((high - low).max() / 2 + room) * MARGIN
    (south, west), (north, east) = middle - half, middle + half
    return Ground(scene.frame, (float(south), float(west), float(north), float(east)))


def _around(ground: Ground, scene: Scene, palette: Palette) -> pdk.Layer:
    colours = own_colours(scene, palette)
    return layers.coloured_points(
        ground, AROUND, scene.around_m,
        [rgb(colours.get(region, palette.faint)) for region in scene.region],
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
