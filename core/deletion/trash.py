"""Removal in one step: a file or folder gets a hidden name, which no list shows, then it goes.

A kill in between leaves nothing half deleted to be seen; `sweep_trash` removes what it left.
"""

import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from core.system import SYSTEM

# Nobody else gives files such names: what has one is removed.
_TRASH = ".bearings-deleted-"


def put_aside(path: Path) -> Path:
    """Give a file or folder a hidden name beside its own; returns its path then."""
    names = (path.with_name(f"{_TRASH}{path.name}-{number}") for number in count(1))
    trash = next(name for name in names if not name.exists())
    SYSTEM.replace(path, trash)
    return trash


def sweep_trash(parents: Iterable[Path]) -> None:
    """Remove all that was put aside in some folders, by whatever deletion; folders may be absent.

    Raises:
        OSError: Something cannot be removed.
    """
    for left in [path for parent in parents for path in parent.glob(f"{_TRASH}*")]:
        try:
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
        except FileNotFoundError:
            # Another process sweeps here, too.
            continue
