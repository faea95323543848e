"""The map of a finding: the label, the value that would replace it, and the photos around."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydeck as pdk

from app.data.review.actions import coordinates
from app.maps import backdrop, layers
from app.maps.base_map import base_layers
from app.maps.ground import Ground, deck
from app.theme import Palette, rgb
from core.areas import Area
from core.audit.findings import Finding
from core.audit.rows import LabelRows
from core.dataset.base_layer import BaseLayer
from core.errors import FrameError
from core.geo import Floats, LocalFrame, distance_m, wrap_heading_deg

MOST_AROUND = 120
# In spreads of the campus (the median distance from its middle): farther off, a map of both places
# would show neither.
FAR_SPREADS = 8.0
AROUND, OLD, NEW = "around", "old", "new"
LEAST_HALF_M, MOST_HALF_M = 30.0, 150.0
SEEN_AROUND = 15
# The map is narrower than the one that a ground expects.
MARGIN = 1.4
# As a share of what the map shows, so that arrows are seen from near and far.
ARROW_SHARE = 0.12


@dataclass(frozen=True, eq=False)
class Scene:
    """Places in local metres.

    Attributes:
        frame: The metres of all places.
        around_m: `(n, 2)` other photos near the places meant.
        region: Their region ids.
        own: Regions whose photos stand out: the label's, and the proposed one if any.
        filenames: Names of the photos around.
        old_m: `(2,)` where the label puts the photo; None where that is no place near the campus.
        new_m: `(2,)` where the new value puts it; None where it moves nothing.
        old_deg: The label's heading; None where it is no number.
        new_deg: The new heading; None where the heading stays.
        off_map: Where the label lies that is not drawn, in words; empty where it is drawn.
    """

    frame: LocalFrame
    around_m: Floats
    region: tuple[str, ...]
    own: tuple[str, ...]
    filenames: tuple[str, ...]
    old_m: Floats | None
    new_m: Floats | None
    old_deg: float | None
    new_deg: float | None
    off_map: str

    def __post_init__(self) -> None:
        """Refuse photos that do not fit together."""
        if self.around_m.shape != (len(self.region), 2) or len(self.filenames) != len(self.region):
            raise ValueError(f"{len(self.region)} regions for photos of {self.around_m.shape}")


def row_of(rows: LabelRows, finding: Finding) -> int | None:
    """The first row that a finding is about; None where it is about none."""
    if not finding.labels:
        return None
    here = rows.text["file"] == finding.labels
    named = rows.text["filename"].str.strip() == finding.filename
    found = np.flatnonzero(here & named)
    return int(found[0]) if len(found) else None


def scene_of(rows: LabelRows, finding: Finding, new: str) -> Scene | None:
    """What to draw for a finding; None where nobody knows what the coordinates mean, or no row.

    Args:
        rows: All label rows.
        finding: What is looked at.
        new: The value that would replace the label, as it stands in the field.
    """
    row, ground = row_of(rows, finding), rows.extent
    sound = np.flatnonzero((ground.gap == 0.0) & ~ground.on_island)
    if row is None or rows.frame is None or not len(sound):
        return None
    labels = np.column_stack([rows.latitude, rows.longitude])
    try:
        frame = LocalFrame.about(rows.frame, labels[sound])
        metres = frame.to_metres(labels[sound])
    except FrameError:
        return None
    old, off_map = _drawable(rows, frame, (labels[row, 0], labels[row, 1]))
    moved = coordinates(rows, row, finding.column, new) if new else None
    moves = finding.column in ("latitude", "longitude", "position")
    place = _drawable(rows, frame, moved)[0] if moved is not None and moves else None
    meant = (str(rows.region[row]), new if finding.column == "Region_ID" else "")
    own = [region for region in meant if region]
    others = sound[sound != row]
    around = _around(metres[sound != row], (old, place), np.isin(rows.region[others], own[-1:]))
    chosen = others[around]
    return Scene(
        frame=frame,
        around_m=metres[sound != row][around],
        region=tuple(str(region) for region in rows.region[chosen]),
        own=tuple(own),
        filenames=tuple(rows.text["filename"].iloc[chosen].str.strip()),
        old_m=old,
        new_m=place,
        old_deg=_heading(rows.heading_deg[row]),
        new_deg=_new_heading(finding, new),
        off_map=off_map,
    )


def _drawable(
    rows: LabelRows, frame: LocalFrame, pair: tuple[float, float] | None
) -> tuple[Floats | None, str]:
    """A position in metres where a map of the campus can show it, else where it lies in words."""
    if pair is None or not np.isfinite(pair).all():
        return None, "The label has no position."
    ground = rows.extent
    away = float(distance_m(ground.place(np.array([pair]))[0], np.zeros(2)))
    if away > FAR_SPREADS * ground.spread:
        return None, (
            f"The label is {ground.length(away)} from the centre of the campus, outside the map."
        )
    try:
        return frame.to_metres([pair])[0], ""
    except FrameError:
        return None, "The label is not a position on Earth."


def _around(
    metres: Floats, places: tuple[Floats | None, Floats | None], fellows: np.ndarray
) -> np.ndarray:
    """Photos `(k,)` near the places; where there is no place, some of the same region."""
    known = [place for place in places if place is not None]
    if not known:
        rows = np.flatnonzero(fellows) if fellows.any() else np.arange(len(metres))
        return rows[:: max(-(-len(rows) // MOST_AROUND), 1)]
    near = [np.argsort(distance_m(metres, place))[: MOST_AROUND // len(known)] for place in known]
    return np.unique(np.concatenate(near))


def _new_heading(finding: Finding, new: str) -> float | None:
    if finding.column != "angle":
        return None
    try:
        return _heading(float(new))
    except ValueError:
        return None


def _heading(value: float) -> float | None:
    return float(wrap_heading_deg(value)) if np.isfinite(value) else None


def review_deck(
    scene: Scene,
    palette: Palette,
    *,
    online: bool,
    areas: Sequence[Area] = (),
    base: BaseLayer | None = None,
) -> pdk.Deck:
    """The label's place and arrow in one colour, the proposal's in another, and photos around.

    Photos of the label's region have one colour, of a proposed region another; others are faint.
    Areas of regions lie below them, with their names.
    """
    ground = _ground(scene)
    length_m = ARROW_SHARE * (ground.extent_m[2] - ground.extent_m[0])
    shapes = _shapes(scene, areas)
    below = base_layers(ground, base, palette)
    drawn = [
        *below,
        *(backdrop.scale_bar if below else backdrop.grid)(ground, palette),
        *([backdrop.region_outlines(ground, shapes, palette)] if shapes else []),
        _fitted(ground, scene, palette),
        *([backdrop.region_labels(ground, shapes, palette)] if shapes else []),
    ]
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


def _shapes(scene: Scene, areas: Sequence[Area]) -> list[backdrop.MapRegion]:
    """Areas as regions of the map, each named at the middle of its corners."""
    polygons = {area.region: area.polygons_m(scene.frame) for area in areas}
    return [
        backdrop.MapRegion(
            region, region, np.concatenate([rings[0] for rings in shape]), polygons_m=shape
        )
        for region, shape in polygons.items()
    ]


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


def _fitted(ground: Ground, scene: Scene, palette: Palette) -> pdk.Layer:
    colours = own_colours(scene, palette)
    return layers.coloured_points(
        ground, AROUND, scene.around_m,
        [rgb(colours.get(region, palette.faint)) for region in scene.region],
        texts=[f"{name}, region {region}" if region else name
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
