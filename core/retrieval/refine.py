"""Refinement: predictions drawn towards the training photos that are near, or look alike.

`retrieve` answers by these photos alone, where no head was trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import ConfigError
from core.geo import Floats, heading_unit, wrap_heading_deg
from core.labels import Label
from core.retrieval.gallery import Gallery
from core.retrieval.headings import heading_vector, refined_headings
from core.retrieval.modes import mode_mean, softmax_weights
from core.retrieval.neighbours import Candidates, Neighbours, PlaceShares, search_in_parts
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Verified

PLAIN = RefineConfig(
    method="retrieval", k=10, heading_k=10, region_k=10, temperature=0.1, heading_temperature=0.1
)
"""Ten neighbours, the best counting most. Fixed, as raw answers are: validation refines them."""


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
        inliers: `(n, k)` how many points of the photo agree with each neighbour's; -1 where they
            were not compared.
        region_probabilities: `(n, R)` with the neighbours' votes blended in; None where no
            probabilities were given.
    """

    position_m: Floats
    heading_deg: Floats
    neighbours: NDArray[np.int64]
    similarity: Floats
    weight: Floats
    inliers: NDArray[np.int64]
    region_probabilities: Floats | None = None

    def __post_init__(self) -> None:
        """Check that all shapes agree."""
        n, k = self.neighbours.shape
        shapes = (self.position_m.shape, self.heading_deg.shape, self.similarity.shape)
        if shapes != ((n, 2), (n,), (n, k)) or not (
            self.weight.shape == self.inliers.shape == (n, k)
        ):
            raise ValueError(f"refined shapes {shapes} do not fit neighbours {(n, k)}")

    @classmethod
    def unrefined(cls, position_m: Floats, heading_deg: Floats) -> Self:
        """Raw predictions, unrefined and without neighbours."""
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
    places: PlaceShares | None = None,
) -> Refined:
    """Search the gallery for n photos and refine their raw predictions; see `refine_by`.

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
        known_region: As for `refine_by`.
        places: As for `refine_by`.

    Raises:
        ConfigError: `k` exceeds the gallery, or the region probabilities are missing.
    """
    position = np.asarray(position_m, np.float64).reshape(-1, 2)
    heading = np.asarray(heading_deg, np.float64)
    share = None if region_probabilities is None else np.asarray(region_probabilities, np.float64)
    check_k(_wanted(config, shown) + (exclude_ids is not None), gallery)
    parts = [
        refine_by(
            replace(neighbours, verified=None if verified is None else verified.part(part)),
            position[part],
            heading[part],
            config,
            region_probabilities=None if share is None else share[part],
            shown=shown,
            known_region=None if known_region is None else known_region[part],
            places=None if places is None else places.part(part),
        )
        for part, neighbours in search_in_parts(features, gallery, exclude_ids)
    ]
    return _joined(parts, max(config.k, shown))


def refine_by(
    neighbours: Neighbours,
    position_m: Floats,
    heading_deg: Floats,
    config: RefineConfig,
    *,
    region_probabilities: Floats | None = None,
    shown: int = 0,
    known_region: NDArray[np.int64] | None = None,
    places: PlaceShares | None = None,
) -> Refined:
    """Refine n raw predictions with the training photos that one search found.

    Args:
        neighbours: The search for these photos.
        position_m: `(n, 2)` raw predicted positions.
        heading_deg: `(n,)` raw predicted headings.
        config: Method and its settings.
        region_probabilities: `(n, R)`, as for `refine`.
        shown: List at least this many neighbours, even where fewer refine.
        known_region: `(n,)` region indices, -1 where unknown. Training photos of a known region
            come first, so their votes would repeat it: such a photo keeps its own probabilities.
        places: The place head's shares; needed when `config.place_weight` is not 0.
    """
    gallery, share = neighbours.gallery, region_probabilities
    heading = wrap_heading_deg(heading_deg)
    candidates = neighbours.ranked(
        config, _wanted(config, shown), position_m, share, known_region, places
    )
    weight = np.zeros(candidates.rows.shape)
    mean = position_m
    if config.method == "position_knn":
        near = neighbours.nearest_positions(position_m, config.k)
        mean = gallery.position_m[near].mean(axis=1)
    elif config.method == "retrieval":
        top = candidates.first(config.k)
        mean, weight[:, : config.k] = mode_mean(
            gallery.position_m[top.rows],
            softmax_weights(top.score, config.temperature),
            config.mode_radius_m,
        )
        mean = np.where(weight.sum(axis=1, keepdims=True) == 0.0, position_m, mean)
    turned = refined_headings(heading, candidates, gallery, config)
    moved = position_m + config.blend_position * (mean - position_m)
    if share is not None and config.blend_region:
        votes = region_votes(candidates, gallery, config, share.shape[1])
        voted = blend_regions(share, votes, config.blend_region)
        unknown = np.ones(len(voted), bool) if known_region is None else known_region < 0
        share = np.where(unknown[:, None], voted, share)
    k = max(config.k, shown)
    return Refined(
        moved,
        turned,
        candidates.rows[:, :k],
        candidates.similarity[:, :k],
        weight[:, :k],
        candidates.inliers[:, :k],
        share,
    )


