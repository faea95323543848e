"""Facade painters: each draws one wall of a building as an RGB texture at `PPM` pixels a metre."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import marks
from core.demo.themes import Colour

Image = npt.NDArray[np.uint8]
PPM = 16  # texture pixels a metre


@dataclass(frozen=True)
class Look:
    """How the four walls of one building are painted; lengths in metres."""

    style: str
    wall: Colour
    trim: Colour
    glass: Colour
    storey_m: float
    bay_m: float
    window_m: tuple[float, float]
    accent: Colour


def make_look(rng: np.random.Generator, style: str, wall: Colour, trim: Colour) -> Look:
    """Draw the proportions and tints of one building."""
    tint = rng.normal(0, 9, 3)
    shaded = [
        int(np.clip(channel + shift, 15, 245)) for channel, shift in zip(wall, tint, strict=True)
    ]
    glass = (int(rng.integers(30, 70)), int(rng.integers(50, 90)), int(rng.integers(70, 120)))
    bay = float(rng.uniform(2.2, 4.2))
    window = (float(rng.uniform(0.4, 0.72) * bay), float(rng.uniform(1.1, 1.9)))
    return Look(style, (shaded[0], shaded[1], shaded[2]), trim, glass,
                float(rng.uniform(3.1, 3.7)), bay, window, marks.vivid(rng))  # fmt: skip


def darker(colour: Colour, factor: float) -> Colour:
    """The colour scaled towards black (or lighter, above one)."""
    red, green, blue = (int(min(255, channel * factor)) for channel in colour)
    return red, green, blue


def rect(image: Image, x: float, y: float, width: float, height: float, colour: Colour) -> None:
    """Fill a rectangle given in metres from the top-left corner."""
    corner = (round(x * PPM), round(y * PPM))
    far = (round((x + width) * PPM) - 1, round((y + height) * PPM) - 1)
    cv2.rectangle(image, corner, far, colour, -1)


def window(image: Image, look: Look, x: float, y: float, size: tuple[float, float],
           rng: np.random.Generator) -> None:  # fmt: skip
    """One framed window with mullions, sky glint, sill and perhaps a curtain or cooler."""
    width, height = size
    rect(image, x - 0.1, y - 0.1, width + 0.2, height + 0.2, look.trim)
    shade = float(rng.uniform(0.65, 1.5))
    rect(image, x, y, width, height, darker(look.glass, shade))
    rect(image, x, y, width, height * 0.35, darker(look.glass, shade * 1.5))
    if rng.random() < 0.2:
        rect(image, x, y, width * 0.4, height, darker(look.accent, 0.8))
    rect(image, x + width / 2 - 0.04, y, 0.08, height, look.trim)
    rect(image, x - 0.15, y + height + 0.1, width + 0.3, 0.1, darker(look.wall, 1.15))
    rect(image, x - 0.15, y - 0.28, width + 0.3, 0.14, darker(look.wall, 1.1))
    rect(image, x - 0.15, y - 0.14, width + 0.3, 0.1, darker(look.wall, 0.55))
    if rng.random() < 0.12:
        rect(image, x + width * 0.2, y + height + 0.2, 0.8, 0.5, (205, 205, 200))
        rect(image, x + width * 0.2 + 0.1, y + height + 0.28, 0.45, 0.35, (110, 112, 112))


def _grid(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width = image.shape[1] / PPM
    bays = max(1, int((width - 0.8) / look.bay_m))
    left = (width - bays * look.bay_m) / 2
    for storey in range(storeys):
        top = storey * look.storey_m
        rect(image, 0, top + look.storey_m - 0.2, width, 0.2, look.trim)
        for bay in range(bays):
            x = left + (bay + 0.5) * look.bay_m - look.window_m[0] / 2
            window(image, look, x, top + 0.75, look.window_m, rng)


def _ribbon(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width = image.shape[1] / PPM
    for storey in range(storeys):
        top = storey * look.storey_m + 0.8
        rect(image, 0, top - 0.25, width, look.window_m[1] + 0.5, look.trim)
        x = 0.3
        while x < width - 0.5:
            shade = float(rng.uniform(0.7, 1.6))
            span = min(1.2, width - 0.3 - x)
            rect(image, x, top, span - 0.1, look.window_m[1], darker(look.glass, shade))
            x += 1.2
        rect(image, 0, top - 0.4, width, 0.15, darker(look.wall, 1.12))


def _curtain(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width, height = image.shape[1] / PPM, image.shape[0] / PPM
    image[:] = look.trim
    cell = look.bay_m * 0.5
    rows = int(height / 1.7) + 1
    for row in range(rows):
        for column in range(int(width / cell) + 1):
            shade = float(rng.uniform(0.8, 1.25)) * (1.7 - 0.8 * row / rows)
            colour = look.accent if rng.random() < 0.05 else darker(look.glass, shade)
            rect(image, column * cell + 0.06, row * 1.7 + 0.06, cell - 0.12, 1.58, colour)


def _brick(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    rows = np.arange(image.shape[0]) // 5
    tone = rng.integers(-12, 12, (rows.max() + 1, image.shape[1] // 9 + 2))
    columns = (np.arange(image.shape[1])[None, :] + (rows[:, None] % 2) * 4) // 9
    wall = image.astype(np.int16) + tone[rows[:, None], columns][..., None]
    wall[np.arange(image.shape[0]) % 5 == 4] += 22
    image[:] = np.clip(wall, 0, 255)
    _arches(image, look, storeys, rng)


def _arches(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width = image.shape[1] / PPM
    bays = max(1, int((width - 0.6) / look.bay_m))
    left = (width - bays * look.bay_m) / 2
    size = look.window_m
    for storey in range(storeys):
        top = storey * look.storey_m + 0.8
        rect(image, 0, top + look.storey_m - 1.0, width, 0.18, look.trim)
        for bay in range(bays):
            middle = left + (bay + 0.5) * look.bay_m
            spot = (round(middle * PPM), round((top + 0.2) * PPM))
            cv2.circle(image, spot, round((size[0] / 2 + 0.14) * PPM), look.trim, -1, cv2.LINE_AA)
            rect(image, middle - size[0] / 2 - 0.14, top + 0.2, size[0] + 0.28, size[1], look.trim)
            shade = darker(look.glass, float(rng.uniform(0.7, 1.4)))
            cv2.circle(image, spot, round(size[0] / 2 * PPM), shade, -1, cv2.LINE_AA)
            rect(image, middle - size[0] / 2, top + 0.2, size[0], size[1] - 0.14, shade)
            rect(image, middle - 0.05, top - 0.4, 0.1, size[1] + 0.5, look.trim)


def _fins(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width, height = image.shape[1] / PPM, image.shape[0] / PPM
    rect(image, 0, 0.7, width, height - 1.2, darker(look.glass, 0.9))
    for storey in range(storeys):
        rect(image, 0, (storey + 1) * look.storey_m - 0.5, width, 0.6, darker(look.wall, 0.9))
    x = 0.0
    while x < width:
        rect(image, x, 0.3, 0.55, height - 0.3, look.wall)
        rect(image, x + 0.55, 0.7, 0.15, height - 1.2, darker(look.wall, 0.5))
        x += look.bay_m * 0.55
    rect(image, 0, 0, width, 0.7, look.trim)


def _balcony(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width = image.shape[1] / PPM
    bays = max(1, int(width / look.bay_m))
    span = width / bays
    for storey in range(storeys):
        top = storey * look.storey_m
        for bay in range(bays):
            x = bay * span
            rect(image, x + 0.25, top + 0.5, span - 0.5, 2.0, darker(look.wall, 0.42))
            rect(image, x + 0.5, top + 0.75, 0.8, 1.75, darker(look.trim, 0.8))
            if rng.random() < 0.45:  # washing on the rail
                rect(image, x + span * 0.5, top + 1.5, rng.uniform(0.4, 1.0), 0.7, marks.vivid(rng))
        rect(image, 0, top + 2.2, width, 0.95, look.trim)
        for post in np.arange(0.1, width, 0.45):
            rect(image, float(post), top + 2.35, 0.14, 0.65, darker(look.trim, 0.55))


def _colonnade(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width, height = image.shape[1] / PPM, image.shape[0] / PPM
    if storeys > 1:
        _grid(image[: round((height - look.storey_m) * PPM)], look, storeys - 1, rng)
    top = height - look.storey_m
    rect(image, 0, top, width, look.storey_m, darker(look.wall, 0.36))
    rect(image, 0, top - 0.25, width, 0.6, look.trim)
    for x in np.arange(0.3, width - 0.5, look.bay_m):
        rect(image, float(x), top + 0.35, 0.55, look.storey_m - 0.35, darker(look.wall, 1.08))
        rect(image, float(x) + 0.4, top + 0.35, 0.15, look.storey_m, darker(look.wall, 0.75))
        rect(image, float(x) - 0.12, top + 0.35, 0.8, 0.2, look.trim)


def _shed(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width, height = image.shape[1] / PPM, image.shape[0] / PPM
    ridges = np.sin(np.arange(image.shape[1]) * 1.3)[None, :, None] * 14
    image[:] = np.clip(image + ridges, 0, 255)
    rect(image, 0, 0, width, 0.45, look.trim)
    x = float(rng.uniform(1, 2.5))
    while x < width - 3.5:
        door = look.accent if rng.random() < 0.5 else look.trim
        rect(image, x, height - 2.9, 3.0, 2.9, door)
        for slat in np.arange(height - 2.8, height, 0.3):
            rect(image, x, float(slat), 3.0, 0.06, darker(door, 0.6))
        x += float(rng.uniform(4.2, 6.5))
    for x in np.arange(1.0, width - 1.5, 3.0):
        rect(image, float(x), 0.8, 1.6, 0.6, darker(look.glass, 1.4))


def _jali(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width, height = image.shape[1] / PPM, image.shape[0] / PPM
    cell = float(rng.uniform(0.7, 1.0))
    for row in range(int((height - 1.2) / cell)):
        for column in range(int((width - 1.0) / cell)):
            spot = (
                round((0.5 + (column + 0.5) * cell) * PPM),
                round((0.6 + (row + 0.5) * cell) * PPM),
            )
            hole = darker(look.wall, 0.35) if (row + column) % 2 else look.trim
            box = cv2.boxPoints((spot, (cell * PPM * 0.66, cell * PPM * 0.66), 45.0))
            cv2.fillPoly(image, [box.astype(np.int32)], hole, cv2.LINE_AA)
    rect(image, 0, 0, width, 0.4, look.trim)


def _awning(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width, height = image.shape[1] / PPM, image.shape[0] / PPM
    if storeys > 1:
        _grid(image[: round((height - look.storey_m) * PPM)], look, storeys - 1, rng)
    top = height - 3.0
    rect(image, 0.4, top + 0.9, width - 0.8, 1.6, (48, 42, 40))
    for x in np.arange(0.6, width - 1.2, 1.3):
        rect(image, float(x), top + 1.2, 0.9, 0.9, marks.vivid(rng))
    for step, x in enumerate(np.arange(0.0, width, 0.5)):
        rect(image, float(x), top, 0.5, 0.95, look.trim if step % 2 else (240, 236, 226))
    rect(image, 0.4, top + 2.2, width - 0.8, 0.8, darker(look.accent, 0.9))


def _house(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    width = image.shape[1] / PPM
    _grid(image, look, storeys, rng)
    rect(image, 0, 0, width, 0.55, darker(look.trim, 0.9))
    for x in np.arange(0, width, 0.4):
        rect(image, float(x), 0.05, 0.3, 0.45, darker(look.trim, 1.15))


def _mural(image: Image, look: Look, storeys: int, rng: np.random.Generator) -> None:
    height = image.shape[0] / PPM
    marks.paint_mural(image[round(0.8 * PPM) : round((height - 0.5) * PPM)], rng)


PAINTERS: dict[str, Callable[[Image, Look, int, np.random.Generator], None]] = {
    "grid": _grid, "ribbon": _ribbon, "curtain": _curtain, "brick": _brick, "arch": _arches,
    "fins": _fins, "balcony": _balcony, "colonnade": _colonnade, "shed": _shed, "jali": _jali,
    "awning": _awning, "house": _house, "mural": _mural,
}  # fmt: skip
