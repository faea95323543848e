"""Photos from what a reader chose: files, folders and ZIP archives, within limits.

A name from an archive is only shown; no path of it is ever opened or written.
"""

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from app.photo import Photo
from core.dataset.decode import FORMATS_TEXT, PHOTO_SUFFIXES, RAW_SUFFIXES, known_signature

LARGEST_MB, MOST_PHOTOS = 20, 100
"""Size of a photo and number of photos that are predicted at once."""
LARGEST_SUM_MB = 500
"""Size of all of them, also when they come unfolded from an archive."""
LARGEST_ZIP_MB, MOST_ENTRIES = 200, 10_000
_MOST_RATIO = 100
"""A photo hardly shrinks in an archive: what unfolds to more is made to fill the memory."""
_NAMED = 3
_SUFFIXES = (*PHOTO_SUFFIXES, *RAW_SUFFIXES)
# What reading a damaged or encrypted entry raises.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError,
    NotImplementedError,
)  # fmt: skip


class ChosenFile(Protocol):
    """A file as Streamlit gives it."""

    @property
    def name(self) -> str:
        """What the browser calls it."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def getvalue(self) -> bytes:
        """Its content."""


@dataclass(frozen=True)
class Chosen:
    """Photos to predict, and sentences about what was left out."""

    photos: tuple[Photo, ...]
    notes: tuple[str, ...] = ()


def photos_of(files: Sequence[ChosenFile]) -> Chosen:
    """Return the photos among files and in archives, at most `MOST_PHOTOS`, in their order."""
    photos: list[Photo] = []
    notes: list[str] = []
    others: list[str] = []
    large: list[str] = []
    much: list[str] = []
    more = sum_bytes = 0
    for name, size, content in _entries(files, notes):
        if PurePosixPath(name).suffix.lower() not in _SUFFIXES and not content.is_photo:
            others.append(name)
        elif size > LARGEST_MB * 1_000_000:
            large.append(name)
        elif len(photos) >= MOST_PHOTOS:
            more += 1
        elif sum_bytes + size > LARGEST_SUM_MB * 1_000_000:
            much.append(name)
        elif (bytes_ := content(notes)) is not None:
            sum_bytes += len(bytes_)
            photos.append(Photo(name, bytes_))
    if others:
        notes.append(f"No photos ({FORMATS_TEXT}), left out: {_listed(others)}.")
    if large:
        notes.append(f"Larger than {LARGEST_MB} MB, left out: {_listed(large)}.")
    if much:
        notes.append(f"More than {LARGEST_SUM_MB} MB in all, left out: {_listed(much)}.")
    if more:
        notes.append(f"Only the first {MOST_PHOTOS:,} photos are predicted; {more:,} more are not.")
    return Chosen(tuple(photos), tuple(notes))


class _Content:
    """The bytes of a file, or of an entry of an archive, read when they are needed."""

    def __init__(self, read: "ChosenFile | tuple[zipfile.ZipFile, zipfile.ZipInfo]") -> None:
        self._read = read

    @property
    def is_photo(self) -> bool:
        """Whether a file begins as photos do; phones pass on files without a suffix."""
        return not isinstance(self._read, tuple) and known_signature(self._read.getvalue()[:16])

    def __call__(self, notes: list[str]) -> bytes | None:
        """The bytes; None, with a note, if they cannot be read."""
        if not isinstance(self._read, tuple):
            return self._read.getvalue()
        archive, info = self._read
        # The size that an archive claims is the most that is read of it.
        if info.file_size > _MOST_RATIO * max(info.compress_size, 1000):
            notes.append(f"{_shown(info.filename)} unfolds to more than a photo does, left out.")
            return None
        try:
            with archive.open(info) as packed:
                return packed.read()
        except _DAMAGE as error:
            notes.append(f"{_shown(info.filename)} cannot be read: {error}.")
            return None


def _entries(files: Sequence[ChosenFile], notes: list[str]) -> Iterator[tuple[str, int, _Content]]:
    """Name, size and content of each file, and of each entry of the archives among them."""
    for file in files:
        if PurePosixPath(file.name).suffix.lower() != ".zip":
            # A folder's own files, such as .DS_Store, are no photos that somebody chose.
            if not _hidden(file.name):
                yield _shown(file.name), file.size, _Content(file)
            continue
        if file.size > LARGEST_ZIP_MB * 1_000_000:
            notes.append(f"{_shown(file.name)} is larger than {LARGEST_ZIP_MB} MB, left out.")
            continue
        try:
            archive = zipfile.ZipFile(io.BytesIO(file.getvalue()))
            infos = archive.infolist()
        except _DAMAGE as error:
            notes.append(f"{_shown(file.name)} cannot be read: it is no ZIP archive ({error}).")
            continue
        if len(infos) > MOST_ENTRIES:
            notes.append(f"{_shown(file.name)} has more than {MOST_ENTRIES:,} entries, left out.")
            continue
        for info in infos:
            if not info.is_dir() and not _hidden(info.filename):
                yield _shown(info.filename), info.file_size, _Content((archive, info))


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part.startswith(".") and part not in (".", "..") for part in parts) or (
        "__MACOSX" in parts
    )


def _shown(name: str) -> str:
    """The last part of a name, which is all that is shown of it."""
    return PurePosixPath(name.replace("\\", "/")).name or "file"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
