"""Descriptors of evaluated photos, stored beside their report.

They are in the space of the gallery, so that photos can be compared with the training photos
without the network and without the pixels. A gallery that was renewed since has another space; its
digest is stored to tell.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.errors import CheckpointError
from core.files import write_bytes
from core.retrieval.gallery import Gallery
from core.retrieval.projection import Features

FILE = "descriptors.safetensors"


def write_descriptors(
    folder: Path, raw: NDArray[np.float32], photo_ids: tuple[str, ...], gallery: Gallery
) -> None:
    """Write the descriptors of a report as float16.

    Args:
        folder: The report.
        raw: `(n, D)` descriptors as the network gives them.
        photo_ids: Of the rows of `predictions.csv`, in their order.
        gallery: The training photos that they are compared with.
    """
    arrays = {"descriptors": gallery.embed(raw).astype(np.float16)}
    about = {"gallery": gallery.digest, "photos": _digest_of(photo_ids)}
    write_bytes(folder / FILE, save(arrays, about))


def read_descriptors(folder: Path, photo_ids: tuple[str, ...], gallery: Gallery) -> Features | None:
    """Return the descriptors `(n, d)` of a report's photos, of length 1.

    Args:
        folder: The report.
        photo_ids: Of the rows of its `predictions.csv`.
        gallery: The gallery of the model.

    Returns:
        None if the report has none: an earlier version wrote it, or it is of another gallery.

    Raises:
        CheckpointError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, "numpy") as stored:
            about = stored.metadata() or {}
            found = np.asarray(stored.get_tensor("descriptors"), np.float32)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): evaluate again") from error
    if about.get("gallery") != gallery.digest or about.get("photos") != _digest_of(photo_ids):
        return None
    if found.shape != (len(photo_ids), gallery.features.shape[1]) or not np.isfinite(found).all():
        raise CheckpointError(f"{path} is damaged (shape {found.shape}): evaluate again")
    return found


def _digest_of(photo_ids: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(photo_ids).encode()).hexdigest()
