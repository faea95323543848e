"""Refinement: predictions drawn towards the training photos that are near, or look alike.

Similarity is the cosine of L2-normalised features: greater is nearer, everywhere in this room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import ConfigError
from core.geo import Floats, wrap_heading_deg
from core.refine.candidates import Candidates, nearest_positions, rank_by_features, row_parts
from core.refine.gallery import Gallery
from core.refine.schema import RefineConfig
from core.refine.verification import Verified
from core.refine.weighted_means import (
    blend_headings,
    blend_regions,
    heading_vector,
    mode_mean,
    region_votes,
    softmax_weights,
)

__all__ = ["RefineConfig", "Refined", "refine"]


@dataclass(frozen=True)
class Refined:
    """Refined predictions of n photos and the k training photos that made them.

    Attributes:
        position_m: `(n, 2)` `[north_m, east_m]`.
        heading_deg: `(n,)` in `[0, 360)`.
        neighbours: `(n, k)` gallery rows of the training photos that look most alike (within the
            radius first), best first. They are the evidence, whatever the method.
        similarity: `(n, k)` cosine of the photo's features with the neighbour's, in `[-1, 1]`.
        weight: `(n, k)` share of each neighbour in the retrieved position; rows add to 1, or to 0
            where none lies inside the radius (the raw position stays) or nothing is retrieved.
        points: `(n, k)` how many points of the photo agree with each neighbour's; -1 where they
            were not compared.
        region_probabilities: `(n, R)` with the neighbours' votes blended in; None where no
            probabilities were given.
    """

    position_m: Floats
    heading_deg: Floats
    neighbours: NDArray[np.int64]
    similarity: Floats
    weight: Floats
    points: NDArray[np.int64]
    region_probabilities: Floats | None = None

    def __post_init__(self) -> None:
        """Check that all shapes agree."""
        n, k = self.neighbours.shape
        shapes = (self.position_m.shape, self.heading_deg.shape, self.similarity.shape)
        if shapes != ((n, 2), (n,), (n, k)) or not (
            self.weight.shape == self.points.shape == (n, k)
        ):
            raise ValueError(f"refined shapes {shapes} do not fit neighbours {(n, k)}")

    @classmethod
    def unrefined(cls, position_m: Floats, heading_deg: Floats) -> Self:
        """Raw predictions as they are, which nobody refined."""
        nothing = np.empty((len(position_m), 0))
        rows = nothing.astype(np.int64)
        return cls(position_m, heading_deg, rows, nothing, nothing, rows)


def refine(
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    features: ArrayLike,
    gallery: Gallery,
    config: RefineConfig,
    *,
    region_probabilities: ArrayLike | None = None,
    exclude_ids: Sequence[str | None] | None = None,
    shown: int = 0,
    verified: Verified | None = None,
    known_region: NDArray[np.int64] | None = None,
) -> Refined:
    """Refine n raw predictions with the training photos of the gallery.

    Args:
        position_m: `(n, 2)` raw predicted positions `[north_m, east_m]`.
        heading_deg: `(n,)` raw predicted headings.
        features: `(n, D)` pooled features as the network gives them.
        gallery: Training photos.
        config: Method and its settings.
        region_probabilities: `(n, R)`; needed when `config.region_weight` is not 0, and for
            refined probabilities.
        exclude_ids: For each photo the id of the gallery photo that it must not find (itself,
            when training photos are refined) or None.
        shown: List at least this many neighbours, even where fewer refine.
        verified: The photos' points, compared with the training photos most alike.
        known_region: `(n,)` region indices, -1 where unknown. Training photos of a known region
            come first, so their votes would repeat it: such a photo keeps its own probabilities.

    Raises:
        ConfigError: `k` exceeds the gallery, or the region probabilities are missing.
    """
    position = np.asarray(position_m, np.float64).reshape(-1, 2)
    heading = wrap_heading_deg(heading_deg)
    embedded = gallery.embed(features)
    excluded = gallery.rows_of(exclude_ids, len(position))
    given = region_probabilities
    probability = None if given is None else np.asarray(given, np.float64)
    k = max(config.k, config.heading_k, config.region_k * (config.blend_region > 0), shown)
    check_k(k + (exclude_ids is not None), gallery)
    parts = []
    for part in row_parts(len(position)):
        similarity = embedded[part] @ gallery.features.T
        share = None if probability is None else probability[part]
        own = None if verified is None else verified.part(part)
        at, away = position[part], excluded[part]
        known = None if known_region is None else known_region[part]
        found = rank_by_features(at, similarity, gallery, config, share, away, k, own, known)
        parts.append(_refine_part(at, heading[part], found, gallery, config, away, share, known))
    return _joined(parts, max(config.k, shown))


def _refine_part(
    position: Floats,
    heading: Floats,
    found: Candidates,
    gallery: Gallery,
    config: RefineConfig,
    excluded: NDArray[np.int64],
    probability: Floats | None,
    known_region: NDArray[np.int64] | None,
) -> Refined:
    weight = np.zeros(found.rows.shape)
    mean = position
    if config.method == "position_knn":
        near = nearest_positions(position, gallery, config.k, excluded)
        mean = gallery.position_m[near].mean(axis=1)
    elif config.method == "retrieval":
        top = found.first(config.k)
        mean, weight[:, : config.k] = mode_mean(
            gallery.position_m[top.rows],
            softmax_weights(top.score, config.temperature),
            config.mode_radius_m,
        )
        mean = np.where(weight.sum(axis=1, keepdims=True) == 0.0, position, mean)
    turned = blend_headings(heading, heading_vector(found, gallery, config), config.blend_heading)
    moved = position + config.blend_position * (mean - position)
    if probability is not None and config.blend_region:
        votes = region_votes(found, gallery, config, probability.shape[1])
        voted = blend_regions(probability, votes, config.blend_region)
        unknown = np.ones(len(voted), bool) if known_region is None else known_region < 0
        probability = np.where(unknown[:, None], voted, probability)
    return Refined(moved, turned, found.rows, found.similarity, weight, found.points, probability)


def _joined(parts: list[Refined], k: int) -> Refined:
    if not parts:
        empty = np.empty((0, k))
        rows = empty.astype(np.int64)
        return Refined(empty[:, :0].reshape(0, 2), empty[:, 0], rows, empty, empty, rows)
    return Refined(
        np.concatenate([part.position_m for part in parts]),
        np.concatenate([part.heading_deg for part in parts]),
        np.concatenate([part.neighbours[:, :k] for part in parts]),
        np.concatenate([part.similarity[:, :k] for part in parts]),
        np.concatenate([part.weight[:, :k] for part in parts]),
        np.concatenate([part.points[:, :k] for part in parts]),
        _stacked([part.region_probabilities for part in parts]),
    )


def _stacked(parts: list[Floats | None]) -> Floats | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None


def check_k(k: int, gallery: Gallery) -> None:
    """Raise ConfigError where `k` neighbours cannot be found in the gallery."""
    if k > len(gallery):
        raise ConfigError(
            f"k = {k} neighbours were asked of a gallery of {len(gallery)} training photos: "
            f"choose k at most {len(gallery)}"
        )
