"""One image with every wall texture at every mip level, so that one remap samples them all."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

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
