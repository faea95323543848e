"""Which folders and files the app opens: one function decides, for every path that somebody names.

On one's own machine the app opens every folder that its user may open. A shared server is
confined: to the workspace and to the folders that `BEARINGS_ROOTS` lists, and for a visitor to the
demo. A server is shared if that variable is set, if it has roles, or if it listens to a network.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from app.access import roles
from app.workspace import workspace
from core.errors import AccessError, shortened
from core.project import ROOTS

# What the system shows of itself as files: processes with their environment, devices. Memory as a
# disk is a place for data sets.
_SYSTEM, _MEMORY = (Path("/proc"), Path("/sys"), Path("/dev")), Path("/dev/shm")

# Options that name a file, or one of two words.
_FILES = ("model.weights", "retrieval.weights")


def is_confined() -> bool:
    """Whether only the workspace and the listed folders are opened."""
    return ROOTS in os.environ or roles.is_shared()


def roots() -> tuple[Path, ...]:
    """The folders that a confined app opens, with all below them.

    Raises:
        AccessError: `BEARINGS_ROOTS` lists something that is no absolute path.
    """
    texts = filter(None, os.environ.get(ROOTS, "").split(os.pathsep))
    listed = [Path(text).expanduser() for text in texts]
    for folder in listed:
        if not folder.is_absolute():
            raise AccessError(
                f"{ROOTS} lists {folder}, which is no absolute path: nothing is opened until this "
                "is mended and the app is started again"
            )
    return (workspace().root, *listed)


def opened(path: Path) -> Path:
    """Return a path that the app may open; a relative one is seen from the workspace.

    Links are followed, and one that leads out of the roots is refused. What is refused is refused
    by the same sentence whether it exists or not.

    Raises:
        AccessError: The app does not open it.
    """
    confined, named = is_confined(), path
    if not confined:
        # The home of a user who does not exist cannot be; its reader says that there is no folder.
        with suppress(RuntimeError):
            path = path.expanduser()
    path = workspace().root / path
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError):
        # No path of this system, which its reader says; a confined app does not.
        if confined:
            raise _refused(named) from None
        return path
    if confined and not (_lies_in(path, real, roots()) and _is_shown(path)):
        raise _refused(named)
    if any(map(real.is_relative_to, _SYSTEM)) and not real.is_relative_to(_MEMORY):
        raise AccessError(
            f"{shortened(str(named))} belongs to the system and is never opened: choose another"
        )
    return path


def is_opened(path: Path) -> bool:
    """Whether the app may open a path."""
    try:
        opened(path)
    except AccessError:
        return False
    return True


def check_photos(photos: Iterable[str], folder: Path) -> None:
    """Refuse the photos of a data set if a link among them leads where the app opens nothing.

    Args:
        photos: Their paths.
        folder: The data set's folder.

    Raises:
        AccessError: One does.
    """
    if not is_confined():
        return
    known: dict[str, bool] = {}
    for photo in photos:
        place = os.path.dirname(photo)
        if place not in known:
            known[place] = is_opened(Path(place))
        if not known[place] or (os.path.islink(photo) and not is_opened(Path(photo))):
            raise AccessError(
                f"{folder} holds links to other folders, which this server does not follow: put "
                f"the photos there, or let whoever runs it list their folder in {ROOTS}"
            )


def check_options(config: BaseModel) -> None:
    """Refuse options of a job that name a path which the app does not open.

    A job sees a relative path from the folder in which the app was started.

    Raises:
        AccessError: As `opened`.
    """
    for text in _paths_of(config.model_dump()):
        opened(Path.cwd() / Path(text).expanduser())


def _paths_of(value: object, name: str = "") -> Iterator[str]:
    """Whatever could be a path: paths, files of weights, and texts with a separator in them."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _paths_of(each, f"{name}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _paths_of(each, name)
    elif isinstance(value, Path):
        yield str(value)
    elif isinstance(value, str) and any(option in name for option in _FILES):
        yield from {value} - {"pretrained", "random"}
    elif isinstance(value, str) and any(mark in value for mark in ("/", "\\", "~")):
        # A backbone may be local-dir:/folder.
        yield from value.split(":")


def _lies_in(path: Path, real: Path, folders: tuple[Path, ...]) -> bool:
    """Whether both a path and what its links lead to lie in one of some folders.

    The way up (`..`) is refused, because whether it passes tells which folders there are outside.
    """
    starts = {start for folder in folders for start in (folder, folder.resolve())}
    named = any(path.is_relative_to(start) for start in starts)
    return named and ".." not in path.parts and any(map(real.is_relative_to, starts))


def _is_shown(path: Path) -> bool:
    """Whether the person behind this session may see a path of the roots: a visitor the demo's."""
    if roles.person().role != "visitor":
        return True
    place = workspace()
    return any(map(path.is_relative_to, (place.demo_data, place.demo_checkpoint)))


def _refused(path: Path) -> AccessError:
    return AccessError(
        f"{shortened(str(path))} cannot be opened here: choose a folder under the workspace, or "
        f"under one that {ROOTS} lists"
    )
