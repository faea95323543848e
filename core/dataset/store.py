"""The photo store: every photo decoded once, in a memory-mapped array beside the labels.

Only files that are new or changed are decoded. A file whose size and time are unchanged is trusted;
one that was only touched or renamed is recognised by its hash. Pixels and index are each replaced
in one step, the index last, and the pixel file is named by its content: after a kill, or with a
second process, there is the old store or the new one. There is one store for each photo size; it
holds the photos of the dataset that was opened last.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.dataset.decode import (
    MOST_PHOTO_BYTES,
    Pixels,
    decode_photo,
    open_header,
    square_hfov_deg,
)
from core.dataset.labels import Dataset, read_dataset
from core.dataset.layout import store_folder
from core.errors import ImageError, RunError
from core.files import new_file, read_object, read_regular, sweep, write_json
from core.geo import Floats

# Raise it when decoding changes, so that pixels of the old way are not mistaken for the new.
VERSION = 2
Progress = Callable[[int, int], None]
_CHUNK = 64
_MEASURED = 100
_ABANDONED_S = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """One photo file as it was when it was decoded.

    Attributes:
        photo_id: The photo.
        bytes: Size of its file.
        mtime_ns: When the file was last written.
        sha256: Hash of the file.
        kept_width: Share of the photo's width in the stored square.
        reason: Why it could not be decoded; `""` for a photo that has pixels.
    """

    photo_id: str
    bytes: int
    mtime_ns: int
    sha256: str
    kept_width: float
    reason: str = ""

    def fits(self, status: os.stat_result) -> bool:
        """Whether the file is as it was."""
        return (self.bytes, self.mtime_ns) == (status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class StoreIndex:
    """What a store of one photo size holds.

    Attributes:
        size: Side of the stored squares in pixels.
        stored: Photos with pixels, in the order of the pixel file.
        faulty: Photos that could not be decoded.
    """

    size: int
    stored: tuple[Entry, ...]
    faulty: tuple[Entry, ...]

    @property
    def pixel_name(self) -> str:
        """Name of the pixel file: the same photos always have the same one."""
        return pixel_name(self.size, (entry.sha256 for entry in self.stored))

    @property
    def pixel_bytes(self) -> int:
        """Size that the pixel file must have."""
        return len(self.stored) * self.size * self.size * 3


def pixel_name(size: int, hashes: Iterable[str]) -> str:
    """Name a pixel file by its content."""
    digest = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return f"photos-{size}-{digest[:16]}.u8"


def read_index(folder: Path, size: int) -> StoreIndex | None:
    """Read the index of a size; None if there is none that is valid."""
    try:
        value = read_object(_index_path(folder, size)) or {}
        if value["version"] != VERSION:
            return None
        index = StoreIndex(
            size,
            tuple(Entry(**entry) for entry in value["stored"]),
            tuple(Entry(**entry) for entry in value["faulty"]),
        )
        if (folder / index.pixel_name).stat().st_size != index.pixel_bytes:
            return None
    except (RunError, OSError, KeyError, TypeError):
        # A store is a cache: one that cannot be read is made again from the photos.
        return None
    return index


def write_index(folder: Path, index: StoreIndex) -> None:
    """Replace the index of a size at once."""
    entries = {
        "stored": [asdict(e) for e in index.stored],
        "faulty": [asdict(e) for e in index.faulty],
    }
    write_json(_index_path(folder, index.size), {"version": VERSION, **entries})


def _index_path(folder: Path, size: int) -> Path:
    return folder / f"photos-{size}.json"


class _OldStore:
    """The photos of an earlier store, by id and by the hash of their files."""

    def __init__(self, folder: Path, index: StoreIndex | None) -> None:
        self.stored = index.stored if index else ()
        self.faulty = index.faulty if index else ()
        self.by_id = {entry.photo_id: entry for entry in (*self.stored, *self.faulty)}
        self.slots = {entry.sha256: slot for slot, entry in enumerate(self.stored)}
        self.pixels: Pixels = np.empty((0,), np.uint8)
        if index and self.stored:
            shape = (len(self.stored), index.size, index.size, 3)
            self.pixels = np.memmap(folder / index.pixel_name, np.uint8, "r", shape=shape)

    def unchanged(self, photo_id: str, path: str) -> Entry | None:
        """Return the entry of a photo whose file was not written since."""
        entry = self.by_id.get(photo_id)
        try:
            return entry if entry and entry.fits(os.stat(path)) else None
        except OSError:
            return None


def update_store(
    dataset: Dataset, folder: Path, size: int, index: StoreIndex | None, progress: Progress | None
) -> tuple[list[Entry], str]:
    """Make the store of a dataset hold all its decodable photos, in the order of its rows.

    Args:
        dataset: Whose photos to store.
        folder: The folder of the store.
        size: Side of the stored squares in pixels.
        index: What is there already.
        progress: Called with `(photos done, photos in all)` while photos are read.

    Returns:
        The entry of every row, those with a reason being faulty, and the pixel file's name.

    Raises:
        ImageError: The store cannot be written.
    """
    old = _OldStore(folder, index)
    rows = list(zip(dataset.table["photo_id"], dataset.table["path"], strict=True))
    kept = [old.unchanged(*row) for row in rows]
    fresh = [entry for entry in kept if entry]
    if index and len(fresh) == len(rows) and _good(fresh) == index.stored:
        return fresh, index.pixel_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = _write_pixels(rows, kept, folder, size, old, progress)
    except OSError as error:
        raise ImageError(
            f"the photo store {folder} cannot be written ({error.strerror}): it needs "
            f"{len(rows) * size * size * 3 / 1e6:,.0f} MB of disk there"
        ) from error
    return entries, StoreIndex(size, _good(entries), ()).pixel_name


def _good(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if not entry.reason)


def _write_pixels(
    rows: list[tuple[str, str]],
    kept: list[Entry | None],
    folder: Path,
    size: int,
    old: _OldStore,
    progress: Progress | None,
) -> list[Entry]:
    """Write pixels, then index, then remove the pixels that no index names any more."""
    with new_file(folder / "photos.u8") as new:
        entries = _stream_pixels(new.stream, rows, kept, size, old, progress)
        asked = {photo_id for photo_id, _ in rows}
        elsewhere = [entry for entry in old.faulty if entry.photo_id not in asked]
        faulty = (*elsewhere, *(entry for entry in entries if entry.reason))
        index = StoreIndex(size, _good(entries), faulty)
        new.path = folder / index.pixel_name
    write_index(folder, index)
    _remove_old_pixels(folder, index, old)
    return entries


def _stream_pixels(
    stream: BinaryIO,
    rows: list[tuple[str, str]],
    kept: list[Entry | None],
    size: int,
    old: _OldStore,
    progress: Progress | None,
) -> list[Entry]:
    entries: list[Entry] = []
    for entry, pixels in _load_all(rows, kept, size, old):
        entries.append(entry)
        if not entry.reason:
            source = old.pixels[old.slots[entry.sha256]] if pixels is None else pixels
            stream.write(source.tobytes())
        if progress and (len(entries) % _CHUNK == 0 or len(entries) == len(rows)):
            progress(len(entries), len(rows))
    return entries


def _load_all(
    rows: list[tuple[str, str]], kept: list[Entry | None], size: int, old: _OldStore
) -> Iterator[tuple[Entry, Pixels | None]]:
    """Yield entry and pixels in row order; no pixels if they are stored already or faulty."""
    # Pillow decodes outside the interpreter lock, so threads use every core.
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for start in range(0, len(rows), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            yield from pool.map(
                lambda row, entry: (entry, None) if entry else _load(row, size, old),
                rows[chunk],
                kept[chunk],
            )


def _load(row: tuple[str, str], size: int, old: _OldStore) -> tuple[Entry, Pixels | None]:
    """Read one photo file; decode it unless the old store has its content."""
    photo_id, path = row
    try:
        content = read_regular(Path(path), MOST_PHOTO_BYTES)
        status = os.stat(path)
    except OSError as error:
        return Entry(photo_id, -1, -1, "", 0.0, f"photo cannot be opened: {error.strerror}"), None
    digest = hashlib.sha256(content).hexdigest()
    blank = Entry(photo_id, status.st_size, status.st_mtime_ns, digest, 0.0)
    if digest in old.slots:
        known = old.stored[old.slots[digest]]
        return replace(blank, kept_width=known.kept_width), None
    try:
        pixels, kept_width = decode_photo(content, size=size, name="photo")
    except ImageError as error:
        return replace(blank, reason=str(error)), None
    return replace(blank, kept_width=kept_width), pixels


def _remove_old_pixels(folder: Path, index: StoreIndex, old: _OldStore) -> None:
    """Remove the pixel file that was replaced, and what killed processes left."""
    sweep(folder)
    replaced = StoreIndex(index.size, old.stored, ()).pixel_name
    for path in (*folder.glob(f"photos-{index.size}-*.u8"), *folder.glob(".photos-*.u8")):
        if path.name == index.pixel_name:
            continue
        if path.name == replaced or time.time() - path.stat().st_mtime > _ABANDONED_S:
            # Another process may have removed it first, or have it open, which Windows does not
            # allow.
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                continue


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
        raise ImageError(f"{len(faults):,} of {len(dataset):,} photos cannot be used: {shown}")
    return store


def build_store(
    dataset: Dataset, size: int, progress: Progress | None = None
) -> tuple[PhotoStore | None, dict[str, str]]:
    """Open or make the store of those photos of a dataset that can be decoded.

    Returns:
        The store, its rows those of the dataset less the faulty photos (None if none is left),
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


def typical_side(dataset: Dataset) -> int:
    """Median of the shorter sides of some photos in pixels; 0 if none of them can be read."""
    paths = dataset.table["path"].tolist()
    sides = []
    for index in np.unique(np.linspace(0, len(paths) - 1, _MEASURED).round().astype(np.int64)):
        try:
            with open_header(paths[index]) as header:
                sides.append(min(header.size))
        except ImageError:
            continue
    return int(np.median(sides)) if sides else 0


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
        LabelError: As `read_dataset`, no photo has a position or a region, or too many photos are
            unreadable.
        FrameError: The meaning of the coordinates is unknown.
        ImageError: No photo can be read, or the store cannot be written.
    """
    dataset = read_dataset(root, allow_missing=allow_missing).check_trainable()
    store, faults = build_store(dataset, size, progress)
    if store is None:
        first = next(iter(faults.items()))
        raise ImageError(f"{root}: no photo can be read (first: {first[0]}: {first[1]})")
    if not faults:
        return dataset, store
    return dataset.leave_out(faults, allow_missing), store
