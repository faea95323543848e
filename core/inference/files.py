"""Predicting files: a photo, several, or a folder of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os.path import commonpath, dirname, relpath
from pathlib import Path
from typing import Protocol

import numpy as np

from core.dataset.decode import FORMATS_TEXT, PHOTO_SUFFIXES, RAW_SUFFIXES, Pixels
from core.errors import ImageError
from core.files import walk
from core.inference.known import KnownHeading, KnownRegion
from core.inference.prediction import Prediction, joined

# Also those that cannot be read: a folder's photo must be refused by name, not passed over.
SUFFIXES = frozenset((*PHOTO_SUFFIXES, *RAW_SUFFIXES))
FILES_AT_ONCE = 64


@dataclass(frozen=True)
class Failure:
    """A file that could not be predicted, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class FilePredictions:
    """Predictions for the files that could be read, in their order, and the other files."""

    prediction: Prediction
    failures: tuple[Failure, ...]


class Predicts(Protocol):
    """What predicting files needs of a predictor."""

    def decode(self, source: Path | str | bytes, name: str | None = None) -> Pixels:
        """Decode one photo."""

    def predict_photos(
        self,
        photos: Pixels,
        names: Sequence[str] | None = None,
        known_region: KnownRegion = None,
        known_heading_deg: KnownHeading = None,
        *,
        photo_ids: Sequence[str] | None = None,
    ) -> Prediction:
        """Predict decoded photos."""

    @property
    def store_size(self) -> int:
        """Side of decoded photos."""


def find_photos(path: Path) -> tuple[Path, ...]:
    """Return the photo that a path is, or all photos in a folder and its folders, sorted.

    Raises:
        ImageError: Nothing there, or a folder without photos.
    """
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise ImageError(f"there is no photo or folder {path}")
    photos = sorted(
        folder / name
        for folder, names in walk(path)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES
    )
    if not photos:
        raise ImageError(f"{path} holds no photo ({FORMATS_TEXT})")
    return tuple(photos)


def predict_files(
    predictor: Predicts,
    paths: Sequence[Path],
    known_region: str | None = None,
    known_heading_deg: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FilePredictions:
    """Predict files; those that cannot be read are named in the result, and the rest goes on.

    Photos are named by their paths below the folder that all of them share.
    """
    names = shared_names([str(path.absolute()) for path in paths])
    failures: list[Failure] = []
    parts: list[Prediction] = []
    # One empty round for no paths, so that the result has the right shapes.
    for start in range(0, max(len(paths), 1), FILES_AT_ONCE):
        chunk = paths[start : start + FILES_AT_ONCE]
        decoded = _decoded(predictor, chunk)
        failures.extend(item for item in decoded if isinstance(item, Failure))
        read = [row for row, item in enumerate(decoded) if not isinstance(item, Failure)]
        parts.append(
            predictor.predict_photos(
                _stacked(decoded, predictor.store_size),
                [names[start + row] for row in read],
                known_region,
                known_heading_deg,
                photo_ids=[str(chunk[row]) for row in read],
            )
        )
        if progress is not None:
            progress(start + len(chunk), len(paths))
    return FilePredictions(joined(parts), tuple(failures))


def _decoded(predictor: Predicts, paths: Sequence[Path]) -> list[Pixels | Failure]:
    def attempt(path: Path) -> Pixels | Failure:
        try:
            return predictor.decode(path)
        except ImageError as error:
            return Failure(path, str(error))

    # Pillow decodes outside the interpreter lock.
    with ThreadPoolExecutor() as pool:
        return list(pool.map(attempt, paths))


def _stacked(decoded: Sequence[Pixels | Failure], size: int) -> Pixels:
    photos = [item for item in decoded if not isinstance(item, Failure)]
    return np.stack(photos) if photos else np.empty((0, size, size, 3), np.uint8)


def shared_names(paths: Sequence[str]) -> list[str]:
    """Return the names of absolute paths below the folder that all of them share."""
    if not paths:
        return []
    shared = commonpath([dirname(path) for path in paths])
    return [Path(relpath(path, shared)).as_posix() for path in paths]
