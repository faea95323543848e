"""Which photo on disk a name in a label table means, and whether that file can be a photo at all.

Tables come from other machines, other systems and spreadsheets: names differ from those on disk in
Unicode form, case, ending, folder, slashes or leading zeros. A name that can mean two photos, and
two names that can mean one, are refused with both: nothing is guessed.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from core.dataset.decode import FORMATS_TEXT, PHOTO_SUFFIXES, known_signature
from core.dataset.layout import MOST_FOLDERS, LabelFile, part_of
from core.files import walk

_SHOWN = 3


@dataclass(frozen=True)
class FoundPhotos:
    """What was found for the rows of one label file.

    Attributes:
        photo_ids: Path relative to the dataset root, by row; if nothing was found, the path at
            which the photo was expected.
        faults: Why the row has no usable photo, by row; `""` if it has one.
        unlabelled: Photos in the folder that no row names.
        folder: The folder that was read.
        notes: How names were matched that did not match to the letter, with counts.
    """

    photo_ids: tuple[str, ...]
    faults: tuple[str, ...]
    unlabelled: tuple[str, ...]
    folder: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Match:
    """The photo of a name: its path below the folder, or why there is none."""

    file: str = ""
    fault: str = ""
    how: str = ""


def find_photos(root: Path, file: LabelFile, filenames: Iterable[str]) -> FoundPhotos:
    """Match the names of a label file to the photos in the first of its folders that holds any.

    Args:
        root: The dataset folder.
        file: The label file; its folders are searched at any depth.
        filenames: The names as the file has them, one a row.
    """
    written = [str(name) for name in filenames]
    names = [_plain(name, root) for name in written]
    for folder in file.folders:
        index = _Folder(root, folder, file.part)
        matches = [index.find(name) for name in names]
        if any(match.file for match in matches):
            break
    else:
        index = _Folder(root, file.folders[0], file.part)
        matches = [index.find(name) for name in names]
    matches = _without_shared(names, matches)
    ids, faults = [], []
    for name, match in zip(names, matches, strict=True):
        path = index.root / (match.file or PurePosixPath(name).name)
        ids.append(path.relative_to(root).as_posix())
        faults.append(match.fault or _fault_of_file(path))
    unlabelled = sorted(set(index.photos) - {match.file for match in matches})
    return FoundPhotos(
        tuple(ids), tuple(faults), tuple(unlabelled), index.root,
        tuple(_notes(file, written, matches, index)),
    )  # fmt: skip


def _plain(name: str, root: Path) -> str:
    """Return a name with forward slashes, relative to the dataset folder if it lies in there."""
    name = re.sub("^file://", "", name.strip()).replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute():
        for folder in (root.absolute(), root.resolve()):
            if path.is_relative_to(folder.as_posix()):
                return path.relative_to(folder.as_posix()).as_posix()
    return str(path) if name else ""


def _is_foreign(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or bool(re.match("[A-Za-z]:", name))


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _nfc(name).casefold()


def _stem(name: str) -> str:
    path = PurePosixPath(_folded(name))
    return str(path.with_suffix("")) if path.suffix in PHOTO_SUFFIXES else str(path)


# In this order: a name that fits better is preferred to one that fits in more respects.
_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", lambda name: name),
    ("Unicode form", _nfc),
    ("case", _folded),
    ("ending", _stem),
)


class _Folder:
    """The photos under one folder, at any depth, found by name."""

    def __init__(self, root: Path, folder: Path, part: str) -> None:
        self.root = folder
        self.within = folder.relative_to(root).as_posix()
        own = not part or part_of(self.within) == part
        self.files: list[str] = []
        self.folders = 0
        for here, names in walk(folder, MOST_FOLDERS, lambda *_: None):
            self.folders += 1
            below = here.relative_to(folder)
            # Photos of another part may have the same names.
            if not own and any(part_of(each) not in (None, part) for each in below.parts):
                continue
            self.files += [(below / name).as_posix() for name in names]
        self.photos = [f for f in self.files if PurePosixPath(f).suffix.lower() in PHOTO_SUFFIXES]

    @cached_property
    def _by_form(self) -> list[dict[str, list[str]]]:
        """For every form of names: files by the last part of their path."""
        tables = []
        for _, form in _FORMS:
            table: dict[str, list[str]] = defaultdict(list)
            for file in self.photos if form is _stem else self.files:
                table[_last(form(file))].append(file)
            tables.append(dict(table))
        return tables

    @cached_property
    def _by_number(self) -> dict[int, list[str]]:
        table: dict[int, list[str]] = defaultdict(list)
        for file in self.photos:
            stem = PurePosixPath(file).stem
            if stem.isascii() and stem.isdigit():
                table[int(stem)].append(file)
        return dict(table)

    def find(self, name: str) -> _Match:
        """Return the photo that a name means, or why none is taken."""
        if not name:
            return _Match(fault="the row names no photo")
        elsewhere: list[str] = []
        for (what, form), table in zip(_FORMS, self._by_form, strict=True):
            wanted = form(name)
            named = table.get(_last(wanted), [])
            full = [file for file in named if wanted in self._paths(form, file)]
            fitting = full or self._tails(form, wanted, named)
            if len(fitting) == 1:
                whole = f"/{self._paths(form, fitting[0])[-1]}".endswith(f"/{wanted}")
                return _Match(fitting[0], how=what or ("" if whole else "folder"))
            if fitting:
                return _Match(fault=f"ambiguous photo: {_listed(fitting)}")
            elsewhere = elsewhere or named
        return self._by_digits(name) or _Match(fault=self._missing(name, elsewhere))

    def _paths(self, form: Callable[[str], str], file: str) -> tuple[str, str]:
        """Paths of a file below this folder and below the dataset folder, in a form."""
        return form(file), form(file if self.within == "." else f"{self.within}/{file}")

    def _tails(self, form: Callable[[str], str], wanted: str, named: list[str]) -> list[str]:
        """Files of which the path ends with the name, or the name with the path.

        A path without a folder is too little to prefer it to other files of the same last part.
        """
        fitting, bare = [], False
        for file in named:
            below, from_root = paths = self._paths(form, file)
            ends = [path for path in paths if f"/{wanted}".endswith(f"/{path}")]
            if f"/{from_root}".endswith(f"/{wanted}") or any("/" in path for path in ends):
                fitting.append(file)
            bare = bare or below in ends
        return fitting or (named if bare else [])

    def _by_digits(self, name: str) -> _Match | None:
        """Return the one photo of a number whose leading zeros a spreadsheet has cut."""
        path = PurePosixPath(name)
        stem = path.stem if path.suffix.lower() in (*PHOTO_SUFFIXES, ".0") else path.name
        if not (stem.isascii() and stem.isdigit()) or "/" in name:
            return None
        fitting = self._by_number.get(int(stem), [])
        if len(fitting) == 1:
            return _Match(fitting[0], how="leading zeros")
        return _Match(fault=f"ambiguous photo: {_listed(fitting)}") if fitting else None

    def _missing(self, name: str, elsewhere: list[str]) -> str:
        if elsewhere:
            return f"photo missing here, but in another folder ({_listed(elsewhere)})"
        if _is_foreign(name):
            return "photo missing, and its name points outside the dataset folder"
        if PurePosixPath(name).stem.isdigit() and self._by_number:
            some = min(self._by_number.values())[0]
            return f"photo missing, maybe leading zeros were cut (photos here are like {some})"
        if self.folders >= MOST_FOLDERS:
            return f"photo missing (only the nearest {MOST_FOLDERS:,} folders were searched)"
        return "photo missing"


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _listed(files: Sequence[str]) -> str:
    shown = ", ".join(sorted(files)[:_SHOWN])
    return shown + (f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else "")


def _without_shared(names: Sequence[str], matches: Sequence[_Match]) -> list[_Match]:
    """Refuse names that mean one photo together, but for the one that names it to the letter.

    The same name in two rows is left to the check of duplicate rows.
    """
    meaning: dict[str, set[str]] = defaultdict(set)
    for name, match in zip(names, matches, strict=True):
        if match.file:
            meaning[match.file].add(name)
    return [
        _Match(
            fault=f"ambiguous photo: {_listed(list(meaning[match.file]))} would all be {match.file}"
        )
        if match.how and len(meaning[match.file]) > 1
        else match
        for match in matches
    ]


def _notes(
    file: LabelFile, written: Sequence[str], matches: Sequence[_Match], index: _Folder
) -> Iterable[str]:
    by_how: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, match in zip(written, matches, strict=True):
        if match.how:
            by_how[match.how].append((name, match.file))
    for how, pairs in by_how.items():
        named, on_disk = pairs[0]
        yield (
            f"{len(pairs):,} names in {file.path.name} differ from the file on disk in {how} "
            f"(first: {named} is {on_disk})"
        )


def _fault_of_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        return f"photo cannot be opened ({error.strerror})"
    if not head:
        return "photo is an empty file"
    return "" if known_signature(head) else f"photo is no {FORMATS_TEXT} file"
