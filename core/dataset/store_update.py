"""Bring a photo store up to date: only files that are new or changed are decoded.

A file whose size and time are unchanged is trusted; one that was only touched or renamed is
recognised by its hash; anything else is decoded again. Pixels and index are each replaced at once,
the index last, and the pixel file is named by its content: a kill, or a second process, leaves the
old store or the new one. One store a photo size serves the dataset that was opened last.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.dataset.decode import Pixels, decode_photo
from core.dataset.labels import Dataset
from core.dataset.store_index import Entry, StoreIndex, write_index
from core.errors import ImageError
from core.files import new_file, sweep

Progress = Callable[[int, int], None]

_CHUNK = 64
_ABANDONED_S = 24 * 3600.0


class _OldStore:
    """What an earlier store knows of photos, by id and by the hash of their files."""

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
        folder: Where the store lives.
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
    """Yield entry and pixels in row order; no pixels where the old store has them, or none are."""
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
        content = Path(path).read_bytes()
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
            # Another process may have removed it first, or hold it open where that forbids it.
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                continue
