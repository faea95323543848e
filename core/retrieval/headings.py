"""Headings from neighbours: theirs, turned by what the matched keypoints say, and combined."""

import numpy as np

from core.geo import Floats, heading_from_unit, heading_unit
from core.retrieval.gallery import Gallery
from core.retrieval.modes import heading_mode, softmax_weights
from core.retrieval.neighbours import Candidates
from core.retrieval.schema import RefineConfig


def refined_headings(
    heading_deg: Floats, candidates: Candidates, gallery: Gallery, config: RefineConfig
) -> Floats:
    """Headings `(n,)` of raw ones `(n,)` and of the `heading_k` best candidates.

    With `heading_spread_deg` it is the strongest mode of the candidates' headings and the raw one,
    which share the weight as `blend_heading` says; without, the raw heading is turned towards the
    candidates' mean vector.
    """
    if config.heading_spread_deg is None or config.blend_heading == 0.0:
        vector = heading_vector(candidates, gallery, config)
        return blend_headings(heading_deg, vector, config.blend_heading)
    theirs, weight = neighbour_headings(candidates, gallery, config)
    every = np.column_stack([theirs, heading_deg])
    own = np.full((len(every), 1), 1.0 - config.blend_heading)
    shares = np.hstack([config.blend_heading * weight, own])
    vector = heading_mode(every, shares, config.heading_spread_deg)
    return np.where(np.hypot(*vector.T) < 1e-9, heading_deg, heading_from_unit(vector))


def neighbour_headings(
    candidates: Candidates, gallery: Gallery, config: RefineConfig
) -> tuple[Floats, Floats]:
    """Headings `(n, k)` of the `heading_k` best candidates, and their weights, which add to 1.

    Candidates without a heading have no weight; all weights are 0 without a candidate. If
    `turn_hfov_deg` is set, the headings of those whose views overlap the query's are turned to
    where the query looks; those of the others stay.
    """
    top = candidates.first(config.heading_k)
    heading_deg = gallery.heading_deg[top.rows]
    score = np.where(np.isnan(heading_deg), -np.inf, top.score)
    weight = softmax_weights(score, config.heading_temperature)
    turn_deg = 0.0 if config.turn_hfov_deg is None else np.nan_to_num(top.turn_deg)
    return np.nan_to_num(heading_deg) + turn_deg, weight


def heading_vector(candidates: Candidates, gallery: Gallery, config: RefineConfig) -> Floats:
    """Weighted mean unit vector `(n, 2)` of the headings of the `heading_k` best candidates.

    Its length measures how far they agree; it is 0 without a candidate.
    """
    theirs, weight = neighbour_headings(candidates, gallery, config)
    return np.asarray(np.einsum("nk,nkd->nd", weight, heading_unit(theirs)))


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
