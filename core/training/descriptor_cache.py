"""Descriptors of a frozen retrieval backbone, kept beside the photo store.

Folds, trials and further runs on the same photos need the same descriptors, which take minutes to
hours to compute. A file is named by the pixels, the weights, the input size and the kind of device;
one that cannot be read is made again. Files of pixels that are gone are removed.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.dataset.store import PhotoStore
from core.files import write_bytes
from core.inference.network import describe_whole
from core.model.retrieval_network import RetrievalNetwork

# Raise it when descriptors of the same weights and pixels change.
VERSION = 1
_PREFIX = "descriptors-"
Features = NDArray[np.float32]


def frozen_descriptors(
    network: RetrievalNetwork,
    store: PhotoStore,
    rows: NDArray[np.int64],
    batch_size: int,
    device: str,
    watch: Callable[[int, int], None] | None = None,
) -> Features:
    """Return descriptors `(n, d)` of the photos in some rows of a store, and keep them.

    Args:
        network: The frozen backbone.
        store: Its photos; only those of a memory map are kept.
        rows: `(n,)` rows of the store.
        batch_size: Photos in a forward pass.
        device: Where it runs; the network is moved there.
        watch: Called with the batches that are done, and all that are computed.
    """
    network.to(device)
    path = _path(network, store, device)
    shape = len(store.photos), sum(network.widths)
    every = np.full(shape, np.nan, np.float32) if path is None else _read(path, shape)
    lacking = np.unique(rows[np.isnan(every[rows, 0])])
    for start in range(0, len(lacking), batch_size):
        if watch is not None:
            watch(start // batch_size, -(-len(lacking) // batch_size))
        part = lacking[start : start + batch_size]
        every[part] = describe_whole(network, np.asarray(store.photos[part]))
    if path is not None and len(lacking):
        _keep(path, every)
    return every[rows]


def _path(network: RetrievalNetwork, store: PhotoStore, device: str) -> Path | None:
    """The file of these descriptors; None if the photos are not of a store on disk."""
    filename = getattr(store.photos, "filename", None)
    if filename is None:
        return None
    pixels = Path(filename)
    made_by = (
        network.card.weights,
        network.card.preprocess.model_dump_json(),
        *network.parts,
        device.partition(":")[0],
        str(VERSION),
    )
    digest = hashlib.sha256("\n".join(made_by).encode()).hexdigest()[:16]
    return pixels.with_name(f"{_PREFIX}{pixels.stem}-{digest}.safetensors")


def _read(path: Path, shape: tuple[int, int]) -> Features:
    """What is kept; NaN for photos that are not described yet."""
    try:
        every = load(path.read_bytes())["descriptors"]
    except (OSError, SafetensorError, KeyError):
        every = np.empty(0, np.float32)
    if every.shape != shape or every.dtype != np.float32:
        return np.full(shape, np.nan, np.float32)
    return every.copy()


def _keep(path: Path, every: Features) -> None:
    """Write them, and remove those of pixels that were replaced; a full disk loses no run."""
    try:
        write_bytes(path, save({"descriptors": every}))
        for other in path.parent.glob(f"{_PREFIX}*.safetensors"):
            pixels = other.stem.removeprefix(_PREFIX).rpartition("-")[0]
            if not (path.parent / f"{pixels}.u8").exists():
                other.unlink(missing_ok=True)
    except OSError:
        return
