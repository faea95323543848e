"""Weighted means over neighbours that never land where no neighbour is."""

import numpy as np

from core.geo import Floats, heading_from_unit, heading_unit
from core.refine.candidates import Candidates
from core.refine.gallery import Gallery
from core.refine.schema import RefineConfig


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
    # Squares, not a norm over the last axis: this runs a few hundred times on validation.
    squared = (north[:, :, None] - north[:, None]) ** 2 + (east[:, :, None] - east[:, None]) ** 2
    close = squared <= radius_m**2  # (n, k, k)
    support = np.einsum("nij,nj->ni", close, weight)
    centre = np.argmax(np.where(weight > 0.0, support, -1.0), axis=1)
    kept = weight * close[np.arange(len(close)), centre]
    total = kept.sum(axis=1, keepdims=True)
    kept = kept / np.where(total == 0.0, 1.0, total)
    return np.einsum("nk,nkd->nd", kept, position_m), kept


def heading_vector(found: Candidates, gallery: Gallery, config: RefineConfig) -> Floats:
    """Weighted mean unit vector `(n, 2)` of the headings of the `heading_k` best candidates.

    Its length says how far they agree; it is 0 where there is no candidate. Those whose points
    agree are turned to where the query looks, if `turn_hfov_deg` says so.
    """
    top = found.first(config.heading_k)
    weight = softmax_weights(top.score, config.heading_temperature)
    turn_deg = 0.0 if config.turn_hfov_deg is None else top.turn_deg
    units = heading_unit(gallery.heading_deg[top.rows] + turn_deg)
    return np.asarray(np.einsum("nk,nkd->nd", weight, units))


def region_votes(found: Candidates, gallery: Gallery, config: RefineConfig, regions: int) -> Floats:
    """Shares `(n, regions)` of the `region_k` best candidates' regions; 0 without a candidate."""
    top = found.first(config.region_k)
    weight = softmax_weights(top.score, config.heading_temperature)
    votes = np.zeros((len(weight), regions))
    np.add.at(votes, (np.arange(len(weight))[:, None], gallery.region[top.rows]), weight)
    return votes


def blend_regions(probability: Floats, votes: Floats, blend: float) -> Floats:
    """Mix the head's probabilities with votes `(n, R)`; the head's alone where nobody votes."""
    mixed = (1.0 - blend) * probability + blend * votes
    return np.where(votes.sum(axis=1, keepdims=True) == 0.0, probability, mixed)


def blend_headings(heading_deg: Floats, vector: Floats, blend: float) -> Floats:
    """Turn raw headings `(n,)` towards mean vectors `(n, 2)`; the raw one where they cancel.

    Args:
        heading_deg: Raw headings.
        vector: Mean unit vectors of the neighbours; neighbours that disagree pull less.
        blend: 0 keeps the raw heading, 1 takes the neighbours'.
    """
    mixed = (1.0 - blend) * heading_unit(heading_deg) + blend * vector
    turned = heading_from_unit(mixed)
    keeps = (blend == 0.0) | (np.hypot(mixed[:, 0], mixed[:, 1]) < 1e-9)
    return np.where(keeps, heading_deg, turned)
