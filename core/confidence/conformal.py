"""Split conformal quantiles: promises that hold for new photos like the calibration photos."""

import math

import numpy as np
from numpy.typing import ArrayLike

from core.confidence.schema import LEVELS, Pair


def conformal_quantile(scores: ArrayLike, level: float) -> float | None:
    """Value that a new score does not exceed with probability `level` or more.

    The `ceil((n + 1) level)`-th smallest of n exchangeable scores (Vovk et al. 2005; Lei et al.
    2018, "Distribution-free predictive inference for regression", section 2.2). None where n is
    too small for the level: nothing finite can be promised then.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    # Rounding in the product must not raise the rank: (9 + 1) 0.9 is 9.
    rank = math.ceil((len(ordered) + 1) * level - 1e-9)
    if rank > len(ordered):
        return None
    return float(ordered[max(rank, 1) - 1])


def quantiles(scores: ArrayLike) -> Pair:
    """The conformal quantile at each level of `LEVELS`."""
    low, high = (conformal_quantile(scores, level) for level in LEVELS)
    return low, high
