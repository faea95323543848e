"""Where a dataset folder keeps its label files and the photos that belong to each.

Names are compared as sets of words, so that `labels_train.csv`, `train_label.csv` and
`Train/labels.csv` are one thing, and `images_train/`, `train_images/` and `train/images/` another.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath

from core.dataset.decode import PHOTO_SUFFIXES
from core.errors import LabelError, NoTableError
from core.files import walk
from core.system import SYSTEM
from core.tables.columns import count_roles
from core.tables.settings import FOREIGN_TABLES, TABLE_SUFFIXES

CAMPUS_FILE = "campus.toml"
# Polygons of regions.
AREAS_FILE = "regions.geojson"
# Buildings, ways, lawns and water, drawn below maps.
BASE_FILE = "campus.geojson"
# Answers of people to held-out photos: a baseline, no labels.
HUMAN_ANSWERS = "human_answers.csv"
# Holds what Bearings makes of a dataset: decoded photos, locks.
STORE_FOLDER = ".bearings"

# Photos are looked for in so many folders below one: a table that lies in a home folder must not
# make every page read the whole disk.
MOST_FOLDERS = 2_000

DatasetState = tuple[tuple[str, int, int], ...]

_PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val"}
_PARTS |= {"validation": "val", "test": "test", "testing": "test"}
_LABEL_WORDS = {"label", "labels"}
_NAMING = _LABEL_WORDS | set(_PARTS)
# Tables that Bearings and cameras write beside photos, which are no labels.
_NO_LABELS = {
    AREAS_FILE,
    BASE_FILE,
    HUMAN_ANSWERS,
    "repairs.csv",
    "tags.csv",
    "findings.csv",
    "predictions.csv",
    "truth.csv",
    "faults.csv",
}
_OFTEN_OTHERS = {".txt", ".json", ".jsonl", ".ndjson"}
_PHOTO_WORDS = {"image", "images", "photo", "photos", "img", "imgs", "pictures"}


@dataclass(frozen=True)
class LabelFile:
    """One label file, the official part it labels (`""`: none) and its possible photo folders."""

    path: Path
    part: str
    folders: tuple[Path, ...]

    def name_in(self, root: Path) -> str:
        """Its path relative to the dataset folder, as in `train/labels.csv`."""
        return self.path.relative_to(root).as_posix()


def dataset_folder(source: Path) -> Path:
    """The folder of a dataset that is given as a folder or as one label file."""
    return source.parent if source.is_file() else source


def store_folder(root: Path) -> Path:
    """Return the folder of a dataset's stores: inside it, or a cache if it is read-only."""
    inside = root / STORE_FOLDER
    written = inside if inside.is_dir() else root
    # The owner's bit counts even for root, to whom every folder is writable.
    if os.access(written, os.W_OK) and written.stat().st_mode & stat.S_IWUSR:
        return inside
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return Path(cache) / "bearings" / f"{root.resolve().name}-{key}"


def find_label_files(root: Path) -> tuple[tuple[LabelFile, ...], tuple[str, ...]]:
    """Find the label files of a dataset: a folder, or one label file with its photos beside it.

    A table of any readable format counts by its name, such as `labels.xlsx`; a table of another
    name counts if it is the only one in the folder.

    Returns:
        The label files, train before val before test, and notes on files that were passed over.

    Raises:
        LabelError: There is none, or several claim the same photos.
    """
    if root.is_file():
        _check_suffix(root)
        part = _part(_words(root.with_suffix("").name)) or ""
        return (LabelFile(root, part, _photo_folders(root.parent, part)),), ()
    if not root.is_dir():
        raise LabelError(f"there is no dataset folder {root}")
    found: dict[str, list[Path]] = {}
    tables = list(_table_files(root))
    for path in tables:
        words = _words(str(path.relative_to(root).with_suffix("")))
        if words & _NAMING and words <= _NAMING | {"updated"}:
            found.setdefault(_part(words) or "", []).append(path)
    notes: list[str] = []
    if not found:
        only = _only_table(root, tables)
        found[""] = [only]
        notes.append(f"{only.name} was read as the label file, for it is the only table")
    if "" in found and len(found) > 1:
        names = ", ".join(str(path.relative_to(root)) for paths in found.values() for path in paths)
        raise LabelError(
            f"{root} holds labels for the whole dataset and for parts of it ({names}): keep one "
            "kind, or give the path of the one label file to read"
        )
    files = [
        LabelFile(_preferred(found[part], root, notes), part, _photo_folders(root, part))
        for part in ("", "train", "val", "test")
        if part in found
    ]
    return tuple(files), tuple(notes)


