"""The interval of a share of photos that are right or wrong together."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from core.geo import Floats

CONFIDENCE = 0.95


def share_interval(
    hits: Floats | NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[float, float]:
    """The 95 % interval of a share, for photos that come in groups.

    Wilson's interval (1927) for as many independent photos as would leave the share as unsure as
    the groups do: the design effect of Kish, with Student's quantile for the number of groups
    (Korn & Graubard 1998). A share of 0 or 1 shows no spread; there every group counts once.

    Args:
        hits: `(n,)`, 1 or true where the photo counts; n > 0.
        groups: `(n,)` group of each photo, any integers.
    """
    hits = np.asarray(hits, np.float64)
    _, group = np.unique(groups, return_inverse=True)
    n, count = len(hits), int(group.max()) + 1
    share = float(hits.mean())
    if count == n:
        return _wilson(share, n, float(norm.ppf(0.5 + CONFIDENCE / 2.0)))
    if count == 1:
        return 0.0, 1.0
    off = np.bincount(group, hits - share)
    variance = count / (count - 1) * float((off**2).sum()) / n**2
    alone = share * (1.0 - share) / variance if variance > 0.0 else float(count)
    return _wilson(share, min(alone, n), float(t.ppf(0.5 + CONFIDENCE / 2.0, count - 1)))


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share of `n` independent photos; `z` standard deviations wide."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))
