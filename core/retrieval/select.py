"""The choice of the refinement on validation photos, and the figures that it has on them.

A small grid; every step is vectorised over photos.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats, distance_m, heading_error_deg, wrap_heading_deg
from core.headline import PhotoErrors, refined_card_metrics
from core.retrieval.gallery import Gallery
from core.retrieval.headings import blend_headings, heading_vector
from core.retrieval.modes import mode_mean, softmax_weights
from core.retrieval.neighbours import Candidates, Neighbours, search_in_parts
from core.retrieval.projection import Features
from core.retrieval.refine import blend_regions, refine, region_votes
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Verified, verify

NEIGHBOURS = (1, 3, 5, 10, 20, 32)
TEMPERATURES = (0.01, 0.03, 0.1, 0.3)
RADII_M = (None, 100.0, 50.0, 25.0)
REGION_WEIGHTS = (0.0, 0.05)
POINTS_WEIGHTS = (0.0, 0.05, 0.1, 0.2)
BLENDS = (0.25, 0.5, 0.75, 1.0)
MOST_PHOTOS = 2000
FOLDS = 5
RESAMPLES = 200
CONFIDENCE = 0.8
LEAST_PROBABILITY = 1e-6

UNREFINED = RefineConfig(method="none", k=1, heading_k=1)
_RANKING = ("radius_m", "region_weight", "points_weight")
_ScoredConfig = tuple[Floats, RefineConfig]
_Summary = Callable[..., Any]


@dataclass(frozen=True)
class _Validation:
    """Raw predictions and truths of the validation photos, and the search for them.

    Errors are NaN where the truth is unknown or nothing is predicted.
    """

    position_m: Floats
    heading_deg: Floats
    true_position_m: Floats
    true_heading_deg: Floats
    probabilities: Floats | None
    neighbours: Neighbours

    @property
    def gallery(self) -> Gallery:
        """The training photos."""
        return self.neighbours.gallery

    @property
    def verified(self) -> Verified | None:
        """Points compared with the training photos, where there are any."""
        return self.neighbours.verified

    def error_m(self, mean: Floats, blend: float) -> Floats:
        """Position errors `(n,)` when raw positions move by `blend` towards `mean`."""
        moved = self.position_m + blend * (mean - self.position_m)
        return distance_m(moved, self.true_position_m)

    def error_deg(self, vector: Floats, blend: float) -> Floats:
        """Heading errors `(n,)` of headings blended with neighbours' mean vectors."""
        turned = blend_headings(self.heading_deg, vector, blend)
        return heading_error_deg(turned, self.true_heading_deg)

    def candidates(self, config: RefineConfig) -> Candidates:
        """Rank the gallery for every photo."""
        return self.neighbours.ranked(config, config.k, self.position_m, self.probabilities)


