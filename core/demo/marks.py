"""Things painted on walls and boards: words in an invented script, big block marks, murals."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.seeds import stream
from core.demo.textures import Colour

Image = npt.NDArray[np.uint8]
_LETTERS = 26


@lru_cache(maxsize=_LETTERS)
def letter(seed: int, index: int) -> list[npt.NDArray[np.float64]]:
    """Strokes of one letter of the campus script, points in the unit square (x right, y down)."""
    rng = stream(seed, "letter", index)
    spots = np.array([(x, y) for y in (0.0, 0.5, 1.0) for x in (0.08, 0.92)] + [(0.5, 0.25)])
    strokes = []
    for _ in range(rng.integers(2, 4)):
        chosen = rng.choice(len(spots), rng.integers(2, 4), replace=False)
        strokes.append(spots[chosen])
    return strokes


def write(image: Image, seed: int, word: list[int], box: tuple[int, int, int, int],
          colour: Colour) -> None:  # fmt: skip
    """Write letters into ``box`` (x, y, width, height) of an RGB image, in place."""
    x, y, width, height = box
    pitch = width / max(len(word), 1)
    thick = max(1, round(min(pitch * 0.72, height) * 0.2))
    for place, index in enumerate(word):
        for stroke in letter(seed, index):
            points = np.empty((len(stroke), 2))
            points[:, 0] = x + pitch * (place + 0.14) + stroke[:, 0] * pitch * 0.72
            points[:, 1] = y + height * 0.12 + stroke[:, 1] * height * 0.76
            cv2.polylines(image, [np.round(points * 8).astype(np.int32)], False, colour, thick,
                          cv2.LINE_AA, 3)  # fmt: skip


def new_word(rng: np.random.Generator, low: int = 3, high: int = 8) -> list[int]:
    """Letter indices of a made-up word."""
    return [int(index) for index in rng.integers(0, _LETTERS, rng.integers(low, high))]


def vivid(rng: np.random.Generator) -> Colour:
    """A strong colour of random hue."""
    hsv = np.array([[[rng.integers(0, 180), rng.integers(140, 235), rng.integers(130, 245)]]])
    red, green, blue = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return int(red), int(green), int(blue)


def paint_mural(image: Image, rng: np.random.Generator) -> None:
    """Fill an RGB view with one of several invented pictures, in place."""
    height, width = image.shape[:2]
    ground, *inks = [vivid(rng) for _ in range(6)]
    image[:] = ground
    kind = int(rng.integers(0, 5))
    if kind == 0:
        _waves(image, rng, inks)
    elif kind == 1:
        _discs(image, rng, inks)
    elif kind == 2:
        _triangles(image, rng, inks)
    elif kind == 3:
        _sunrise(image, rng, inks)
    else:
        _figures(image, rng, inks)
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), inks[-1], max(1, height // 24))


def _waves(image: Image, rng: np.random.Generator, inks: list[Colour]) -> None:
    height, width = image.shape[:2]
    x = np.arange(0, width + 8, 4)
    for step, ink in enumerate(inks):
        base = height * (0.25 + 0.17 * step)
        lift = np.sin(x / width * rng.uniform(6, 26) + rng.uniform(0, 6)) * height * 0.1
        line = np.stack([x, base + lift], axis=1)
        area = np.vstack([line, [[width + 8, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(image, [area], ink, cv2.LINE_AA)


def _discs(image: Image, rng: np.random.Generator, inks: list[Colour]) -> None:
    height, width = image.shape[:2]
    for step in range(int(5 + width / height * 3)):
        spot = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        radius = int(height * rng.uniform(0.12, 0.45))
        for ring in range(3):
            size = max(1, radius - ring * radius // 3)
            cv2.circle(image, spot, size, inks[(step + ring) % len(inks)], -1, cv2.LINE_AA)


def _triangles(image: Image, rng: np.random.Generator, inks: list[Colour]) -> None:
    height, width = image.shape[:2]
    side = height / rng.integers(2, 4)
    for row in range(int(height / side) + 1):
        for column in range(int(width / side) + 1):
            x, y = column * side, row * side
            corners = np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)])
            keep = np.delete(corners, rng.integers(0, 4), axis=0).astype(np.int32)
            ink = inks[int(rng.integers(0, len(inks)))]
            cv2.fillPoly(image, [keep], ink, cv2.LINE_AA)


def _sunrise(image: Image, rng: np.random.Generator, inks: list[Colour]) -> None:
    height, width = image.shape[:2]
    spot = (int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.5, 0.8)))
    for ray in range(0, 360, 30):
        far = max(width, height) * 2
        angles = np.deg2rad([ray, ray + 15])
        tips = [(spot[0] + int(np.cos(a) * far), spot[1] + int(np.sin(a) * far)) for a in angles]
        cv2.fillPoly(image, [np.array([spot, *tips], dtype=np.int32)], inks[0], cv2.LINE_AA)
    cv2.circle(image, spot, int(height * rng.uniform(0.2, 0.36)), inks[1], -1, cv2.LINE_AA)
    peaks = [(0, height)]
    for x in np.linspace(0, width, int(rng.integers(5, 10))):
        peaks.append((int(x), int(height * rng.uniform(0.55, 0.95))))
    cv2.fillPoly(image, [np.array([*peaks, (width, height)], dtype=np.int32)], inks[2], cv2.LINE_AA)


def _figures(image: Image, rng: np.random.Generator, inks: list[Colour]) -> None:
    height, width = image.shape[:2]
    count = max(2, int(width / height * 2))
    for step in range(count):
        x = int(width * (step + 0.5) / count)
        ink = inks[int(rng.integers(0, len(inks)))]
        sway = int(height * rng.uniform(-0.15, 0.15))
        thick = max(2, height // 10)
        cv2.line(image, (x, int(height * 0.36)), (x + sway, int(height * 0.98)), ink, thick * 2)
        arm = (x + int(height * rng.uniform(-0.3, 0.3)), int(height * rng.uniform(0.1, 0.6)))
        cv2.line(image, (x, int(height * 0.45)), arm, ink, thick, cv2.LINE_AA)
        cv2.circle(image, (x, int(height * 0.24)), height // 7, inks[step % len(inks)], -1)


def paint_board(seed: int, rng: np.random.Generator, width: int, height: int) -> Image:
    """An RGB sign board: a field, a border, one or two lines of script and perhaps an emblem."""
    field, ink = vivid(rng), (245, 242, 230)
    if rng.random() < 0.4:
        field, ink = ink, field
    board = np.empty((height, width, 3), dtype=np.uint8)
    board[:] = field
    cv2.rectangle(board, (2, 2), (width - 3, height - 3), ink, max(2, height // 20))
    left = height if rng.random() < 0.5 and width > 1.6 * height else height // 8
    if left == height:
        cv2.circle(board, (height // 2, height // 2), height // 3, vivid(rng), -1, cv2.LINE_AA)
        write(board, seed, new_word(rng, 1, 2),
              (height // 4, height // 4, height // 2, height // 2), ink)  # fmt: skip
    lines = 1 if height < width / 2.5 else 2
    tall = (height - height // 4) // lines
    for line in range(lines):
        box = (left, height // 8 + line * tall, width - left - height // 8, tall)
        write(board, seed, new_word(rng, 3, 6), box, ink)
    return board
