"""Exclusive holds on folders, which the kernel frees whatever way their holder dies.

A hold is a lock on `FOLDER/.lock` (see `core.system`). It belongs to the open file, not to a
process: a starter that passes its handle to a child leaves no moment in which the folder is free,
and the hold ends with the last process that has it. No lock is ever stale, so none is ever broken
by force.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.errors import RunError
from core.project import HELD_FOLDER
from core.system import SYSTEM

LOCK = ".lock"
# Names the handle that a child was handed, and the folder that it holds.
# Stands in place of a handle for a process that no handle can reach.
_ELSEWHERE = "elsewhere"
# Whoever asks `is_held` holds the folder for microseconds; that must not fail a start.
_PATIENCE_S = 1.0
_POLL_S = 0.01


class LockHeld(RunError):  # noqa: N818 - that a folder is in use is no error of its holder
    """Another process holds the folder."""


@dataclass(frozen=True)
class Lock:
    """A hold on a folder.

    Attributes:
        folder: What is held.
        handle: What holds it, None if another process keeps the hold for this one; a child that
            is started with `handles` and `environment()` takes the hold over.
        handed: Whether the starter of this process took it, and handed it on.
    """

    folder: Path
    handle: int | None
    handed: bool = False

    @classmethod
    def take(cls, folder: Path, patience_s: float = _PATIENCE_S) -> Self:
        """Hold a folder, which is made where it is missing.

        Raises:
            LockHeld: Another process holds it, and does so longer than `patience_s`.
        """
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + patience_s
        while (handle := SYSTEM.lock(folder / LOCK)) is None:
            if time.monotonic() >= deadline:
                raise LockHeld(f"{folder} is in use by another process: stop that one first")
            time.sleep(_POLL_S)
        return cls(folder, handle)

    @property
    def handles(self) -> tuple[int, ...]:
        """The handles that a child must inherit to take this hold over."""
        return () if self.handle is None else (self.handle,)

    def environment(self) -> dict[str, str]:
        """What a child's environment must contain for its `hold` to take this hold over."""
        return {HELD_FOLDER: f"{_ELSEWHERE if self.handle is None else self.handle}:{self.folder}"}

    def close(self) -> None:
        """Give this process's hold up; a child that was handed it keeps its own."""
        if self.handle is not None:
            SYSTEM.close(self.handle)


def held_elsewhere(folder: Path) -> dict[str, str]:
    """What the environment of a process on a cluster must say of a folder that is held for it.

    Its `hold` then asks nothing of the lock, which whoever follows it keeps, maybe on another
    machine.
    """
    return {HELD_FOLDER: f"{_ELSEWHERE}:{folder}"}


@contextmanager
def hold(folder: Path) -> Iterator[Lock]:
    """Hold a folder for a block of code; takes over what the starter of this process handed on.

    Raises:
        LockHeld: Another process holds it.
    """
    lock = _handed(folder.resolve()) or Lock.take(folder)
    try:
        yield lock
    finally:
        lock.close()


def is_handed(folder: Path) -> bool:
    """Whether the starter of this process holds the folder for it, and it took nothing over yet."""
    return os.environ.get(HELD_FOLDER, "").partition(":")[2] == str(folder.resolve())


def is_held(folder: Path) -> bool:
    """Whether any process, this one included, holds the folder."""
    return SYSTEM.is_locked(folder / LOCK)


def _handed(folder: Path) -> Lock | None:
    handle, _, held = os.environ.get(HELD_FOLDER, "").partition(":")
    if not handle or Path(held) != folder:
        return None
    # Once: a child of this process must not believe that it was handed anything.
    del os.environ[HELD_FOLDER]
    if handle == _ELSEWHERE:
        return Lock(folder, None, handed=True)
    SYSTEM.keep_private(int(handle))
    return Lock(folder, int(handle), handed=True)
