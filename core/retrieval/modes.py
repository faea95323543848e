"""Weights of neighbours, and the strongest mode of what they say: never a mean across modes."""

import numpy as np

from core.geo import Floats, heading_unit

_ROUNDS = 4
"""Rounds of mean shift: each leaves a small part of the way from a neighbour to its mode."""


def softmax_weights(score: Floats, temperature: float) -> Floats:
    """Weights `(n, k)` proportional to exp(score / temperature); all 0 where all are -inf."""
    highest = score.max(axis=1, keepdims=True)
    lifted = np.where(np.isfinite(highest), score - np.where(np.isfinite(highest), highest, 0), 0.0)
    weight = np.where(np.isfinite(score), np.exp(lifted / temperature), 0.0)
    total = weight.sum(axis=1, keepdims=True)
    return np.asarray(weight / np.where(total == 0.0, 1.0, total))


def mode_mean(position_m: Floats, weight: Floats, radius_m: float) -> tuple[Floats, Floats]:
    """Mean of the strongest cluster of neighbours, so that far clusters never average.

    The centre is the neighbour with the most weight within `radius_m` of it (a weighted mode on
    the neighbours themselves, hence never in a gap); only neighbours within `radius_m` of the
    centre enter the mean.

    Args:
        position_m: `(n, k, 2)` neighbours' positions.
        weight: `(n, k)` non-negative; a row of zeros gives the mean 0 and weights 0.
        radius_m: Size of a cluster.

    Returns:
        The means `(n, 2)` and the weights `(n, k)` that made them, adding to 1.
    """
    north, east = position_m[:, :, 0], position_m[:, :, 1]
    # Squares, not a norm over the last axis: the choice runs this dozens of times.
    squared = (north[:, :, None] - north[:, None]) ** 2 + (east[:, :, None] - east[:, None]) ** 2
    close = squared <= radius_m**2  # (n, k, k)
    support = np.einsum("nij,nj->ni", close, weight)
    centre = np.argmax(np.where(weight > 0.0, support, -1.0), axis=1)
    kept = weight * close[np.arange(len(close)), centre]
    total = kept.sum(axis=1, keepdims=True)
    kept = kept / np.where(total == 0.0, 1.0, total)
    return np.einsum("nk,nkd->nd", kept, position_m), kept


def heading_mode(heading_deg: Floats, weight: Floats, spread_deg: float) -> Floats:
    """Strongest mode of headings, as vectors `(n, 2)`: direction, and its support as the length.

    Mean shift on the circle with a von Mises kernel (Kobayashi & Otsu 2010, "Von Mises-Fisher mean
    shift for clustering on a hypersphere"), from the heading with the most weight around it.

    Args:
        heading_deg: `(n, k)`; NaN counts for nothing.
        weight: `(n, k)` non-negative; a row of zeros gives the vector 0.
        spread_deg: Standard deviation of the kernel.
    """
    kappa = np.deg2rad(spread_deg) ** -2
    known = np.isfinite(heading_deg)
    share = np.where(known, weight, 0.0)
    units = heading_unit(np.where(known, heading_deg, 0.0))  # (n, k, 2)
    cosine = np.einsum("nid,njd->nij", units, units)
    support = np.einsum("nij,nj->ni", np.exp(kappa * (cosine - 1.0)), share)
    support = np.where(share > 0.0, support, -1.0)
    mode = units[np.arange(len(units)), support.argmax(axis=1)]
    for _ in range(_ROUNDS):
        near = share * np.exp(kappa * (np.einsum("nkd,nd->nk", units, mode) - 1.0))
        vector = np.einsum("nk,nkd->nd", near, units)
        mode = vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12)
    return np.asarray(vector)
