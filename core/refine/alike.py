"""The training photos most alike on the whole campus, whatever the refinement looks at."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats
from core.refine.candidates import best, row_parts
from core.refine.gallery import Gallery
from core.refine.local_features import LocalFeatures
from core.refine.verification import Verified, verify

COMPARED = 32
"""How many training photos speak for or against a photo."""


def most_alike(
    features: ArrayLike, gallery: Gallery, excluded: NDArray[np.int64], k: int = COMPARED
) -> tuple[NDArray[np.int64], Floats]:
    """Gallery rows `(n, k)` of the photos most alike, best first, and their cosines.

    Args:
        features: `(n, D)` as the network gives them.
        gallery: Training photos.
        excluded: `(n,)` gallery row that each photo must not find (itself), or -1.
        k: How many; at most one fewer than the gallery holds, so that leaving one out for one
            photo does not change how many others get.
    """
    embedded = gallery.embed(features)
    k = min(k, len(gallery) - 1)
    rows = np.empty((len(embedded), k), np.int64)
    found = np.empty((len(embedded), k))
    for part in row_parts(len(embedded)):
        similarity = embedded[part] @ gallery.features.T
        own = excluded[part]
        similarity[np.arange(len(own)), own] -= np.where(own >= 0, np.float32(1e3), np.float32(0))
        rows[part], found[part] = best(similarity, k)
    return rows, found


def verify_alike(
    features: ArrayLike,
    local: LocalFeatures,
    gallery: Gallery,
    excluded: NDArray[np.int64],
    hfov_deg: float,
) -> Verified:
    """Compare n photos point by point with the training photos most alike.

    Args:
        features: `(n, D)` as the network gives them.
        local: Points of the photos, described by the gallery's projection.
        gallery: Training photos, with points.
        excluded: As for `most_alike`.
        hfov_deg: Horizontal field of view of all photos.
    """
    if gallery.local is None:
        raise ValueError("the gallery has no points to compare with")
    rows, _ = most_alike(features, gallery, excluded)
    return verify(local, gallery.local, rows, hfov_deg)
