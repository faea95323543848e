"""Building a gallery from the network's features of a split's training part."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from core.geo import wrap_heading_deg
from core.refine.gallery import Gallery
from core.refine.projection import fit_projection, normalise_rows


def build_gallery(
    photo_ids: Sequence[str],
    filenames: Sequence[str],
    features: ArrayLike,
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    region: ArrayLike,
    *,
    split_hash: str,
    parts: Mapping[str, str],
    minute: ArrayLike | None = None,
    dimensions: int | None = None,
    whiten: float = 0.0,
) -> Gallery:
    """Build the gallery of a split's training part.

    Args:
        photo_ids: Keys of the training photos.
        filenames: Their names in the label file.
        features: `(n, D)` pooled features of the unaugmented photos, any length.
        position_m: `(n, 2)` `[north_m, east_m]`.
        heading_deg: `(n,)` degrees.
        region: `(n,)` region indices.
        split_hash: Hash of the split.
        parts: The split's parts by photo id; a photo outside "train" is a SplitError.
        minute: `(n,)` minute of the day, NaN or absent where unknown.
        dimensions: Compress features to at most this many principal directions.
        whiten: See `fit_projection`.
    """
    raw = np.asarray(features, np.float32)
    unit = normalise_rows(raw)
    projection = None
    if dimensions is not None and dimensions < raw.shape[1]:
        projection = fit_projection(raw, dimensions, whiten=whiten)
        unit = projection.apply(unit)
    # Rounded to what the file holds, so that a reloaded gallery refines bit for bit the same.
    unit = unit.astype(np.float16).astype(np.float32)
    gallery = Gallery(
        tuple(photo_ids),
        tuple(filenames),
        unit,
        np.asarray(position_m, np.float64),
        wrap_heading_deg(heading_deg),
        np.asarray(region, np.int64),
        np.full(len(raw), np.nan) if minute is None else np.asarray(minute, np.float64),
        split_hash,
        projection,
    )
    gallery.check_training_only(parts)
    return gallery
