"""Answers by retrieval alone, where no head was trained: what the most similar photos agree on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.geo import Floats, heading_unit
from core.refine.candidates import Candidates, rank_by_features, row_parts
from core.refine.gallery import Gallery
from core.refine.schema import RefineConfig
from core.refine.weighted_means import heading_vector, mode_mean, region_votes, softmax_weights

PLAIN = RefineConfig(
    method="retrieval", k=10, heading_k=10, region_k=10, temperature=0.1, heading_temperature=0.1
)
"""Ten neighbours, the best counting most. Fixed, as raw answers are: validation refines them."""


@dataclass(frozen=True)
class Retrieved:
    """What neighbours say about n photos.

    Attributes:
        probabilities: `(n, R)` shares of the neighbours' votes, rows adding to 1.
        position_m: `(n, 2)` mean of the strongest cluster of neighbours.
        heading: `(n, 2)` mean unit vector `(cos, sin)`; its length says how far they agree.
    """

    probabilities: Floats
    position_m: Floats
    heading: Floats


def retrieve(
    features: ArrayLike,
    gallery: Gallery,
    regions: int,
    exclude_ids: Sequence[str | None] | None = None,
) -> Retrieved:
    """Answer for n photos by the training photos that look most alike.

    Args:
        features: `(n, D)` pooled features as the network gives them.
        gallery: Training photos.
        regions: How many regions there are.
        exclude_ids: Per photo the id of the gallery photo that it must not find, or None.
    """
    embedded = gallery.embed(features)
    excluded = gallery.rows_of(exclude_ids, len(embedded))
    # A photo that is left out ranks last with no weight, so it needs no smaller k.
    k = min(PLAIN.k, len(gallery))
    config = PLAIN.model_copy(update={"k": k, "heading_k": k, "region_k": k})
    parts = [Retrieved(np.empty((0, regions)), np.empty((0, 2)), np.empty((0, 2)))]
    for part in row_parts(len(embedded)):
        nowhere = np.zeros((len(embedded[part]), 2))
        similarity = embedded[part] @ gallery.features.T
        found = rank_by_features(nowhere, similarity, gallery, config, None, excluded[part], k)
        parts.append(_agreed(found, gallery, config, regions))
    names = ("probabilities", "position_m", "heading")
    return Retrieved(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def _agreed(found: Candidates, gallery: Gallery, config: RefineConfig, regions: int) -> Retrieved:
    weight = softmax_weights(found.score, config.temperature)
    position, _ = mode_mean(gallery.position_m[found.rows], weight, config.mode_radius_m)
    heading = heading_vector(found, gallery, config)
    cancels = np.hypot(heading[:, 0], heading[:, 1]) < 1e-9
    nearest = heading_unit(gallery.heading_deg[found.rows[:, 0]])
    heading = np.where(cancels[:, None], nearest, heading)
    return Retrieved(region_votes(found, gallery, config, regions), position, heading)
