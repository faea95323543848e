"""Cars, people, lamp posts and landmarks as RGBA sprites (premultiplied alpha)."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import marks
from core.demo.facades import darker
from core.demo.themes import Colour
from core.demo.trees import Sprite

CAR_VIEWS = 12
_CAR_SIDE = {  # (x along, z up) outlines in metres: body, cabin
    "car": ([(-2.0, 0.3), (-2.0, 0.8), (-1.3, 0.95), (1.0, 0.95), (2.0, 0.78), (2.0, 0.3)],
            [(-1.6, 0.95), (-1.0, 1.48), (0.45, 1.48), (1.05, 0.95)], 1.66),
    "van": ([(-2.2, 0.35), (-2.2, 1.1), (2.0, 1.1), (2.2, 0.9), (2.2, 0.35)],
            [(-2.2, 1.1), (-2.15, 1.95), (1.2, 1.95), (1.9, 1.1)], 1.8),
    "auto": ([(-1.3, 0.3), (-1.3, 0.9), (0.8, 0.9), (1.3, 0.6), (1.3, 0.3)],
             [(-1.3, 0.9), (-1.2, 1.75), (0.5, 1.75), (0.9, 0.9)], 1.3),
}  # fmt: skip
CAR_SIZE_M = (2.1, 4.9)  # height, width of every car sprite


def _blank(height: int, width: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    return np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)


def _finish(colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> Sprite:
    flat = (colour.astype(np.uint16) * alpha[..., None] // 255).astype(np.uint8)
    return np.dstack([flat, alpha])


def _poly(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], points: npt.ArrayLike, ink: Colour
) -> None:
    pixels = [np.round(np.asarray(points) * 8).astype(np.int32)]
    cv2.fillPoly(colour, pixels, ink, cv2.LINE_8, 3)
    cv2.fillPoly(alpha, pixels, 255, cv2.LINE_AA, 3)


def draw_car(kind: str, paint: Colour, view: int) -> Sprite:
    """A car seen from ``view * 30`` degrees: 0 from its right side, nose to the viewer's right."""
    body, cabin, width = _CAR_SIDE[kind]
    scale, turn = 52.0, 2 * np.pi * view / CAR_VIEWS
    height, wide = int(CAR_SIZE_M[0] * scale), int(CAR_SIZE_M[1] * scale)
    colour, alpha = _blank(height, wide)

    def project(x: float, y: float, z: float) -> tuple[float, float]:
        across = x * np.cos(turn) - y * np.sin(turn)
        away = x * np.sin(turn) + y * np.cos(turn)
        return wide / 2 + across * scale, height - 4 - (z + away * 0.06) * scale

    faces: list[tuple[float, list[tuple[float, float]], Colour]] = []
    for outline, base, glass in ((body, paint, False), (cabin, darker(paint, 0.9), True)):
        for side in (-width / 2, width / 2):
            points = [project(x, side, z) for x, z in outline]
            ink = (44, 52, 62) if glass else base
            faces.append((side * np.cos(turn) - (0.01 if glass else 0), points, ink))
        for (x0, z0), (x1, z1) in zip(outline, outline[1:] + outline[:1], strict=True):
            points = [project(x0, -width / 2, z0), project(x0, width / 2, z0),
                      project(x1, width / 2, z1), project(x1, -width / 2, z1)]  # fmt: skip
            steep = abs(z1 - z0) > 0.2
            ink = (54, 64, 76) if glass and steep else darker(base, 0.8 if steep else 1.18)
            faces.append(((x0 + x1) / 2 * np.sin(turn) - (z0 + z1) * 0.02, points, ink))
    _wheels(faces, project, width, turn)
    for _, points, ink in sorted(faces, key=lambda face: -face[0]):
        _poly(colour, alpha, points, ink)
    return _finish(colour, alpha)


def _wheels(
    faces: list[tuple[float, list[tuple[float, float]], Colour]],
    project: Callable[[float, float, float], tuple[float, float]], width: float, turn: float,
) -> None:  # fmt: skip
    ring = np.linspace(0, 2 * np.pi, 16)
    for x in (-1.25, 1.2):
        for side in (-width / 2 - 0.02, width / 2 + 0.02):
            depth = side * np.cos(turn) - 0.05
            for radius, ink in ((0.34, (28, 28, 30)), (0.18, (150, 152, 154))):
                points = [
                    project(x + radius * np.cos(a), side, 0.34 + radius * np.sin(a)) for a in ring
                ]
                faces.append((depth - (0.34 - radius), points, ink))


def draw_person(rng: np.random.Generator) -> Sprite:
    """A standing or walking person, 1.75 m high on a 0.8 m wide sprite."""
    colour, alpha = _blank(210, 96)
    shirt, trousers = marks.vivid(rng), darker(marks.vivid(rng), 0.45)
    skin: Colour = (
        int(rng.integers(110, 190)),
        int(rng.integers(76, 130)),
        int(rng.integers(56, 96)),
    )
    stride = float(rng.uniform(2, 16))
    for foot in (-1, 1):
        _poly(
            colour,
            alpha,
            [(40, 112), (56, 112), (50 + foot * stride + 7, 206), (46 + foot * stride - 5, 206)],
            trousers,
        )
    _poly(colour, alpha, [(32, 52), (64, 52), (62, 120), (35, 120)], shirt)
    for arm in (-1, 1):
        x = 48 + arm * 16
        _poly(
            colour,
            alpha,
            [(x - 4, 54), (x + 4, 54), (x + 4 + arm * 6, 112), (x - 4 + arm * 6, 112)],
            darker(shirt, 0.8),
        )
    cv2.circle(colour, (48, 34), 14, skin, -1)
    cv2.circle(alpha, (48, 34), 14, 255, -1, cv2.LINE_AA)
    cv2.ellipse(colour, (48, 28), (15, 11), 0, 180, 360, (26, 22, 20), -1)
    cv2.ellipse(alpha, (48, 28), (15, 11), 0, 180, 360, 255, -1)
    if rng.random() < 0.4:
        _poly(
            colour, alpha, [(36, 58), (60, 58), (60, 98), (36, 98)], darker(marks.vivid(rng), 0.7)
        )
    return _finish(colour, alpha)


