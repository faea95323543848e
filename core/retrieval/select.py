"""The photos that a refinement is chosen on, the choice, and its figures on validation photos."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats, heading_from_unit
from core.headline import PhotoErrors, refined_card_metrics
from core.retrieval.choice import Choice, select_settings
from core.retrieval.gallery import Gallery
from core.retrieval.local_features import LocalFeatures, Progress
from core.retrieval.neighbours import Neighbours, PlaceShares, Surroundings, search_in_parts
from core.retrieval.projection import Features
from core.retrieval.refine import refine, retrieve_by
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Verified, verify

MOST_GALLERY_QUERIES = 256
LEAST_RADIUS_M = 3.0
_MOST_LEFT_OUT = 0.5
"""A photo that lies amid more of the gallery than this share tells nothing about the rest."""


@dataclass(frozen=True)
class Raw:
    """Raw predictions of n held-out photos, and their keypoint matches.

    Attributes:
        position_m: `(n, 2)`; NaN without positions.
        heading_deg: `(n,)`; NaN without headings.
        region_probabilities: `(n, R)`; R is 0 without regions.
        features: `(n, D)` as the network gives them.
        verified: Their points, compared with the training photos most alike; None without any.
        places: The place head's shares; None without a place head.
        surroundings: Circles within which they find no training photo; None: they find all.
    """

    position_m: Floats
    heading_deg: Floats
    region_probabilities: NDArray[np.floating]
    features: Features
    verified: Verified | None = None
    places: PlaceShares | None = None
    surroundings: Surroundings | None = None


@dataclass(frozen=True)
class ValidationTruth:
    """Where n photos were taken: `(n, 2)` metres, `(n,)` degrees and `(n,)` region indices.

    NaN or -1 where unknown. `spot` numbers the places, `(n,)`; None: each photo is its own.
    """

    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    spot: NDArray[np.int64] | None = None


def verified_raw(
    raw: Raw,
    photos: Iterable[NDArray[np.uint8]],
    gallery: Gallery,
    hfov_deg: float,
    progress: Progress | None = None,
) -> Raw:
    """Compare the photos `(s, s, 3)` of raw answers with a gallery that has points.

    `progress` is called as in `describe_gallery`: each photo counts twice, described and compared.
    """
    if gallery.local is None:
        raise ValueError("the gallery has no points to compare with")
    n = len(raw.features)

    def advance(done: int) -> None:
        if progress is not None:
            progress(done, 2 * n)

    query = gallery.local.described(photos, progress=advance)
    found = [neighbours.compared for _, neighbours in search_in_parts(raw.features, gallery)]
    rows = np.concatenate(found)
    compared = verify(query, gallery.local, rows, hfov_deg, progress=lambda done: advance(n + done))
    return replace(raw, verified=compared)


def with_gallery_photos(
    raw: Raw,
    truth: ValidationTruth,
    gallery: Gallery,
    features: Features,
    gallery_spot: NDArray[np.int64],
    progress: Progress | None = None,
) -> tuple[Raw, ValidationTruth]:
    """Add photos of the gallery to the photos of a choice, for a network that is not trained.

    Each searches the gallery without the photos around it, as far as validation photos usually are
    from their nearest training photo. A trained network has seen these photos, so their features
    would flatter retrieval.

    Args:
        raw: Of the validation photos; retrieved, as no head is trained.
        truth: Of the validation photos.
        gallery: Training photos, which have positions.
        features: `(m, D)` of the gallery's photos, as the network gives them.
        gallery_spot: `(m,)` numbers of their places, as in `truth.spot`.
        progress: Called with how many of the added photos are compared, and how many there are.
    """
    apart_m, _ = gallery.tree.query(truth.position_m[np.isfinite(truth.position_m).all(axis=1)])
    radius_m = max(LEAST_RADIUS_M, float(np.median(apart_m)) if len(apart_m) else 0.0)
    evenly = np.linspace(0, len(gallery) - 1, MOST_GALLERY_QUERIES)
    rows = np.unique(evenly.round().astype(np.int64))
    around = Surroundings(gallery.position_m[rows], radius_m)
    rows = rows[around.inside(gallery).mean(axis=1) < _MOST_LEFT_OUT]
    if not len(rows):
        return raw, truth
    around = Surroundings(gallery.position_m[rows], radius_m)
    neighbours = Neighbours.search(features[rows], gallery, surroundings=around)
    answer = retrieve_by(neighbours, raw.region_probabilities.shape[1])
    verified = raw.verified
    if verified is not None and gallery.local is not None:
        own = LocalFeatures.joined([gallery.local.rows(slice(row, row + 1)) for row in rows])
        hfov_deg, total = verified.hfov_deg, len(rows)
        alive = None if progress is None else lambda done: progress(done, total)
        compared = verify(own, gallery.local, neighbours.compared, hfov_deg, progress=alive)
        verified = verified.followed_by(compared)
    free = np.full((len(raw.features), 2), np.nan)
    spot = np.arange(len(free)) if truth.spot is None else truth.spot
    return (
        Raw(
            np.concatenate([raw.position_m, answer.position_m]),
            np.concatenate([raw.heading_deg, heading_from_unit(answer.heading)]),
            np.concatenate([raw.region_probabilities, answer.probabilities]),
            np.concatenate([raw.features, features[rows]]),
            verified,
            None,
            Surroundings(np.concatenate([free, around.position_m]), radius_m),
        ),
        ValidationTruth(
            np.concatenate([truth.position_m, gallery.position_m[rows]]),
            np.concatenate([truth.heading_deg, gallery.heading_deg[rows]]),
            np.concatenate([truth.region, gallery.region[rows]]),
            np.concatenate([spot, gallery_spot[rows]]),
        ),
    )


def select_refinement(raw: Raw, truth: ValidationTruth, gallery: Gallery) -> Choice:
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
        spot=truth.spot,
        places=raw.places,
        surroundings=raw.surroundings,
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
        places=raw.places,
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