def _wanted(config: RefineConfig, shown: int) -> int:
    """Candidates a photo that a refinement reads."""
    return max(config.k, config.heading_k, config.region_k * (config.blend_region > 0), shown)


def _joined(parts: list[Refined], k: int) -> Refined:
    if not parts:
        empty = np.empty((0, k))
        rows = empty.astype(np.int64)
        return Refined(empty[:, :0].reshape(0, 2), empty[:, 0], rows, empty, empty, rows)
    shares = [p.region_probabilities for p in parts if p.region_probabilities is not None]
    return Refined(
        np.concatenate([part.position_m for part in parts]),
        np.concatenate([part.heading_deg for part in parts]),
        np.concatenate([part.neighbours for part in parts]),
        np.concatenate([part.similarity for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.inliers for part in parts]),
        np.concatenate(shares) if shares else None,
    )


@dataclass(frozen=True)
class Retrieved:
    """Predictions of n photos from their neighbours alone.

    Attributes:
        probabilities: `(n, R)` shares of the neighbours' votes, rows adding to 1.
        position_m: `(n, 2)` mean of the strongest cluster of neighbours; NaN without positions.
        heading: `(n, 2)` mean unit vector `(cos, sin)`; its length measures how far they agree. NaN
            if no training photo has a heading.
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
    parts = [Retrieved(np.empty((0, regions)), np.empty((0, 2)), np.empty((0, 2)))]
    searches = search_in_parts(features, gallery, exclude_ids)
    parts += [retrieve_by(neighbours, regions) for _, neighbours in searches]
    names = ("probabilities", "position_m", "heading")
    return Retrieved(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def retrieve_by(neighbours: Neighbours, regions: int) -> Retrieved:
    """Answer for n photos by the training photos that one search found."""
    gallery = neighbours.gallery
    # A photo that is left out ranks last with no weight, so it needs no smaller k.
    k = min(PLAIN.k, len(gallery))
    config = PLAIN.model_copy(update={"k": k, "heading_k": k, "region_k": k})
    candidates = neighbours.ranked(config, k, np.zeros((len(neighbours), 2)))
    weight = softmax_weights(candidates.score, config.temperature)
    position, _ = mode_mean(gallery.position_m[candidates.rows], weight, config.mode_radius_m)
    heading = heading_vector(candidates, gallery, config)
    cancels = np.hypot(heading[:, 0], heading[:, 1]) < 1e-9
    nearest = heading_unit(gallery.heading_deg[_most_similar(neighbours, "heading")])
    heading = np.where(cancels[:, None], nearest, heading)
    votes = region_votes(candidates, gallery, config, regions)
    if regions:
        silent = votes.sum(axis=1) == 0.0
        nearest_region = gallery.region[_most_similar(neighbours, "region")[silent]]
        votes[silent] = np.eye(regions)[nearest_region]
    return Retrieved(votes, position, heading)


def _most_similar(neighbours: Neighbours, label: Label) -> NDArray[np.int64]:
    """Row `(n,)` of the most similar gallery photo that has a label."""
    gallery = neighbours.gallery
    has = gallery.region >= 0 if label == "region" else np.isfinite(gallery.heading_deg)
    return neighbours.most_similar(has)


def check_k(k: int, gallery: Gallery) -> None:
    """Raise ConfigError where `k` neighbours cannot be found in the gallery."""
    if k > len(gallery):
        raise ConfigError(
            f"k = {k} neighbours are needed from a gallery of {len(gallery):,} training photos: "
            f"choose k at most {len(gallery)}"
        )


def region_votes(
    candidates: Candidates, gallery: Gallery, config: RefineConfig, regions: int
) -> Floats:
    """Shares `(n, regions)` of the `region_k` best candidates' regions.

    Candidates without a region have no vote; all shares are 0 without a vote.
    """
    top = candidates.first(config.region_k)
    region = gallery.region[top.rows]
    score = np.where(region < 0, -np.inf, top.score)
    weight = softmax_weights(score, config.heading_temperature)
    # The last column takes the weightless votes of region -1.
    votes = np.zeros((len(weight), regions + 1))
    np.add.at(votes, (np.arange(len(weight))[:, None], region), weight)
    return votes[:, :regions]


def blend_regions(probability: Floats, votes: Floats, blend: float) -> Floats:
    """Mix the head's probabilities with votes `(n, R)`; the head's alone without a vote."""
    mixed = (1.0 - blend) * probability + blend * votes
    return np.where(votes.sum(axis=1, keepdims=True) == 0.0, probability, mixed)
