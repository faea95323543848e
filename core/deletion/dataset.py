"""Deletion of what Bearings made of a data set, or of the data set with its photos.

What Bearings made of it: the store of decoded photos and descriptors, reports on it in the runs and
models of a workspace, their arrangements, tags, answers of people, and saved views that name photos
or tags of no other data set. Photos, labels and decisions about labels stay, unless the folder lies
among the data sets of the workspace and is to be deleted by name. Runs that use it stay and are
named; a cross-validation and a search keep the reports of their runs, which they are made of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.amounts import counted
from core.dataset.decode import PHOTO_SUFFIXES
from core.dataset.layout import HUMAN_ANSWERS, STORE_FOLDER, possible_tables, store_folder
from core.dataset.tags import TAGS_FILE, read_tags
from core.deletion.contents import Contents, measured, named
from core.deletion.layouts import LAYOUTS, layouts_of
from core.deletion.trash import put_aside, sweep_trash
from core.errors import BearingsError, RunError
from core.files import read_object
from core.jobs.state import UNFINISHED, run_state
from core.project import PROJECT
from core.runs import (
    CONFIG,
    JOB,
    REPORT,
    best_of,
    folders,
    has_card,
    home_of_report,
    is_run,
    is_shipped,
    report_folders,
)
from core.views import PHOTOS, TAGS, change_views, read_views

_CROSSVAL, _STUDY = "crossval-config.json", "study.json"


def is_dataset(path: Path) -> bool:
    """Whether a folder holds a label table, or what Bearings made of a data set."""
    if not path.is_dir():
        return False
    return bool(possible_tables(path, plain_text=False)) or (path / STORE_FOLDER).is_dir()


def contents_of_dataset(root: Path, workspace: Path, *, with_photos: bool = False) -> Contents:
    """Return what deleting a data set would remove.

    Args:
        root: Its folder.
        workspace: Folder with `data/`, `runs/` and `checkpoints/`.
        with_photos: Whether its folder goes, too.

    Raises:
        RunError: It is no folder of a data set, or its photos cannot be deleted by Bearings.
    """
    found = _Made(root, workspace)
    if with_photos:
        _check_owned(root, workspace)
    gone = [*found.reports, *found.layouts, *([root] if with_photos else found.beside)]
    if with_photos and not found.store.is_relative_to(root):
        gone.append(found.store)
    parts = (*_photos(root), *_parts(found)) if with_photos else tuple(_parts(found))
    stays = [] if with_photos else ["Photos, labels and decisions about labels (repairs.csv) stay."]
    if users := [*found.users]:
        stays.append(f"Made with this data set, and kept: {named([path.name for path in users])}.")
    title = "data set with its photos and labels" if with_photos else "data set"
    return Contents(root, title, parts, *measured(gone), tuple(stays))


def why_photos_stay(root: Path, workspace: Path) -> str:
    """Why the folder of a data set is not Bearings' to delete; empty if it is."""
    try:
        _check_owned(root, workspace)
    except RunError as error:
        return str(error)
    return ""


def delete_dataset(root: Path, workspace: Path, *, with_photos: bool = False) -> None:
    """Delete what Bearings made of a data set; with its photos, its folder as well.

    Each thing goes in one step, the folder last: after a kill a second call deletes the rest.

    Args:
        root: Its folder.
        workspace: Folder with `data/`, `runs/` and `checkpoints/`.
        with_photos: Whether its folder goes, too.

    Raises:
        RunError: A job that runs or waits uses it, it is no folder of a data set, or its photos
            cannot be deleted by Bearings; then nothing is deleted.
        ConfigError, LockHeld: The saved views cannot be changed.
        OSError: Something cannot be renamed or removed.
    """
    found = _Made(root, workspace)
    if with_photos:
        _check_owned(root, workspace)
    if busy := [path.name for path in found.users if _is_unfinished(path)]:
        raise RunError(
            f"{root} is in use by {named(busy)}: cancel this first, then delete the data set"
        )
    if views := found.views:
        change_views(workspace, dict.fromkeys(views))
    gone = [*found.layouts, *found.reports, *found.beside]
    for path in (*gone, root) if with_photos else gone:
        put_aside(path)
    parents = {root, found.store.parent, workspace / LAYOUTS, *found.report_parents}
    sweep_trash(parents | {root.parent} if with_photos else parents)


