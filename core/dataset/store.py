"""Photos decoded once: the memory-mapped array from which training and evaluation read."""

from dataclasses import dataclass

import numpy as np

from core.dataset.decode import Pixels, square_hfov_deg
from core.dataset.labels import Dataset
from core.dataset.store_index import read_index, store_folder
from core.dataset.store_update import Progress, update_store
from core.errors import ImageError
from core.geo import Floats


@dataclass(frozen=True, eq=False)
class PhotoStore:
    """Decoded photos, row by row those of the dataset that opened them.

    Attributes:
        photos: Read-only memory map, uint8 RGB `(n, size, size, 3)`.
        hfov_deg: Horizontal field of view `(n,)` of the stored squares, assumed where unknown.
    """

    photos: Pixels
    hfov_deg: Floats

    def __post_init__(self) -> None:
        """Check that both describe the same photos."""
        n, height, width, channels = self.photos.shape
        if height != width or channels != 3 or self.hfov_deg.shape != (n,):
            raise ValueError(
                f"photos must be (n, s, s, 3) with hfov_deg (n,), got {self.photos.shape} and "
                f"{self.hfov_deg.shape}"
            )

    @property
    def size(self) -> int:
        """Side of the stored squares in pixels."""
        return int(self.photos.shape[1])


def open_store(dataset: Dataset, size: int, progress: Progress | None = None) -> PhotoStore:
    """Open the store of a dataset whose photos are all readable, decoding what is new.

    Args:
        dataset: Whose photos to open.
        size: Side of the stored squares in pixels.
        progress: Called with `(photos done, photos in all)`.

    Raises:
        ImageError: Photos cannot be read; `prepare_dataset` leaves them out instead.
    """
    store, faults = build_store(dataset, size, progress)
    if faults or store is None:
        shown = "; ".join(f"{photo}: {reason}" for photo, reason in list(faults.items())[:3])
        raise ImageError(f"{len(faults)} of {len(dataset)} photos cannot be used: {shown}")
    return store


def build_store(
    dataset: Dataset, size: int, progress: Progress | None = None
) -> tuple[PhotoStore | None, dict[str, str]]:
    """Open or make the store of those photos of a dataset that can be decoded.

    Returns:
        The store, its rows those of the dataset less the faulty photos (None where none is left),
        and the reason by photo_id of every faulty one.
    """
    folder = store_folder(dataset.root)
    entries, pixel_name = update_store(dataset, folder, size, read_index(folder, size), progress)
    faults = {entry.photo_id: entry.reason for entry in entries if entry.reason}
    stored = [entry for entry in entries if not entry.reason]
    if not stored:
        return None, faults
    shape = (len(stored), size, size, 3)
    photos = np.memmap(folder / pixel_name, np.uint8, "r", shape=shape)
    good = ~dataset.table["photo_id"].isin(list(faults))
    hfov_deg = dataset.table.loc[good, "hfov_deg"].fillna(dataset.campus.assumed_hfov_deg)
    kept_width = [entry.kept_width for entry in stored]
    return PhotoStore(photos, square_hfov_deg(hfov_deg.to_numpy(), kept_width)), faults
