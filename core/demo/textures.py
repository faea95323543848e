"""Themes of the 15 regions (buildings, colours, trees, kerbs, paths) and the texture atlas.

The atlas is one image with every wall texture at every mip level, so that one remap samples all.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]

CREAM, WHITE, GREY, SAND = (232, 218, 182), (226, 226, 220), (168, 168, 166), (206, 182, 140)
BRICK, RUST, OCHRE, PINK = (158, 82, 60), (178, 98, 62), (214, 164, 74), (222, 160, 150)
BLUE, SKY, TEAL, GREEN = (58, 92, 150), (140, 178, 206), (60, 132, 128), (98, 136, 84)
MAROON, NAVY, PLUM, DARK = (112, 36, 40), (34, 46, 92), (112, 70, 118), (62, 60, 64)
YELLOW, ORANGE, RED, BLACK = (232, 196, 60), (222, 124, 46), (188, 48, 44), (34, 34, 36)
LIME, MINT = (170, 190, 84), (176, 206, 178)


@dataclass(frozen=True)
class Theme:
    """The character of one region; lengths in metres, colours RGB."""

    name: str
    styles: tuple[str, ...]
    walls: tuple[Colour, ...]
    trims: tuple[Colour, ...]
    trees: tuple[str, ...]
    kerb: tuple[Colour, Colour]
    path: str
    feature: str
    buildings: int = 6
    length_m: tuple[float, float] = (16.0, 32.0)
    depth_m: tuple[float, float] = (10.0, 15.0)
    storeys: tuple[int, int] = (2, 4)
    mural_share: float = 0.25
    tree_count: int = 16


# fmt: off
THEMES: tuple[Theme, ...] = (
    Theme("Main Gate", ("colonnade", "grid"), (SAND, CREAM), (MAROON, BRICK),
          ("royal_palm", "neem"), (BLACK, YELLOW), "slab", "gate", 5, (10, 20), (8, 12), (1, 2),
          0.3),
    Theme("Administration", ("colonnade", "arch"), (WHITE, CREAM), (NAVY, BLUE),
          ("ashoka", "royal_palm"), (WHITE, BLACK), "paver_red", "clock", 5, (24, 40), (12, 16),
          (2, 3), 0.1),
    Theme("Library Plaza", ("brick", "curtain"), (BRICK, RUST), (WHITE, SAND),
          ("gulmohar", "neem"), (RED, WHITE), "checker", "fountain", 5, (22, 36), (14, 18),
          (3, 4), 0.3),
    Theme("Lecture Halls", ("fins", "ribbon"), (GREY, SAND), (ORANGE, DARK),
          ("rain_tree", "ashoka"), (BLACK, WHITE), "slab", "amphi", 6, (20, 34), (12, 18), (2, 3),
          0.3),
    Theme("East Laboratories", ("ribbon", "grid"), (WHITE, SKY), (BLUE, TEAL), ("ashoka", "neem"),
          (BLACK, YELLOW), "asphalt", "tank", 6, (24, 36), (12, 15), (3, 5), 0.15),
    Theme("West Laboratories", ("ribbon", "grid"), (WHITE, MINT), (TEAL, GREEN),
          ("neem", "rain_tree"), (BLACK, YELLOW), "asphalt", "dish", 6, (24, 36), (12, 15),
          (3, 5), 0.15),
    Theme("Lake Garden", ("jali", "house"), (SAND, MINT), (GREEN, BRICK),
          ("coconut", "rain_tree", "bougainvillea"), (WHITE, GREEN), "gravel", "lake", 4, (8, 16),
          (7, 10), (1, 1), 0.4, 34),
    Theme("Sports Ground", ("shed", "ribbon"), (SKY, WHITE), (RED, NAVY), ("neem", "coconut"),
          (WHITE, BLUE), "clay", "pitch", 4, (16, 26), (8, 11), (1, 2), 0.5, 18),
    Theme("North Hostels", ("balcony", "grid"), (OCHRE, CREAM), (MAROON, WHITE),
          ("gulmohar", "coconut"), (BLACK, WHITE), "paver_grey", "court", 6, (22, 34), (11, 13),
          (3, 4), 0.2),
    Theme("South Hostels", ("balcony", "grid"), (PINK, CREAM), (PLUM, WHITE), ("coconut", "neem"),
          (BLACK, WHITE), "paver_grey", "hoops", 6, (22, 34), (11, 13), (3, 4), 0.2),
    Theme("Dining Court", ("awning", "arch"), (YELLOW, CREAM), (RED, GREEN),
          ("rain_tree", "bougainvillea"), (RED, WHITE), "paver_red", "tables", 6, (12, 24),
          (9, 13), (1, 2), 0.5),
    Theme("Workshops", ("shed", "brick"), (GREY, TEAL), (ORANGE, YELLOW), ("neem", "ashoka"),
          (YELLOW, BLACK), "asphalt", "parking", 6, (18, 30), (11, 15), (1, 2), 0.3, 10),
    Theme("Arts Centre", ("mural", "jali"), (ORANGE, PLUM), (YELLOW, TEAL),
          ("gulmohar", "bougainvillea"), (BLUE, YELLOW), "checker", "sculpture", 6, (14, 26),
          (10, 14), (1, 3), 0.9),
    Theme("Faculty Houses", ("house", "balcony"), (MINT, PINK, SKY, OCHRE), (BRICK, WHITE),
          ("coconut", "bougainvillea", "neem"), (WHITE, GREEN), "gravel", "garden", 9, (9, 14),
          (8, 10), (1, 2), 0.15, 24),
    Theme("Innovation Park", ("curtain", "fins"), (DARK, SKY), (LIME, ORANGE),
          ("ashoka", "royal_palm"), (WHITE, LIME), "slab", "totem", 5, (20, 34), (14, 18), (4, 6),
          0.3),
)
# fmt: on


Image = npt.NDArray[np.uint8]
LEVELS = 5
_ALIGN = 1 << (LEVELS - 1)
_PAD = _ALIGN
_WIDTH = 8192


@dataclass(frozen=True)
class Atlas:
    """Mip pyramid packed into one image.

    Attributes:
        image: ``(rows, columns, 3)`` uint8 RGB; level 0 on top, smaller levels below.
        offset_y: ``(LEVELS,)`` first row of each level.
        origin: ``(n, 2)`` x, y of each texture at level 0.
    """

    image: Image
    offset_y: npt.NDArray[np.float32]
    origin: npt.NDArray[np.float32]


def pyramid(base: Image) -> tuple[Image, npt.NDArray[np.float32]]:
    """Stack an image and its halved copies vertically; returns the stack and first rows."""
    levels = [base]
    for _ in range(LEVELS - 1):
        last = levels[-1]
        half = (last.shape[1] // 2, last.shape[0] // 2)
        levels.append(np.asarray(cv2.resize(last, half, interpolation=cv2.INTER_AREA), np.uint8))
    starts = np.cumsum([0] + [level.shape[0] for level in levels[:-1]])
    stack = np.zeros((sum(level.shape[0] for level in levels), base.shape[1], 3), dtype=np.uint8)
    for start, level in zip(starts, levels, strict=True):
        stack[start : start + level.shape[0], : level.shape[1]] = level
    return stack, starts.astype(np.float32)


def pack(textures: list[Image]) -> Atlas:
    """Shelf-pack textures (tallest first) with padded borders, then build the pyramid."""
    order = sorted(range(len(textures)), key=lambda index: -textures[index].shape[0])
    origin = np.zeros((len(textures), 2), dtype=np.float32)
    x = y = shelf = 0
    for index in order:
        height = -(-textures[index].shape[0] // _ALIGN) * _ALIGN + 2 * _PAD
        width = -(-textures[index].shape[1] // _ALIGN) * _ALIGN + 2 * _PAD
        if x + width > _WIDTH:
            x, y, shelf = 0, y + shelf, 0
        origin[index] = (x + _PAD, y + _PAD)
        x, shelf = x + width, max(shelf, height)
    rows = -(-(y + shelf) // _ALIGN) * _ALIGN
    base = np.zeros((rows, _WIDTH, 3), dtype=np.uint8)
    for texture, (left, top) in zip(textures, origin.astype(int), strict=True):
        padded = np.pad(texture, ((_PAD, _PAD), (_PAD, _PAD), (0, 0)), mode="edge")
        base[
            top - _PAD : top - _PAD + padded.shape[0], left - _PAD : left - _PAD + padded.shape[1]
        ] = padded
    image, offsets = pyramid(base)
    return Atlas(image, offsets, origin)
