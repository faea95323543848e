"""Names and numbers of the demo photos, and the random stream of each purpose.

Streams are independent: a draw for one purpose never changes another.
"""

import zlib

import numpy as np

from core.errors import DemoError


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """Generator for one purpose, fixed by the campus seed, the purpose and its indices.

    Args:
        seed: the campus seed, non-negative.
        name: the purpose, such as ``"walk"``.
        index: which walk, stop or photo.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *index])


PHOTOS_PER_WALK = 36


def photo_name(index: int) -> str:
    """File name of a photo."""
    return f"img_{index:06d}.jpg"


def photo_index(filename: str) -> int:
    """Number of a photo from its file name.

    Raises:
        DemoError: the name is not one of the demo campus.
    """
    digits = filename.removeprefix("img_").removesuffix(".jpg")
    if not digits.isdecimal() or photo_name(int(digits)) != filename:
        raise DemoError(f"{filename!r} is no demo photo: names look like {photo_name(12)}")
    return int(digits)
