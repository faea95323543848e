"""The refinement as validation photos choose it, and the figures that it has on them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats, distance_m, heading_error_deg
from core.refine.alike import verify_alike
from core.refine.choose import choose_refinement
from core.refine.gallery import Gallery
from core.refine.local_features import ASKED_POINTS, describe_photos
from core.refine.neighbours import refine
from core.refine.projection import Features
from core.refine.schema import RefineConfig
from core.refine.verification import Verified


@dataclass(frozen=True)
class Raw:
    """What the network says about n validation photos, and what their points say.

    Attributes:
        position_m: `(n, 2)`.
        heading_deg: `(n,)`.
        region_probabilities: `(n, R)`.
        features: `(n, D)` as the network gives them.
        verified: Their points, compared with the training photos most alike; None without any.
    """

    position_m: Floats
    heading_deg: Floats
    region_probabilities: NDArray[np.floating]
    features: Features
    verified: Verified | None = None


@dataclass(frozen=True)
class Truth:
    """Where n photos were taken: `(n, 2)` metres, `(n,)` degrees and `(n,)` region indices."""

    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]


def verified_raw(
    raw: Raw, photos: Iterable[NDArray[np.uint8]], gallery: Gallery, hfov_deg: float
) -> Raw:
    """Compare the photos `(s, s, 3)` of raw answers with a gallery that has points."""
    if gallery.local is None:
        raise ValueError("the gallery has no points to compare with")
    asked = describe_photos(photos, ASKED_POINTS, gallery.local.projection)
    nobody = np.full(len(asked), -1)
    return replace(raw, verified=verify_alike(raw.features, asked, gallery, nobody, hfov_deg))


def choose(raw: Raw, truth: Truth, gallery: Gallery) -> RefineConfig:
    """Choose how to refine; see `choose_refinement`."""
    return choose_refinement(
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
    raw: Raw, truth: Truth, gallery: Gallery, config: RefineConfig
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
    error_m = distance_m(refined.position_m, truth.position_m)
    error_deg = heading_error_deg(refined.heading_deg, truth.heading_deg)
    share = refined.region_probabilities
    if share is None:
        raise ValueError("regions were given and must come back refined")
    return {
        "val_region_accuracy_refined": float((share.argmax(axis=1) == truth.region).mean()),
        "val_median_refined_m": float(np.median(error_m)),
        "val_maae_refined_deg": float(error_deg.mean()),
    }
