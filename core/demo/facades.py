"""Facade painters: each draws one wall of a building as an RGB texture at `PPM` pixels a metre.

`paint_wall` makes the texture of one wall from a `Look`: facade, weather, doors, signs and murals.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import marks
from core.demo.textures import Colour

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


def weather(image: Image, rng: np.random.Generator, strength: float = 9.0) -> None:
    """Stain and grain a texture in place, so that no wall is flat."""
    height, width = image.shape[:2]
    coarse = rng.normal(0, strength, (max(2, height // 24), max(2, width // 24)))
    runs = rng.normal(0, strength * 0.7, (2, max(2, width // 5)))
    wide = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    field = np.asarray(wide, dtype=np.float32)
    field += np.asarray(cv2.resize(runs.astype(np.float32), (width, height)), dtype=np.float32)
    grain = rng.integers(-6, 7, (64, 64)).astype(np.float32)
    field += np.tile(grain, (height // 64 + 1, width // 64 + 1))[:height, :width]
    image[:] = cv2.add(image, cv2.merge([field] * 3), dtype=cv2.CV_8U)


def paint_wall(
    seed: int, look: Look, size_m: tuple[float, float], storeys: int,
    rng: np.random.Generator, *, mural: bool, sign: bool,
) -> Image:  # fmt: skip
    """Texture of one wall of ``size_m`` (width, height), seen from outside.

    Returns:
        ``(height * PPM, width * PPM, 3)`` uint8 RGB.
    """
    width, height = size_m
    image = np.empty((max(8, round(height * PPM)), max(8, round(width * PPM)), 3), dtype=np.uint8)
    image[:] = look.wall
    body = storeys * look.storey_m
    roof = image.shape[0] - round(body * PPM)
    PAINTERS[look.style](image[max(0, roof) :], look, storeys, rng)
    if roof > 4:
        image[:roof] = look.trim
        image[roof - 2 : roof] = darker(look.trim, 0.5)
    rect(image, 0, height - 0.5, width, 0.5, darker(look.trim, 0.7))
    weather(image, rng)
    if width > 5:
        _door(image, look, width, height, rng)
    if mural and width > 6:
        _hang_mural(image, width, height, rng)
    if sign and width > 5:
        _hang_sign(image, seed, width, height, storeys, look, rng)
    _contact_shade(image)
    return image


def _door(image: Image, look: Look, width: float, height: float, rng: np.random.Generator) -> None:
    x = float(rng.uniform(0.2, 0.75)) * width
    rect(image, x - 0.2, height - 2.7, 2.2, 2.7, darker(look.trim, 1.1))
    rect(image, x, height - 2.4, 1.8, 2.4, darker(look.accent, 0.7))
    rect(image, x + 0.86, height - 2.4, 0.08, 2.4, darker(look.trim, 0.6))
    rect(image, x + 0.2, height - 2.2, 0.5, 0.9, look.glass)
    rect(image, x + 1.1, height - 2.2, 0.5, 0.9, look.glass)
    rect(image, x - 0.6, height - 3.0, 3.0, 0.22, darker(look.wall, 1.15))


def _hang_mural(image: Image, width: float, height: float, rng: np.random.Generator) -> None:
    wide, tall = (
        min(width - 1, float(rng.uniform(4, 8))),
        min(height - 0.9, float(rng.uniform(2, 4.5))),
    )
    x = float(rng.uniform(0.4, width - wide - 0.4))
    top, left = round((height - 0.4 - tall) * PPM), round(x * PPM)
    marks.paint_mural(image[top : top + round(tall * PPM), left : left + round(wide * PPM)], rng)


def _hang_sign(
    image: Image, seed: int, width: float, height: float, storeys: int, look: Look,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    if rng.random() < 0.45 and height > 6:  # one big block mark high on the wall
        side = float(rng.uniform(2.0, 3.0))
        x, y = float(rng.uniform(0.5, width - side - 0.5)), float(rng.uniform(0.4, 1.2))
        rect(image, x, y, side, side, look.accent)
        box = (round(x * PPM), round(y * PPM), round(side * PPM), round(side * PPM))
        marks.write(image, seed, marks.new_word(rng, 1, 3), box, (250, 248, 240))
    wide = min(width - 1.0, float(rng.uniform(4, 9)))
    tall = float(rng.uniform(0.9, 1.5))
    x = float(rng.uniform(0.4, width - wide - 0.4))
    y = max(0.1, height - look.storey_m - tall * 0.6)
    board = marks.paint_board(seed, rng, round(wide * PPM), round(tall * PPM))
    top, left = round(y * PPM), round(x * PPM)
    image[top : top + board.shape[0], left : left + board.shape[1]] = board


def _contact_shade(image: Image) -> None:
    rows = image.shape[0]
    fade = np.ones(rows, dtype=np.float32)
    low = min(rows, int(1.2 * PPM))
    fade[rows - low :] = np.linspace(1.0, 0.72, low)
    image[:] = (image * fade[:, None, None]).astype(np.uint8)


def paint_low_wall(
    seed: int, kind: str, size_m: tuple[float, float], rng: np.random.Generator
) -> Image:
    """Texture of a hedge, a compound wall, a painted wall or a fence-like parapet."""
    width, height = size_m
    image = np.empty((max(8, round(height * PPM)), max(8, round(width * PPM)), 3), dtype=np.uint8)
    if kind == "hedge":
        return _hedge(image, rng)
    base = int(rng.integers(150, 215))
    image[:] = (base, base - 8, base - 26)
    if kind == "painted":
        inset = image[4:-4, 2:-2]
        marks.paint_mural(inset, rng)
        if rng.random() < 0.5:
            box = (
                image.shape[1] // 6,
                image.shape[0] // 5,
                image.shape[1] * 2 // 3,
                image.shape[0] * 3 // 5,
            )
            marks.write(image, seed, marks.new_word(rng), box, (250, 248, 240))
    else:
        band = marks.vivid(rng)
        for x in np.arange(0, width, 2.5):
            rect(image, float(x), 0, 0.35, height, darker((base, base - 8, base - 26), 0.8))
        rect(image, 0, height * 0.55, width, height * 0.45, darker(band, 0.9))
        rect(image, 0, 0, width, 0.12, darker(band, 0.7))
    weather(image, rng, 7.0)
    _contact_shade(image)
    return image


def _hedge(image: Image, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    green = np.array([rng.integers(48, 80), rng.integers(90, 125), rng.integers(34, 56)])
    tone = cv2.resize(rng.normal(0, 26, (height // 3 + 2, width // 3 + 2)).astype(np.float32),
                      (width, height))  # fmt: skip
    light = np.linspace(1.2, 0.65, height)[:, None]
    image[:] = np.clip((green[None, None] + tone[..., None]) * light[..., None], 8, 235)
    if rng.random() < 0.4:
        flower = marks.vivid(rng)
        for _ in range(width * height // 260):
            spot = (int(rng.integers(0, width)), int(rng.integers(0, height)))
            cv2.circle(image, spot, 1, flower, -1)
    return image
