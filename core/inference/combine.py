"""Several answers into one: means where members agree, one member's answer where they do not.

`m` members answer for `n` photos; `weights` `(m,)` are positive and add up to 1.
"""

import numpy as np

from core.geo import (
    Floats,
    circular_mean_deg,
    distance_m,
    heading_error_deg,
    heading_unit,
)

CANCELLED = 0.1
"""Mean resultant length below which headings cancel: two equal members 169 degrees apart."""


def combine_shares(shares: Floats, weights: Floats) -> Floats:
    """Weighted mean of probabilities `(m, n, R)`: `(n, R)`, rows adding up to 1 as before."""
    return np.asarray(np.einsum("m,mnr->nr", weights, shares))


def combine_positions(position_m: Floats, weights: Floats, agree_m: float) -> tuple[Floats, Floats]:
    """Weighted mean of positions where members agree, else the weighted medoid's.

    The mean of two far-apart places is a third place that no member saw. The medoid is the
    member's position with the least weighted sum of distances to all members'; of equal ones the
    earlier member's.

    Args:
        position_m: `(m, n, 2)` `[north_m, east_m]`.
        weights: `(m,)`.
        agree_m: Members agree where each of them is within so many metres of the weighted mean.

    Returns:
        Positions `(n, 2)`, and `(n,)` the distance of the farthest member from the weighted mean.
    """
    mean = np.einsum("m,mnc->nc", weights, position_m)
    spread = distance_m(position_m, mean).max(axis=0)
    apart = distance_m(position_m[:, None], position_m[None])  # (m, m, n)
    cost = np.einsum("k,mkn->mn", weights, apart)
    # Rounding must not choose between equals.
    medoid = np.argmax(cost <= cost.min(axis=0) + 1e-9, axis=0)
    chosen = position_m[medoid, np.arange(position_m.shape[1])]
    return np.where((spread <= agree_m)[:, None], mean, chosen), spread


def combine_headings(heading_deg: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted circular mean of headings; the heaviest member's where they cancel.

    Args:
        heading_deg: `(m, n)` in `[0, 360)`.
        weights: `(m,)`.

    Returns:
        Headings `(n,)`, and `(n,)` the angle of the farthest member from them, in `[0, 180]`.
    """
    mean, length = circular_mean_deg(heading_deg.T, np.broadcast_to(weights, heading_deg.T.shape))
    heaviest = heading_deg[int(np.argmax(weights))]
    heading = np.where(length < CANCELLED, heaviest, mean)
    return heading, heading_error_deg(heading_deg, heading).max(axis=0)


def combine_lengths(heading_deg: Floats, length: Floats, weights: Floats) -> Floats:
    """Length `(n,)` of the weighted mean of vectors given by headings and lengths `(m, n)`.

    Short where members are unsure, and where they contradict each other.
    """
    mean = np.einsum("m,mnc->nc", weights, heading_unit(heading_deg) * length[..., None])
    return np.asarray(np.hypot(mean[:, 0], mean[:, 1]))