def _check_suffix(path: Path) -> None:
    """Refuse a file that is no table by its name, before any of its content could be quoted.

    A path may come from the address of a page, and name any file of the machine.
    """
    if path.suffix.lower() not in (*TABLE_SUFFIXES, *FOREIGN_TABLES):
        raise LabelError(
            f"{path} is no label table by its name: name a folder, or a file that ends with "
            f"{', '.join(TABLE_SUFFIXES)}"
        )


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
    watched = {file.path for file in files} | {root / CAMPUS_FILE, root / AREAS_FILE}
    kept = {folder for file in files for folder in file.folders} - {root}
    # Photos are looked for at any depth; in the dataset's own folder only if no other holds them.
    folders = {
        here for folder in kept or {root} for here, _ in walk(folder, MOST_FOLDERS, lambda *_: None)
    }
    folders = (folders | set(_subfolders(root))) - {root}
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
    """Choose among files of one part: a corrected one, then the format that is preferred."""
    updated = [path for path in paths if "updated" in _words(path.stem)]
    ranks = {path: TABLE_SUFFIXES.index(path.suffix.lower()) for path in updated or paths}
    chosen = [path for path, rank in ranks.items() if rank == min(ranks.values())]
    if len(chosen) > 1:
        names = ", ".join(str(path.relative_to(root)) for path in chosen)
        raise LabelError(f"{root}: {names} label the same part: keep one of them")
    for passed in paths:
        if passed != chosen[0]:
            notes.append(f"{chosen[0].name} was read and {passed.name} passed over")
    return chosen[0]


def _table_files(root: Path) -> Iterator[Path]:
    parts = (folder for folder in sorted(root.iterdir()) if folder.name.lower() in _PARTS)
    for folder in (root, *(part for part in parts if part.is_dir())):
        # macOS writes a hidden ._labels.csv beside labels.csv.
        yield from sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in TABLE_SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
        )


def possible_tables(root: Path, *, plain_text: bool = True) -> tuple[Path, ...]:
    """Tables of a folder that may hold labels, by name and likeliest first; none is read.

    Args:
        root: The dataset folder.
        plain_text: Also text and JSON files of any name, which often hold something else.
    """
    tables = [path for path in _table_files(root) if path.name.lower() not in _NO_LABELS]
    named = [path for path in tables if _words(path.stem) & _LABEL_WORDS]
    others = [path for path in tables if path not in named and path.parent == root]
    unsure = [path for path in others if path.suffix.lower() in _OFTEN_OTHERS]
    sure = [path for path in others if path not in unsure]
    return (*named, *sure, *(unsure if plain_text else ()))


def _only_table(root: Path, tables: list[Path]) -> Path:
    """The one table of a folder whose name says nothing.

    Raises:
        LabelError: There is none, or there are several.
    """
    others = [
        path for path in tables
        if path.parent == root and path.name.lower() not in _NO_LABELS
        and path.suffix.lower() not in _OFTEN_OTHERS
    ]  # fmt: skip
    if len(others) == 1 and _holds_labels(others[0], (root / CAMPUS_FILE).is_file()):
        return others[0]
    shown = ", ".join(path.name for path in others[:6])
    seen = f" It holds {shown}: give the path of the one to read." if others else ""
    if len(others) == 1:
        seen = (
            f" It holds {shown}, whose columns are not known: name them under [columns] in "
            'campus.toml, such as latitude = "Y", or choose them on the Data page of the app.'
        )
    elif not others and _holds_photos(root):
        seen = (
            " It holds photos: if they know their positions (EXIF, Google Takeout), this makes a "
            f"dataset of them: {ingest_command(root)}"
        )
    raise (LabelError if others else NoTableError)(
        f"{root} has no label file: Bearings reads labels.csv with images/, or labels_train.csv "
        "with images_train/ and labels_val.csv with images_val/ (and labels_test.csv); the table "
        f"may also be TSV, XLSX, Parquet, JSON, GeoJSON, GPX or KML.{seen}"
    )


def ingest_command(folder: Path, *options: str) -> str:
    """Return the command line that makes a dataset of a folder of photos, beside it."""
    path = folder if folder.name not in ("", "..") else folder.resolve()
    words = ["python", "-m", "core", "ingest", str(path)]
    return SYSTEM.command_line([*words, "--out", str(path) + "-dataset", *options])


def _holds_photos(root: Path) -> bool:
    """Whether there is a photo in a folder, or in one of the first folders below it."""
    return any(
        PurePath(name).suffix.lower() in PHOTO_SUFFIXES
        for _, names in walk(root, MOST_FOLDERS, lambda *_: None)
        for name in names
    )


def _holds_labels(path: Path, described: bool) -> bool:
    """Whether a table has columns of labels, or campus.toml may name them."""
    status = path.stat()
    return described or _known_columns(path, status.st_mtime_ns, status.st_size) >= 2


@lru_cache(maxsize=64)
def _known_columns(path: Path, modified_ns: int, size: int) -> int:
    """How many columns of a table, as it is at a time, have a known name."""
    # pandas takes half a second to import, and every command imports this module.
    from core.tables.formats import read_raw

    del modified_ns, size
    try:
        return count_roles(read_raw(path).header)
    except LabelError:
        return 0


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


def part_of(name: str) -> str | None:
    """Return the official part that a folder or file is named after; None if none, or several."""
    return _part(_words(name))


def _part(words: set[str]) -> str | None:
    parts = {_PARTS[word] for word in words if word in _PARTS}
    return parts.pop() if len(parts) == 1 else None
