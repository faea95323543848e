"""Which file on disk a label row means, and whether that file can be a photo at all."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from core.dataset.layout import PHOTO_SUFFIXES, LabelFile

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


@dataclass(frozen=True)
class FoundPhotos:
    """What was found for the rows of one label file.

    Attributes:
        photo_ids: Path relative to the dataset root, by row; where nothing was found, the path at
            which the photo was expected.
        faults: Why the row has no usable photo, by row; `""` where it has one.
        renamed: `(name in the label file, name on disk)` of rows that did not match to the letter.
        unlabelled: Photos in the folder that no row names.
        folder: The folder that was read.
    """

    photo_ids: tuple[str, ...]
    faults: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    unlabelled: tuple[str, ...]
    folder: Path


def find_photos(root: Path, file: LabelFile, filenames: pd.Series) -> FoundPhotos:
    """Match the names of a label file to the photos in the first of its folders that holds any."""
    names = [name.replace("\\", "/") for name in filenames]
    for folder in file.folders:
        index = _Folder(folder)
        matches = [index.find(name) for name in names]
        if any(match for match, _ in matches):
            break
    else:
        index = _Folder(file.folders[0])
        matches = [index.find(name) for name in names]
    ids, faults, renamed = [], [], []
    for name, (match, fault) in zip(names, matches, strict=True):
        path = index.root / (match or PurePosixPath(name).name)
        ids.append(path.relative_to(root).as_posix())
        faults.append(fault or _fault_of_file(path))
        if match and match != name:
            renamed.append((name, match))
    unlabelled = sorted(index.photos - {match for match, _ in matches})
    return FoundPhotos(tuple(ids), tuple(faults), tuple(renamed), tuple(unlabelled), index.root)


class _Folder:
    """The photos under one folder, found by exact name, by case, then by stem."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.files = {
            path.relative_to(folder).as_posix() for path in _files(folder) if path.is_file()
        }
        self.photos = {f for f in self.files if PurePosixPath(f).suffix.lower() in PHOTO_SUFFIXES}
        self._by_case = _grouped((name.lower(), name) for name in self.files)
        self._by_stem = _grouped((_stem(name), name) for name in self.photos)

    def find(self, name: str) -> tuple[str, str]:
        """Return `(file relative to the folder, "")`, or `("", reason)`."""
        path = PurePosixPath(name)
        if not name:
            return "", "the row names no photo"
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
            return "", "the name points outside the dataset folder"
        # A label file may repeat its photo folder's name: images_train/img_1.jpg.
        for wanted in (name, "/".join(path.parts[1:])):
            if wanted in self.files:
                return wanted, ""
            candidates = self._by_case.get(wanted.lower()) or self._by_stem.get(_stem(wanted), [])
            if len(candidates) == 1:
                return candidates[0], ""
            if candidates:
                return "", f"ambiguous photo: {', '.join(sorted(candidates))}"
        return "", "photo missing"


def _files(folder: Path) -> Iterable[Path]:
    """Yield files of a folder and of its direct subfolders; hidden ones are not photos."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from path.iterdir()
        else:
            yield path


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _stem(name: str) -> str:
    path = PurePosixPath(name.lower())
    known = path.suffix in PHOTO_SUFFIXES
    return str(path.with_suffix("")) if known else str(path)


def _fault_of_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        return f"photo cannot be opened ({error.strerror})"
    if not head:
        return "photo is an empty file"
    if head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return ""
    return "photo is no JPEG, PNG or WebP file"
