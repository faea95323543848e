"""Descriptors in two dimensions, and pairs of photos that look alike and are not of one place."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats
from core.retrieval.projection import Features

_BLOCK = 1024
PERPLEXITY = 30.0


def principal_plane(gallery: Features, others: Features) -> Floats:
    """Return both on the plane on which the descriptors of the gallery vary most (PCA).

    Args:
        gallery: `(n, d)` descriptors of length 1.
        others: `(m, d)` descriptors that are placed on that plane and do not shape it.

    Returns:
        `(n + m, 2)` coordinates. The same descriptors give the same signs.
    """
    mean = gallery.mean(axis=0, dtype=np.float64)
    centred = gallery - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    # Ascending order; a single dimension has no second direction.
    axes = directions[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    places = (np.concatenate([gallery, others]) - mean) @ axes
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def neighbour_plane(gallery: Features, others: Features) -> Floats:
    """Return both on a plane on which similar photos lie together (t-SNE, van der Maaten 2014).

    Barnes-Hut t-SNE from the principal plane, with cosine similarity. Distances between groups
    mean little. Takes minutes for tens of thousands of photos.

    Args:
        gallery: `(n, d)` descriptors of length 1.
        others: `(m, d)` descriptors; they count like those of the gallery.

    Returns:
        `(n + m, 2)` coordinates, of a spread of about 100.
    """
    from sklearn.manifold import TSNE  # Takes seconds to import.
    from threadpoolctl import threadpool_limits

    every, start = np.concatenate([gallery, others]), principal_plane(gallery, others)
    if len(every) < 4:
        return start
    # As scikit-learn scales its own start; equal photos must not begin in one point.
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    start += np.random.default_rng(0).normal(0.0, 1e-6, start.shape)
    tsne = TSNE(
        # On unit vectors, Euclidean distances order as cosine does, and have the faster search.
        init=start.astype(np.float32),
        perplexity=min(PERPLEXITY, (len(every) - 1) / 3),
        random_state=0,
    )
    # Threads that wait for one another take 30 times as long on a busy machine.
    with threadpool_limits(max(1, (os.cpu_count() or 1) - 1), user_api="openmp"):
        return np.asarray(tsne.fit_transform(every), np.float64)


@dataclass(frozen=True)
class AlikePairs:
    """Pairs of photos by their similarity, the most similar first.

    Attributes:
        rows: `(k, 2)` rows of the photos, the smaller one first.
        similarity: `(k,)` cosine.
    """

    rows: NDArray[np.int64]
    similarity: Floats


def alike_pairs(
    descriptors: Features,
    position_m: ArrayLike | None = None,
    region: ArrayLike | None = None,
    *,
    apart_m: float = 0.0,
    most: int = 200,
) -> AlikePairs:
    """Return the most similar pairs of photos that are not of one place.

    Each photo is paired with the most similar one that differs as asked, so that one crowd of
    similar photos does not fill the list.

    Args:
        descriptors: `(n, d)` of length 1.
        position_m: `(n, 2)` in metres; if given, both photos of a pair have a position, and these
            are at least `apart_m` apart.
        region: `(n,)` numbers of regions, negative for none; if given, both photos of a pair have
            a region, and these differ.
        apart_m: See `position_m`.
        most: Pairs that are returned at most.
    """
    n = len(descriptors)
    places = None if position_m is None else np.asarray(position_m, np.float64)
    regions = None if region is None else np.asarray(region)
    # A photo of zeros is similar to nothing.
    usable = np.abs(descriptors).sum(axis=1) > 0
    if places is not None:
        usable &= np.isfinite(places).all(axis=1)
    if regions is not None:
        usable &= regions >= 0
    partner, similarity = np.full(n, -1), np.full(n, -np.inf)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        found = descriptors[rows] @ descriptors.T
        found[:, ~usable] = -np.inf
        found[np.arange(len(rows)), rows] = -np.inf
        if places is not None:
            north, east = (places[rows, None, axis] - places[None, :, axis] for axis in (0, 1))
            found[north**2 + east**2 < apart_m**2] = -np.inf
        if regions is not None:
            found[regions[rows, None] == regions[None]] = -np.inf
        partner[rows] = found.argmax(axis=1)
        similarity[rows] = found.max(axis=1)
    paired = np.flatnonzero(usable & np.isfinite(similarity))
    both = np.sort(np.stack([paired, partner[paired]], axis=1), axis=1)
    both, first = np.unique(both, axis=0, return_index=True)
    values = similarity[paired[first]]
    order = np.argsort(-values, kind="stable")[:most]
    return AlikePairs(both[order], values[order].astype(np.float64))