def draw_lamp(seed: int, colours: tuple[Colour, Colour], rng: np.random.Generator) -> Sprite:
    """A lamp post with a region's banner, 6 m on a 2 m wide sprite."""
    colour, alpha = _blank(300, 100)
    steel: Colour = (74, 76, 80)
    _poly(colour, alpha, [(47, 20), (53, 20), (54, 300), (46, 300)], steel)
    _poly(colour, alpha, [(50, 16), (92, 8), (92, 14), (50, 24)], steel)
    _poly(colour, alpha, [(70, 8), (98, 4), (98, 16), (70, 18)], (236, 234, 214))
    _poly(colour, alpha, [(42, 270), (58, 270), (60, 300), (40, 300)], colours[1])
    _poly(colour, alpha, [(2, 80), (44, 80), (44, 172), (23, 188), (2, 172)], colours[0])
    _poly(colour, alpha, [(2, 80), (44, 80), (44, 98), (2, 98)], colours[1])
    marks.write(colour, seed, marks.new_word(rng, 1, 2), (5, 104, 36, 58), (248, 246, 238))
    _poly(colour, alpha, [(0, 76), (48, 76), (48, 80), (0, 80)], steel)
    return _finish(colour, alpha)


def draw_landmark(kind: str, seed: int, rng: np.random.Generator) -> tuple[Sprite, float, float]:
    """A region's landmark: the sprite, its height and its width in metres."""
    colour, alpha = _blank(400, 300)
    stone: Colour = (int(rng.integers(150, 210)),) * 3
    ink, second = marks.vivid(rng), marks.vivid(rng)
    if kind in ("clock", "totem", "gate"):
        _poly(
            colour,
            alpha,
            [(95, 400), (110, 60), (190, 60), (205, 400)],
            ink if kind == "totem" else stone,
        )
        _poly(colour, alpha, [(90, 66), (150, 8), (210, 66)], second)
        marks.write(colour, seed, marks.new_word(rng, 1, 2), (118, 200, 64, 90), (248, 246, 238))
        cv2.circle(colour, (150, 110), 30, (246, 244, 236), -1, cv2.LINE_AA)
        cv2.line(colour, (150, 110), (150, 88), (30, 30, 30), 4)
        cv2.line(colour, (150, 110), (166, 118), (30, 30, 30), 4)
        return _finish(colour, alpha), 11.0, 8.2
    if kind in ("tank", "dish"):
        for x in (70, 150, 230):
            _poly(
                colour,
                alpha,
                [(x - 7, 160), (x + 7, 160), (x + 9, 400), (x - 9, 400)],
                darker(stone, 0.8),
            )
        _poly(colour, alpha, [(60, 280), (240, 280), (240, 290), (60, 290)], darker(stone, 0.7))
        _poly(colour, alpha, [(30, 60), (270, 60), (250, 180), (50, 180)], ink)
        cv2.ellipse(colour, (150, 60), (120, 34), 0, 0, 360, second, -1, cv2.LINE_AA)
        cv2.ellipse(alpha, (150, 60), (120, 34), 0, 0, 360, 255, -1, cv2.LINE_AA)
        marks.write(colour, seed, marks.new_word(rng, 2, 4), (70, 96, 160, 70), (250, 248, 240))
        return _finish(colour, alpha), 12.0, 9.0
    _sculpture(colour, alpha, rng, stone)
    return _finish(colour, alpha), 5.2, 3.9


def _sculpture(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], rng: np.random.Generator,
    stone: Colour,
) -> None:  # fmt: skip
    """A plinth with a pile of bold shapes: every region's is its own."""
    _poly(colour, alpha, [(80, 400), (80, 310), (220, 310), (220, 400)], stone)
    _poly(colour, alpha, [(66, 310), (66, 292), (234, 292), (234, 310)], darker(stone, 0.8))
    y = 292.0
    while y > 70:
        size, ink = float(rng.uniform(34, 66)), marks.vivid(rng)
        middle = (150 + float(rng.uniform(-24, 24)), y - size)
        turns = np.linspace(0, 2 * np.pi, int(rng.choice([4, 5, 7, 25])))[:-1] + rng.uniform(0, 2)
        ring = np.stack(
            [middle[0] + np.cos(turns) * size, middle[1] + np.sin(turns) * size], axis=1
        )
        _poly(colour, alpha, ring, ink)
        inner = np.array(middle) + (ring - np.array(middle)) * 0.5
        _poly(colour, alpha, inner, darker(ink, 1.4))
        y -= size * 1.7


def draw_sign(seed: int, rng: np.random.Generator) -> Sprite:
    """A free-standing board on two posts, 3 m by 2.6 m, read from one side."""
    colour, alpha = _blank(166, 192)
    steel: Colour = (96, 98, 102)
    for x in (14, 170):
        _poly(colour, alpha, [(x, 10), (x + 8, 10), (x + 8, 166), (x, 166)], steel)
    board = marks.paint_board(seed, rng, 188, 96)
    if rng.random() < 0.4:
        marks.paint_mural(board, rng)
    colour[6:102, 2:190], alpha[6:102, 2:190] = board, 255
    return _finish(colour, alpha)