@dataclass(frozen=True)
class _Made:
    """What Bearings made of a data set, as far as it is there."""

    root: Path
    workspace: Path

    def __post_init__(self) -> None:
        if not is_dataset(self.root):
            raise RunError(f"{self.root} holds no data set: give the path of its folder")

    @cached_property
    def store(self) -> Path:
        """The folder of decoded photos and descriptors, which need not exist."""
        return store_folder(self.root)

    @cached_property
    def beside(self) -> tuple[Path, ...]:
        """The store, and files beside the labels."""
        files = (self.store, self.root / TAGS_FILE, self.root / HUMAN_ANSWERS)
        return tuple(path for path in files if path.exists())

    @cached_property
    def homes(self) -> tuple[Path, ...]:
        """Runs of the workspace, and checkpoints that stand alone."""
        alone = filter(has_card, folders(self.workspace / "checkpoints"))
        return (*filter(is_run, folders(self.workspace / "runs")), *alone)

    @cached_property
    def reports(self) -> tuple[Path, ...]:
        """Reports on it, but the one that ships with a model."""
        return tuple(
            folder for home in self.homes for folder in report_folders(home)
            if self._is_root(_inside(folder / REPORT, "dataset", "root"))
            and not (is_shipped(home) and folder.parent == home)
        )  # fmt: skip

    @cached_property
    def report_parents(self) -> tuple[Path, ...]:
        """Folders in which reports lie, or lay before a kill."""
        return tuple(home / "reports" for home in self.homes)

    @cached_property
    def layouts(self) -> tuple[Path, ...]:
        """Arrangements of the models that have reports on it, or were trained on it."""
        homes = [home for home in self.homes if any(home in path.parents for path in self.reports)]
        homes += [path for path in self.users if path not in homes]
        models = [best_of(home) if is_run(home) else home for home in homes]
        return tuple(layouts_of(models, self.workspace / LAYOUTS))

    @cached_property
    def users(self) -> tuple[Path, ...]:
        """Runs, cross-validations and searches that read it."""
        return tuple(
            path for path in folders(self.workspace / "runs")
            if any(map(self._is_root, _datasets_of(path)))
        )  # fmt: skip

    @cached_property
    def views(self) -> tuple[str, ...]:
        """Saved views with photos or tags that only this data set has."""
        views = read_views(self.workspace)
        named = {name: _names(query) for name, query in views.items()}
        wanted = set().union(*named.values())
        own = wanted & self._known(self.root)
        for other in folders(self.workspace / "data") if own else ():
            if is_dataset(other) and other.resolve() != self.root.resolve():
                own -= self._known(other, unsure=wanted)
        return tuple(name for name, names in named.items() if names and names <= own)

    def _known(self, root: Path, unsure: set[tuple[str, str]] | None = None) -> set[Any]:
        """Photos and tags of a data set; if it cannot be read, it may have all that are unsure."""
        from core.dataset.labels import read_dataset  # pandas takes half a second to import

        try:
            photos = read_dataset(root).table["photo_id"]
            tags = {tag for each in read_tags(root).values() for tag in each}
        except (BearingsError, OSError):
            return unsure or set()
        return {(PHOTOS, photo) for photo in photos} | {(TAGS, tag) for tag in tags}

    def _is_root(self, text: object) -> bool:
        """Whether a stored path is this data set; a relative one began where Bearings did."""
        if not isinstance(text, str) or "\0" in text:
            return False
        starts = (self.workspace, Path.cwd(), PROJECT)
        try:
            found = {(start / text).resolve() for start in starts}
        except (OSError, RuntimeError):
            return False
        here = self.root.resolve()
        # A data set may be given as one of its tables.
        return here in found or any(path.parent == here and path.is_file() for path in found)


def _names(query: dict[str, list[str]]) -> set[tuple[str, str]]:
    return {(kind, name) for kind in (PHOTOS, TAGS) for name in query.get(kind, ())}


def _datasets_of(path: Path) -> Iterator[object]:
    """The data sets that the files of a run, a cross-validation, a study or a job name."""
    yield _object(path / CONFIG).get("dataset")
    yield from (_inside(path / name, "config", "dataset") for name in (_CROSSVAL, _STUDY))
    yield _inside(path / JOB, "options", "dataset")


def _inside(file: Path, outer: str, name: str) -> object:
    inner = _object(file).get(outer)
    return inner.get(name) if isinstance(inner, dict) else None


def _object(file: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is missing or damaged: it names no data set then."""
    try:
        return read_object(file, finite=False) or {}
    except RunError:
        return {}


def _is_unfinished(path: Path) -> bool:
    try:
        return run_state(path).state in UNFINISHED
    except RunError:
        return False


def _check_owned(root: Path, workspace: Path) -> None:
    """Refuse to delete photos that do not lie in a folder of the workspace.

    Raises:
        RunError: Says where they lie.
    """
    home = workspace / "data"
    real = root.resolve()
    if root.is_symlink() or real == home.resolve() or not real.is_relative_to(home.resolve()):
        where = f"a link to {real}" if root.is_symlink() else str(real)
        raise RunError(
            f"the photos of {root} are not deleted: they lie outside of {home} ({where}), so "
            "remove that folder yourself if you want to"
        )


def _photos(root: Path) -> Iterator[str]:
    """Its own files in words, counted by their kinds."""
    tables = possible_tables(root)
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    own = [path for path in files if STORE_FOLDER not in path.relative_to(root).parts]
    photos = [path for path in own if path.suffix.lower() in PHOTO_SUFFIXES]
    yield f"{counted(len(photos), 'photo')}, of which Bearings keeps no copy"
    if tables:
        yield f"the labels: {named([path.relative_to(root).as_posix() for path in tables])}"
    if rest := len(own) - len(photos) - len(tables):
        yield f"{counted(rest, 'other file')} of the folder"


def _parts(found: _Made) -> Iterator[str]:
    if found.store.exists():
        files, size = measured([found.store])
        yield f"decoded photos and descriptors: {counted(files, 'file')}, {size / 1e6:,.1f} MB"
    if reports := found.reports:
        yield (
            f"{counted(len(reports), 'report')} with predictions: "
            f"{named([f'{home_of_report(folder).name}/{folder.name}' for folder in reports])}"
        )
    if layouts := found.layouts:
        yield f"{counted(len(layouts), 'arrangement')} of photos for the Explore page"
    if (found.root / TAGS_FILE).exists():
        yield f"the tags of its photos ({TAGS_FILE})"
    if (found.root / HUMAN_ANSWERS).exists():
        yield f"answers of people ({HUMAN_ANSWERS})"
    if views := found.views:
        yield f"{counted(len(views), 'saved view')} of its photos: {named(views)}"
