"""The index of a photo store: which file every decoded photo came from, and where stores live."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from core.dataset.layout import STORE_FOLDER
from core.files import write_json

# Raise it when decoding changes, so that pixels of the old way are not mistaken for the new.
VERSION = 1


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
    """Read the index of a size; None where there is none that can be trusted."""
    try:
        value = json.loads(_index_path(folder, size).read_text(encoding="utf-8"))
        if value["version"] != VERSION:
            return None
        index = StoreIndex(
            size,
            tuple(Entry(**entry) for entry in value["stored"]),
            tuple(Entry(**entry) for entry in value["faulty"]),
        )
        if (folder / index.pixel_name).stat().st_size != index.pixel_bytes:
            return None
    except (OSError, ValueError, KeyError, TypeError):
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


def store_folder(root: Path) -> Path:
    """Where the stores of a dataset live: inside it, or in the user's cache if it is read-only."""
    inside = root / STORE_FOLDER
    written = inside if inside.is_dir() else root
    # The owner's bit counts even for root, to whom every folder is writable.
    if os.access(written, os.W_OK) and written.stat().st_mode & stat.S_IWUSR:
        return inside
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return Path(cache) / "bearings" / f"{root.resolve().name}-{key}"


def _index_path(folder: Path, size: int) -> Path:
    return folder / f"photos-{size}.json"
