"""From a folder to photos ready for the network: labels read, photos decoded, faults left out."""

from pathlib import Path

import pandas as pd

from core.dataset.exclusions import check_excluded
from core.dataset.labels import Dataset, read_dataset
from core.dataset.repairs import LEFT_OUT
from core.dataset.store import PhotoStore, build_store
from core.dataset.store_update import Progress
from core.errors import ImageError


def prepare_dataset(
    root: Path | str,
    size: int,
    *,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> tuple[Dataset, PhotoStore]:
    """Read a dataset and decode its photos; the ones that cannot be read join `excluded`.

    Args:
        root: A dataset folder, or one CSV file beside its photos.
        size: Side of the stored squares in pixels.
        allow_missing: Go on when more than 1 % of the rows have to be left out.
        progress: Called with `(photos done, photos in all)` while photos are decoded.

    Returns:
        The dataset and its store, row by row the same photos.

    Raises:
        LabelError: As `read_dataset`, or too many photos are unreadable.
        FrameError: The meaning of the coordinates is unknown.
        ImageError: No photo can be read, or the store cannot be written.
    """
    dataset = read_dataset(root, allow_missing=allow_missing)
    store, faults = build_store(dataset, size, progress)
    if store is None:
        first = next(iter(faults.items()))
        raise ImageError(f"{root}: no photo can be read (first: {first[0]}: {first[1]})")
    if not faults:
        return dataset, store
    readable = dataset.without(faults)
    decided = readable.excluded["reason"].str.startswith(LEFT_OUT)
    rows = pd.concat([readable.table[["photo_id"]], readable.excluded[~decided]], ignore_index=True)
    check_excluded(Path(root), rows, rows["reason"].fillna(""), allow_missing)
    return readable, store
