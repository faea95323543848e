"""The ground: a map of surfaces in colour, and fine grain for what lies near the camera."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import marks
from core.demo.plan import EAST_HALF_M, NORTH_HALF_M, Plan, Points, Way
from core.demo.seeds import stream
from core.demo.textures import Colour, Image, Theme, pyramid

PPM = 8
MARGIN_M = 40.0
GRAIN_PPM, GRAIN_SIDE = 64, 512
_NORTH_TOP = NORTH_HALF_M + MARGIN_M
_EAST_LEFT = -EAST_HALF_M - MARGIN_M
PATHS: dict[str, Colour] = {
    "slab": (168, 164, 154), "paver_red": (150, 92, 76), "paver_grey": (138, 136, 134),
    "checker": (176, 160, 132), "gravel": (172, 152, 120), "clay": (160, 100, 66),
    "asphalt": (84, 84, 88),
}  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """Ground pyramid (RGB uint8, levels stacked) and a tiling grain, a factor about one."""

    image: Image
    offset_y: npt.NDArray[np.float32]
    grain: npt.NDArray[np.float32]


def to_map(points: Points) -> Points:
    """Local ``(n, 2)`` north, east to map pixels ``(n, 2)`` x, y at level 0."""
    return np.stack([(points[:, 1] - _EAST_LEFT) * PPM, (_NORTH_TOP - points[:, 0]) * PPM], axis=1)


def _line(image: Image, points: Points, colour: Colour, width_m: float) -> None:
    pixels = np.round(to_map(points) * 8).astype(np.int32)
    cv2.polylines(image, [pixels], False, colour, max(1, round(width_m * PPM)), cv2.LINE_AA, 3)


def _area(image: Image, points: Points, colour: Colour) -> None:
    cv2.fillPoly(image, [np.round(to_map(points) * 8).astype(np.int32)], colour, cv2.LINE_AA, 3)


def _disc(image: Image, centre: Points, radius_m: float, colour: Colour, thick: int = -1) -> None:
    x, y = np.round(to_map(centre[None])[0]).astype(int)
    cv2.circle(image, (int(x), int(y)), round(radius_m * PPM), colour, thick, cv2.LINE_AA)


def paint_ground(seed: int, plan: Plan, themes: list[Theme],
                 outlines: list[tuple[Points, float]]) -> Ground:  # fmt: skip
    """Paint grass, plots, plazas, paths and roads with kerbs and lines."""
    rng = stream(seed, "ground")
    rows = -(-int(2 * _NORTH_TOP * PPM) // 16) * 16
    columns = -(-int(-2 * _EAST_LEFT * PPM) // 16) * 16
    image = np.empty((rows, columns, 3), dtype=np.uint8)
    _paint_grass(image, rng)
    _paint_plots(image, plan, rng)
    for region, theme in enumerate(themes):
        _paint_plaza(image, plan.centres[region], theme, rng)
    for corners, height in outlines:
        if height > 2.5:
            middle = corners.mean(axis=0)
            apron = (
                middle
                + (corners - middle) * (1 + 3.0 / np.linalg.norm(corners - middle, axis=1))[:, None]
            )
            _area(image, apron, (150, 142, 130))
            _area(image, corners, (110, 106, 100))
    _paint_ways(image, plan, themes, rng)
    stack, offsets = pyramid(image)
    return Ground(stack, offsets, _make_grain(rng))


def _paint_grass(image: Image, rng: np.random.Generator) -> None:
    rows, columns = image.shape[:2]
    coarse = rng.random((rows // 128, columns // 128)).astype(np.float32)
    blend = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    fine = rng.random((rows // 4, columns // 4)).astype(np.float32)
    blend = np.clip(blend * 0.8 + 0.4 * cv2.resize(fine, (columns, rows)), 0, 1)
    low, high = np.array([96, 118, 58]), np.array([156, 140, 92])
    # A band at a time, which stays in the processor's cache.
    for top in range(0, rows, 64):
        band = slice(top, top + 64)
        for channel in range(3):
            step = float(high[channel] - low[channel])
            image[band, :, channel] = low[channel] + blend[band] * step


def _paint_plots(image: Image, plan: Plan, rng: np.random.Generator) -> None:
    """Lawns, bare soil, gravel and flower beds scattered beside the ways."""
    tones = [(84, 122, 52), (150, 116, 82), (164, 156, 140), (120, 136, 70), (136, 106, 74)]
    for _ in range(420):
        way = plan.ways[int(rng.integers(0, len(plan.ways)))]
        spot = way.line[0] + (way.line[-1] - way.line[0]) * rng.random() + rng.normal(0, 9, 2)
        ring = np.linspace(0, 2 * np.pi, 11)[:-1]
        reach = rng.uniform(2, 7) * rng.uniform(0.7, 1.2, len(ring))
        shore = spot + np.stack([np.sin(ring) * reach, np.cos(ring) * reach], axis=1)
        tone = tones[int(rng.integers(0, len(tones)))]
        _area(image, shore, tone)
        if rng.random() < 0.4:
            bloom = marks.vivid(rng)
            for _ in range(60):
                _disc(image, spot + rng.normal(0, reach.mean() * 0.4, 2), 0.16, bloom)


def _paint_ways(image: Image, plan: Plan, themes: list[Theme], rng: np.random.Generator) -> None:
    for road in (False, True):
        for way in (way for way in plan.ways if way.road is road):
            theme = themes[way.region]
            if road:
                _kerb(image, way, theme.kerb)
            else:
                _line(image, way.line, (196, 190, 178), way.width_m + 0.5)
    for road in (False, True):
        for way in (way for way in plan.ways if way.road is road):
            theme = themes[way.region]
            tone = (78, 78, 82) if road else PATHS[theme.path]
            _line(image, way.line, tone, way.width_m)
            if not road:
                _pattern(image, way.line, theme.path, way.width_m, rng)
    for way in (way for way in plan.ways if way.road):
        _dashes(image, way.line)
    for centre in plan.centres:
        _disc(image, centre, 3.1, (78, 78, 82))


def _along(line: Points, start_m: float, step_m: float) -> list[tuple[Points, Points]]:
    """Points every ``step_m`` along a polyline, each with the unit direction there."""
    found = []
    for first, second in pairwise(line):
        length = float(np.linalg.norm(second - first))
        unit = (second - first) / length
        for distance in np.arange(start_m, length, step_m):
            found.append((first + unit * distance, unit))
    return found


def _kerb(image: Image, way: Way, colours: tuple[Colour, Colour]) -> None:
    """Both edges of a road in two alternating colours, with a paved verge beyond."""
    _line(image, way.line, (150, 144, 134), way.width_m + 2.4)
    for side in (-1.0, 1.0):
        for step, (spot, unit) in enumerate(_along(way.line, 0.0, 1.3)):
            edge = spot + np.array([-unit[1], unit[0]]) * side * (way.width_m / 2 + 0.15)
            _line(image, np.array([edge, edge + unit * 1.3]), colours[step % 2], 0.5)


def _dashes(image: Image, line: Points) -> None:
    for spot, unit in _along(line, 4.0, 5.0):
        _line(image, np.array([spot, spot + unit * 2.2]), (222, 220, 210), 0.16)


def _pattern(
    image: Image, line: Points, kind: str, width_m: float, rng: np.random.Generator
) -> None:
    base = PATHS[kind]
    for step, (spot, unit) in enumerate(_along(line, 0.3, 0.9)):
        across = np.array([-unit[1], unit[0]]) * width_m / 2
        tone = marks_tone(base, 0.8 if step % 2 else 1.12)
        if kind in ("slab", "paver_grey"):
            _line(image, np.array([spot - across, spot + across]), marks_tone(base, 0.72), 0.12)
        elif kind == "checker":
            half = across if step % 2 else -across
            _line(image, np.array([spot, spot + half]), marks_tone(base, 0.62), 0.8)
        elif kind == "paver_red":
            _line(image, np.array([spot - across, spot + unit * 0.8, spot + across]), tone, 0.3)
        elif kind in ("gravel", "clay"):
            jitter = spot + across * float(rng.uniform(-0.8, 0.8))
            _disc(image, jitter, 0.25, tone)


def marks_tone(colour: Colour, factor: float) -> Colour:
    """A colour made lighter or darker."""
    red, green, blue = (int(min(255, channel * factor)) for channel in colour)
    return red, green, blue


def _paint_plaza(image: Image, centre: Points, theme: Theme, rng: np.random.Generator) -> None:
    """The ground of a region's own feature, beside its junction."""
    spot = feature_spot(centre)
    first, second = marks.vivid(rng), PATHS[theme.path]
    if theme.feature in ("pitch", "court", "hoops"):
        size = (17.0, 12.0) if theme.feature == "pitch" else (9.0, 6.5)
        corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * size[::-1] + spot
        _area(image, corners, (92, 128, 62) if theme.feature == "pitch" else first)
        _line(image, np.vstack([corners, corners[:1]]), (236, 234, 226), 0.3)
        _line(
            image,
            np.array([corners[:2].mean(axis=0), corners[2:].mean(axis=0)]),
            (236, 234, 226),
            0.3,
        )
        _disc(image, spot, 3.0, (236, 234, 226), 2)
    elif theme.feature == "lake":
        ring = np.linspace(0, 2 * np.pi, 40)
        shore = spot + np.stack([np.sin(ring) * 10.5, np.cos(ring) * 14], axis=1)
        _area(image, spot + (shore - spot) * 1.08, (176, 168, 150))
        _area(image, shore, (72, 112, 124))
    elif theme.feature == "parking":
        _area(image, np.array([(-9, -13), (-9, 13), (9, 13), (9, -13)]) + spot, (96, 96, 98))
        for east in np.arange(-12, 13, 2.6):
            _line(image, np.array([(-8.5, east), (-4, east)]) + spot, (220, 218, 210), 0.14)
            _line(image, np.array([(4, east), (8.5, east)]) + spot, (220, 218, 210), 0.14)
    else:
        for ring_m, tone in (
            (9.5, second),
            (7.5, marks_tone(second, 0.75)),
            (5.5, first),
            (4.6, second),
        ):
            _disc(image, spot, ring_m, tone)
        for angle in np.arange(0, 2 * np.pi, np.pi / 6):
            tip = spot + np.array([np.cos(angle), np.sin(angle)]) * 9.3
            _line(image, np.array([spot, tip]), marks_tone(second, 1.15), 0.4)


def feature_spot(centre: Points) -> Points:
    """Where a region's feature stands: in the north-east plot, clear of both roads."""
    return np.asarray(centre + np.array([15.0, 19.0]))


def _make_grain(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    grain = np.zeros((GRAIN_SIDE, GRAIN_SIDE), dtype=np.float32)
    for side, weight in ((512, 0.05), (256, 0.06), (64, 0.07), (16, 0.06)):
        layer = rng.normal(0, weight, (side, side)).astype(np.float32)
        layer = np.tile(layer, (3, 3))
        wide = cv2.resize(layer, (3 * GRAIN_SIDE, 3 * GRAIN_SIDE), interpolation=cv2.INTER_LINEAR)
        grain += wide[GRAIN_SIDE : 2 * GRAIN_SIDE, GRAIN_SIDE : 2 * GRAIN_SIDE]
    return 1.0 + grain
