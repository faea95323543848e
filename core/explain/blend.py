"""Laying an attribution over its photo, with numpy alone."""

import numpy as np
from numpy.typing import NDArray

from core.explain.attribution import Attribution

# Okabe-Ito orange and blue: told apart by colour-blind readers, and apart from a grey photo.
POSITIVE = (230, 159, 0)
NEGATIVE = (0, 114, 178)
_LUMA = np.array([0.299, 0.587, 0.114])


def blend(
    attribution: Attribution, *, opacity: float = 0.85, percentile: float = 99.0
) -> NDArray[np.uint8]:
    """Draw positive attributions orange and negative ones blue over the photo in grey.

    Args:
        attribution: Map and photo.
        opacity: Cover of the strongest pixels, in [0, 1].
        percentile: Of the map's sizes; whatever is stronger is drawn as strong as this, so that a
            few extreme pixels do not hide the rest.

    Returns:
        `(s, s, 3)` uint8 RGB.
    """
    grey = (attribution.photo @ _LUMA)[..., None].repeat(3, axis=2)  # (s, s, 3)
    share = scaled(attribution.map, percentile=percentile)  # (s, s)
    colour = np.where(share[..., None] >= 0, POSITIVE, NEGATIVE)  # (s, s, 3)
    cover = opacity * np.abs(share)[..., None]
    return np.asarray((1 - cover) * grey + cover * colour + 0.5, np.uint8)


def scaled(values: NDArray[np.float32], *, percentile: float = 99.0) -> NDArray[np.float64]:
    """Bring a map into [-1, 1], keeping zero at zero: divided by a percentile of its sizes."""
    top = float(np.percentile(np.abs(values), percentile))
    if top == 0.0:
        top = float(np.abs(values).max()) or 1.0
    return np.clip(values.astype(np.float64) / top, -1.0, 1.0)
