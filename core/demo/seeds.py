"""Independent random streams: what is drawn for one thing never moves another."""

import zlib

import numpy as np


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """Generator for one purpose, fixed by the campus seed, the purpose and its indices.

    Args:
        seed: the campus seed, non-negative.
        name: the purpose, such as ``"walk"``.
        index: which walk, stop or photo.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *index])
