"""Where a dataset folder keeps its label files and the photos that belong to each.

Names are compared as sets of words, so that `labels_train.csv`, `train_label.csv` and
`Train/labels.csv` are one thing, and `images_train/`, `train_images/` and `train/images/` another.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from core.dataset.decode import FORMATS_TEXT, PHOTO_SUFFIXES, known_signature
from core.errors import LabelError

CAMPUS_FILE = "campus.toml"
# Holds what Bearings makes of a dataset: decoded photos, locks.
STORE_FOLDER = ".bearings"

DatasetState = tuple[tuple[str, int, int], ...]

_PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val"}
_PARTS |= {"validation": "val", "test": "test", "testing": "test"}
_LABEL_WORDS = {"label", "labels"}
_NAMING = _LABEL_WORDS | set(_PARTS)
_PHOTO_WORDS = {"image", "images", "photo", "photos", "img", "imgs", "pictures"}


@dataclass(frozen=True)
class LabelFile:
    """One label file, the official part it labels (`""`: none) and where its photos may lie."""

    path: Path
    part: str
    folders: tuple[Path, ...]

    def name_in(self, root: Path) -> str:
        """Its path relative to the dataset folder, as in `train/labels.csv`."""
        return self.path.relative_to(root).as_posix()


def dataset_folder(source: Path) -> Path:
    """The folder of a dataset that is given as a folder or as one CSV file."""
    return source.parent if source.is_file() else source


def find_label_files(root: Path) -> tuple[tuple[LabelFile, ...], tuple[str, ...]]:
    """Find the label files of a dataset: a folder, or one CSV file with its photos beside it.

    Returns:
        The label files, train before val before test, and notes on files that were passed over.

    Raises:
        LabelError: There is none, or several claim the same photos.
    """
    if root.is_file():
        part = _part(_words(root.with_suffix("").name)) or ""
        return (LabelFile(root, part, _photo_folders(root.parent, part)),), ()
    if not root.is_dir():
        raise LabelError(f"there is no dataset folder {root}")
    found: dict[str, list[Path]] = {}
    for path in _csv_files(root):
        words = _words(str(path.relative_to(root).with_suffix("")))
        if words & _NAMING and words <= _NAMING | {"updated"}:
            found.setdefault(_part(words) or "", []).append(path)
    if not found:
        raise LabelError(_nothing_found(root))
    if "" in found and len(found) > 1:
        names = ", ".join(str(path.relative_to(root)) for paths in found.values() for path in paths)
        raise LabelError(
            f"{root} holds labels for the whole dataset and for parts of it ({names}): keep one "
            "kind, or give the path of the one CSV file to read"
        )
    notes: list[str] = []
    files = [
        LabelFile(_preferred(found[part], root, notes), part, _photo_folders(root, part))
        for part in ("", "train", "val", "test")
        if part in found
    ]
    return tuple(files), tuple(notes)


def dataset_state(source: Path) -> DatasetState:
    """The state of every file and folder that a dataset is read from, but `repairs.csv`.

    Datasets of equal states are read alike. Photos are watched by the times of their folders; in
    the dataset's own folder, which also holds the store and the repairs, by their names.

    Args:
        source: A dataset folder, or one CSV file.

    Returns:
        `(path, time of change in ns, size or number of photos)`; empty if there is no label file.
    """
    root = dataset_folder(source)
    try:
        files, _ = find_label_files(source)
    except LabelError:
        return ()
    watched = {file.path for file in files} | {root / CAMPUS_FILE}
    folders = {folder for file in files for folder in file.folders} - {root}
    for folder in (*folders, root):
        # Photos are looked for one level deeper.
        folders.update(_subfolders(folder))
    state = [
        (str(path), status.st_mtime_ns, status.st_size if path in watched else 0)
        for path in sorted(watched | folders)
        if (status := _status(path)) is not None
    ]
    photos = sorted(path.name for path in root.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    return (*state, ("\t".join(photos), 0, len(photos)))


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _preferred(paths: list[Path], root: Path, notes: list[str]) -> Path:
    updated = [path for path in paths if "updated" in _words(path.stem)]
    chosen = updated or paths
    if len(chosen) > 1:
        names = ", ".join(str(path.relative_to(root)) for path in chosen)
        raise LabelError(f"{root}: {names} label the same part: keep one of them")
    for passed in paths:
        if passed != chosen[0]:
            notes.append(f"{chosen[0].name} was read and {passed.name} passed over")
    return chosen[0]


def _csv_files(root: Path) -> Iterator[Path]:
    parts = (folder for folder in sorted(root.iterdir()) if folder.name.lower() in _PARTS)
    for folder in (root, *(part for part in parts if part.is_dir())):
        # macOS writes a hidden ._labels.csv beside labels.csv.
        yield from sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() == ".csv" and not path.name.startswith(".")
        )


def _photo_folders(root: Path, part: str) -> tuple[Path, ...]:
    """Folders that may hold the photos, the most particular first, `root` itself last."""
    own: list[Path] = []
    shared: list[Path] = []
    for folder in _folders(root):
        words = _words(str(folder.relative_to(root)))
        if part and _part(words) == part and words <= _PHOTO_WORDS | set(_PARTS):
            own.append(folder)
        elif words <= _PHOTO_WORDS:
            shared.append(folder)
    return (*own, *shared, root)


def _folders(root: Path) -> Iterator[Path]:
    for folder in _subfolders(root):
        yield folder
        yield from sorted(f for f in folder.iterdir() if f.is_dir())


def _subfolders(folder: Path) -> list[Path]:
    """Folders directly in a folder, by name, but hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9]+", name.lower()) if word}


def _part(words: set[str]) -> str | None:
    parts = {_PARTS[word] for word in words if word in _PARTS}
    return parts.pop() if len(parts) == 1 else None


def _nothing_found(root: Path) -> str:
    others = sorted(path.name for path in root.iterdir() if path.suffix.lower() == ".csv")
    seen = f" It holds {', '.join(others)}: give that path to read it." if others else ""
    return (
        f"{root} has no label file: Bearings reads labels.csv with images/, or labels_train.csv "
        f"with images_train/ and labels_val.csv with images_val/ (and labels_test.csv).{seen}"
    )


# Which file on disk a label row means, and whether that file can be a photo at all.


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
    return "" if known_signature(head) else f"photo is no {FORMATS_TEXT} file"
