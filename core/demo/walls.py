"""From a `Look` to the texture of one wall: facade, weather, doors, signs and murals."""

import cv2
import numpy as np

from core.demo import marks
from core.demo.facades import PAINTERS, PPM, Image, Look, darker, rect


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