def select_settings(
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    features: ArrayLike,
    true_position_m: ArrayLike,
    true_heading_deg: ArrayLike,
    gallery: Gallery,
    *,
    region_probabilities: ArrayLike | None = None,
    true_region: ArrayLike | None = None,
    verified: Verified | None = None,
) -> RefineConfig:
    """Choose the least median position error, then the least MAAE, then the likeliest regions.

    Hundreds of settings fitted to a few dozen photos find one that flatters. So the choice itself
    is cross-validated: settings chosen on four fifths of the photos must beat the raw predictions
    on the other fifths, in 80 % of bootstrap resamples of the photos, or nothing is refined. Hence
    on validation refined figures are never worse than raw ones. Of equal settings the plainest
    wins. At most 2,000 evenly spaced photos are used.

    Each choice is made on the photos whose truth is known. Without positions in the gallery nothing
    is refined.

    Args:
        position_m: `(n, 2)` raw predictions of the validation photos; NaN without.
        heading_deg: `(n,)` raw predicted headings; NaN without.
        features: `(n, D)` pooled features as the network gives them.
        true_position_m: `(n, 2)` truth; NaN where unknown.
        true_heading_deg: `(n,)` truth; NaN where unknown.
        gallery: Training photos.
        region_probabilities: `(n, R)`; without them region weights are not tried.
        true_region: `(n,)` truth, -1 where unknown; without it regions are not refined.
        verified: The photos' points against the training photos most alike; without, no weight.
    """
    if "position" not in gallery.labels:
        return UNREFINED
    every = slice(None, None, -(-len(np.asarray(position_m)) // MOST_PHOTOS))
    probabilities = None
    if region_probabilities is not None and np.shape(region_probabilities)[1]:
        probabilities = np.asarray(region_probabilities, np.float64)[every]
    photos = _Validation(
        np.asarray(position_m, np.float64)[every],
        wrap_heading_deg(heading_deg)[every],
        np.asarray(true_position_m, np.float64)[every],
        wrap_heading_deg(true_heading_deg)[every],
        probabilities,
        replace(
            Neighbours.search(np.asarray(features)[every], gallery),
            verified=None if verified is None else verified.part(every),
        ),
    )
    chosen = _choose_place(photos)
    if true_region is None or probabilities is None:
        return chosen
    regions = _regions(photos, chosen, probabilities, np.asarray(true_region, np.int64)[every])
    return _best(list(regions), np.mean)


def _choose_place(photos: _Validation) -> RefineConfig:
    """Choose how positions, then headings, are refined."""
    ranked = [(config, photos.candidates(config)) for config in _rankings(photos)]
    position = _best([*_by_position(photos), *_by_retrieval(photos, ranked)], np.median)
    if position.method == "retrieval":
        # One ranking serves both, so that the evidence shown is the evidence used.
        ranked = [pair for pair in ranked if _same_ranking(pair[0], position)]
    headings = [
        pair for config, candidates in ranked for pair in _headings(photos, config, candidates)
    ]
    return _with_heading(position, _best(headings, np.mean))


def _best(scored: Sequence[_ScoredConfig], summary: _Summary) -> RefineConfig:
    """Of settings with errors `(n,)`, the best, or the first (no refinement) if it flatters.

    Photos without an error (NaN) are left out.
    """
    errors = np.stack([error for error, _ in scored])  # (settings, n)
    errors = errors[:, np.isfinite(errors[0])]
    photos = errors.shape[1]
    if photos < FOLDS:
        return scored[0][1]
    fold = np.random.default_rng(0).permutation(photos) % FOLDS
    held = np.empty(photos)
    for part in range(FOLDS):
        inside = fold == part
        chosen = np.argmin(summary(errors[:, ~inside], axis=1))
        held[inside] = errors[chosen, inside]
    again = np.random.default_rng(1).integers(photos, size=(RESAMPLES, photos))
    better = summary(held[again], axis=1) < summary(errors[0][again], axis=1)
    if better.mean() < CONFIDENCE:
        return scored[0][1]
    return scored[int(np.argmin(summary(errors, axis=1)))][1]


def _rankings(photos: _Validation) -> Iterator[RefineConfig]:
    k = min(NEIGHBOURS[-1], len(photos.gallery))
    weights = REGION_WEIGHTS if photos.probabilities is not None else (0.0,)
    points = POINTS_WEIGHTS if photos.verified is not None else (0.0,)
    # Not both weights at once: every ranking takes seconds on a thousand photos.
    both = [(weight, 0.0) for weight in weights] + [(0.0, lift) for lift in points if lift]
    for radius, (weight, lift) in product(RADII_M, both):
        yield RefineConfig(
            method="retrieval",
            k=k,
            heading_k=k,
            radius_m=radius,
            region_weight=weight,
            points_weight=lift,
        )


def _neighbour_counts(gallery: Gallery) -> list[int]:
    return [k for k in NEIGHBOURS if k <= len(gallery)]


def _by_position(photos: _Validation) -> Iterator[_ScoredConfig]:
    """Yield no refinement first, then the means of the k nearest training positions."""
    unchanged = photos.error_m(photos.position_m, 0.0)
    yield unchanged, UNREFINED
    largest = _neighbour_counts(photos.gallery)[-1]
    near = photos.neighbours.nearest_positions(photos.position_m, largest)
    for k in _neighbour_counts(photos.gallery):
        mean = photos.gallery.position_m[near[:, :k]].mean(axis=1)
        for blend in BLENDS:
            config = RefineConfig(method="position_knn", k=k, blend_position=blend)
            yield photos.error_m(mean, blend), config


def _by_retrieval(
    photos: _Validation, ranked: list[tuple[RefineConfig, Candidates]]
) -> Iterator[_ScoredConfig]:
    for ranking, candidates in ranked:
        for k, temperature in product(_neighbour_counts(photos.gallery), TEMPERATURES):
            top = candidates.first(k)
            mean, kept = mode_mean(
                photos.gallery.position_m[top.rows],
                softmax_weights(top.score, temperature),
                ranking.mode_radius_m,
            )
            mean = np.where(kept.sum(axis=1, keepdims=True) == 0.0, photos.position_m, mean)
            for blend in BLENDS:
                update = {"k": k, "temperature": temperature, "blend_position": blend}
                yield photos.error_m(mean, blend), ranking.model_copy(update=update)


def _headings(
    photos: _Validation, ranking: RefineConfig, candidates: Candidates
) -> Iterator[_ScoredConfig]:
    unchanged = {"heading_k": 1, "blend_heading": 0.0}
    zero = np.zeros((len(photos.heading_deg), 2))
    yield photos.error_deg(zero, 0.0), ranking.model_copy(update=unchanged)
    turns = (None,) if photos.verified is None else (None, photos.verified.hfov_deg)
    counts = _neighbour_counts(photos.gallery)
    for turn, k, temperature in product(turns, counts, TEMPERATURES):
        update = {"heading_k": k, "heading_temperature": temperature, "turn_hfov_deg": turn}
        config = ranking.model_copy(update=update)
        vector = heading_vector(candidates, photos.gallery, config)
        for blend in BLENDS:
            chosen = config.model_copy(update={"blend_heading": blend})
            yield photos.error_deg(vector, blend), chosen


def _regions(
    photos: _Validation, chosen: RefineConfig, probability: Floats, truth: NDArray[np.int64]
) -> Iterator[_ScoredConfig]:
    """Yield blends of head and votes with their surprise: minus the log probability of truth."""
    row = np.arange(len(truth))
    largest = _neighbour_counts(photos.gallery)[-1]
    candidates = photos.candidates(chosen.model_copy(update={"k": largest}))
    for k, blend in ((1, 0.0), *product(_neighbour_counts(photos.gallery), BLENDS)):
        config = chosen.model_copy(update={"region_k": k, "blend_region": blend})
        votes = region_votes(candidates, photos.gallery, config, probability.shape[1])
        share = blend_regions(probability, votes, blend)
        surprise = -np.log(np.maximum(share[row, truth], LEAST_PROBABILITY))
        yield np.where(truth < 0, np.nan, surprise), config


def _same_ranking(first: RefineConfig, second: RefineConfig) -> bool:
    return all(getattr(first, name) == getattr(second, name) for name in _RANKING)


def _with_heading(position: RefineConfig, heading: RefineConfig) -> RefineConfig:
    fields = ("heading_k", "heading_temperature", "blend_heading", "turn_hfov_deg", *_RANKING)
    return position.model_copy(update={name: getattr(heading, name) for name in fields})


@dataclass(frozen=True)
class Raw:
    """Raw predictions of n validation photos, and their keypoint matches.

    Attributes:
        position_m: `(n, 2)`; NaN without positions.
        heading_deg: `(n,)`; NaN without headings.
        region_probabilities: `(n, R)`; R is 0 without regions.
        features: `(n, D)` as the network gives them.
        verified: Their points, compared with the training photos most alike; None without any.
    """

    position_m: Floats
    heading_deg: Floats
    region_probabilities: NDArray[np.floating]
    features: Features
    verified: Verified | None = None


@dataclass(frozen=True)
class ValidationTruth:
    """Where n photos were taken: `(n, 2)` metres, `(n,)` degrees and `(n,)` region indices.

    NaN or -1 where unknown.
    """

    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]


def verified_raw(
    raw: Raw, photos: Iterable[NDArray[np.uint8]], gallery: Gallery, hfov_deg: float
) -> Raw:
    """Compare the photos `(s, s, 3)` of raw answers with a gallery that has points."""
    if gallery.local is None:
        raise ValueError("the gallery has no points to compare with")
    query = gallery.local.described(photos)
    rows = [candidates.rows for _, candidates in search_in_parts(raw.features, gallery)]
    return replace(raw, verified=verify(query, gallery.local, np.concatenate(rows), hfov_deg))


def select_refinement(raw: Raw, truth: ValidationTruth, gallery: Gallery) -> RefineConfig:
    """Choose how to refine; see `select_settings`."""
    return select_settings(
        raw.position_m,
        raw.heading_deg,
        raw.features,
        truth.position_m,
        truth.heading_deg,
        gallery,
        region_probabilities=raw.region_probabilities,
        true_region=truth.region,
        verified=raw.verified,
    )


def refined_figures(
    raw: Raw, truth: ValidationTruth, gallery: Gallery, config: RefineConfig
) -> dict[str, float]:
    """Validation figures of refined answers, by the names that a card gives them."""
    refined = refine(
        raw.position_m,
        raw.heading_deg,
        raw.features,
        gallery,
        config,
        region_probabilities=raw.region_probabilities,
        verified=raw.verified,
    )
    share = refined.region_probabilities
    if share is None:
        raise ValueError("regions were given and must come back refined")
    region = share.argmax(axis=1) if share.shape[1] else None
    errors = PhotoErrors.between(
        (truth.position_m, truth.heading_deg, truth.region),
        (refined.position_m, refined.heading_deg, region),
    )
    return refined_card_metrics(errors.figures())
