"""Tree sprites: trunks, branches and a few thousand leaves, drawn once per world."""

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.themes import Colour

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
        ink = tuple(int(np.clip(channel * light, 6, 250)) for channel in base)
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
