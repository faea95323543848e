"""Sprites, RGBA with premultiplied alpha: trees, cars, people, lamp posts and landmarks.

They are drawn once for each world.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from core.demo import marks
from core.demo.facades import darker
from core.demo.textures import Colour

Sprite = npt.NDArray[np.uint8]  # (h, w, 4) RGBA, premultiplied
Crown = list[tuple[float, float, float, float]]  # x, y, radius x, radius y in unit sprite

SPECIES: dict[str, tuple[float, float]] = {  # height, width in metres
    "neem": (8.5, 7.0), "rain_tree": (9.5, 12.0), "ashoka": (9.0, 2.8), "coconut": (10.0, 6.5),
    "royal_palm": (9.0, 5.0), "gulmohar": (7.5, 8.5), "bougainvillea": (3.2, 3.4),
}  # fmt: skip
_SIDE = 320


def draw_tree(species: str, rng: np.random.Generator) -> Sprite:
    """One specimen of a species, ``(h, w, 4)`` RGBA with the root at the bottom centre."""
    height_m, width_m = SPECIES[species]
    scale = _SIDE / max(height_m, width_m)
    size = (max(8, int(height_m * scale)), max(8, int(width_m * scale)))
    colour = np.zeros((*size, 3), dtype=np.uint8)
    alpha = np.zeros(size, dtype=np.uint8)
    if species in ("coconut", "royal_palm"):
        _palm(colour, alpha, species, rng)
    else:
        _broadleaf(colour, alpha, species, rng)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (3, 3), 0.6), dtype=np.uint8)
    premultiplied = (colour.astype(np.uint16) * alpha[..., None] // 255).astype(np.uint8)
    return np.dstack([premultiplied, alpha])


def _both(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], points: npt.NDArray[np.float64],
    ink: Colour, thick: int,
) -> None:  # fmt: skip
    pixels = [np.round(points).astype(np.int32)]
    cv2.polylines(colour, pixels, False, ink, thick, cv2.LINE_8)
    cv2.polylines(alpha, pixels, False, 255, thick, cv2.LINE_8)


_CROWNS: dict[str, Crown] = {
    "neem": [(0.5, 0.32, 0.4, 0.26), (0.32, 0.45, 0.28, 0.18), (0.7, 0.44, 0.26, 0.18)],
    "rain_tree": [(0.5, 0.28, 0.46, 0.2), (0.24, 0.4, 0.23, 0.16), (0.76, 0.4, 0.23, 0.16)],
    "ashoka": [(0.5, 0.2, 0.26, 0.18), (0.5, 0.45, 0.4, 0.26), (0.5, 0.7, 0.46, 0.22)],
    "gulmohar": [(0.5, 0.3, 0.46, 0.2), (0.25, 0.38, 0.22, 0.14), (0.75, 0.38, 0.22, 0.14)],
    "bougainvillea": [(0.5, 0.42, 0.44, 0.36), (0.35, 0.62, 0.34, 0.3), (0.65, 0.66, 0.32, 0.28)],
}
_LEAF: dict[str, Colour] = {
    "neem": (74, 112, 44), "rain_tree": (58, 96, 40), "ashoka": (40, 84, 38),
    "gulmohar": (84, 120, 48), "bougainvillea": (70, 104, 46),
}  # fmt: skip


def _broadleaf(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], species: str,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    height, width = alpha.shape
    bark: Colour = (
        int(rng.integers(70, 110)),
        int(rng.integers(54, 80)),
        int(rng.integers(38, 58)),
    )
    root, fork = np.array([width * 0.5, height]), np.array([width * 0.5, height * 0.58])
    thick = max(4, int(width * (0.05 if species != "ashoka" else 0.09)))
    _both(colour, alpha, np.array([root, fork]), bark, thick)
    _both(colour, alpha, np.array([root, fork]) + np.array((thick * 0.25, 0)),
          (bark[0] // 2, bark[1] // 2, bark[2] // 2), max(1, thick // 3))  # fmt: skip
    crown = [
        (
            x + rng.normal(0, 0.03),
            y + rng.normal(0, 0.02),
            a * rng.uniform(0.8, 1.05),
            b * rng.uniform(0.8, 1.05),
        )
        for x, y, a, b in _CROWNS[species]
    ]
    for x, y, _, _ in crown:
        _both(colour, alpha, np.array([fork, (x * width, y * height)]), bark, max(2, thick // 2))
    bloom: Colour | None = {"gulmohar": (206, 66, 40), "bougainvillea": (196, 54, 130)}.get(species)
    tint = rng.normal(1.0, 0.1)
    for _ in range(26):
        x, y, a, b = crown[int(rng.integers(0, len(crown)))]
        turn, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 0.8))
        spot = (x + a * far * np.cos(turn), y + b * far * np.sin(turn))
        _clump(
            colour,
            alpha,
            spot,
            min(a, b) * rng.uniform(0.35, 0.6),
            _LEAF[species],
            bloom,
            tint,
            rng,
        )


def _clump(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], spot: tuple[float, float],
    radius: float, leaf: Colour, bloom: Colour | None, tint: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    """A ball of leaves, dark below and bright above."""
    height, width = alpha.shape
    reach = radius * min(height, width) * 1.5
    for _ in range(70):
        turn, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
        dx, dy = reach * far * np.cos(turn), reach * far * np.sin(turn)
        light = (1.05 - 0.42 * dy / reach + rng.normal(0, 0.16)) * tint
        base = bloom if bloom and rng.random() < 0.42 else leaf
        ink = tuple(int(min(max(channel * light, 6), 250)) for channel in base)
        where = (int(spot[0] * width + dx), int(spot[1] * height + dy))
        axes = (int(rng.integers(2, 6)), int(rng.integers(2, 4)))
        angle = float(rng.uniform(0, 180))
        cv2.ellipse(colour, where, axes, angle, 0, 360, ink, -1)
        cv2.ellipse(alpha, where, axes, angle, 0, 360, 255, -1)


def _palm(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], species: str,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    height, width = alpha.shape
    royal = species == "royal_palm"
    lean = 0.0 if royal else float(rng.uniform(-0.14, 0.14))
    top = np.array([width * (0.5 + lean), height * 0.28])
    t = np.linspace(0, 1, 12)[:, None]
    trunk = np.hstack([width * (0.5 + lean * t**2), height * (1 - 0.72 * t)])
    bark: Colour = (172, 166, 152) if royal else (126, 106, 82)
    _both(colour, alpha, trunk, bark, max(5, width // (13 if royal else 18)))
    for step in range(1, 11):
        x, y = trunk[step]
        cv2.line(colour, (int(x) - 4, int(y)), (int(x) + 4, int(y)), (96, 84, 66), 1)
    for frond in range(15):
        angle = np.deg2rad(-205 + 230 * frond / 14 + rng.normal(0, 6))
        reach = width * rng.uniform(0.38, 0.47)
        droop = height * rng.uniform(0.08, 0.2)
        spine = top + np.hstack(
            [np.cos(angle) * reach * t, np.sin(angle) * reach * 0.72 * t + droop * t**2]
        )
        shade = float(rng.uniform(0.7, 1.3))
        ink: Colour = (int(66 * shade), int(112 * shade), int(46 * shade))
        for (x, y), along in zip(spine, t[:, 0], strict=True):
            leaf = reach * 0.2 * np.sin(np.pi * min(1.0, along + 0.12)) + 2
            for side in (-1, 1):
                tip = np.array(
                    [
                        (x, y),
                        (x + np.cos(angle) * leaf * 0.6, y + leaf * (0.9 if side > 0 else -0.35)),
                    ]
                )
                _both(colour, alpha, tip, ink, 3)
        _both(colour, alpha, spine, ink, 3)


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
