"""Exclusive holds on folders, which the kernel frees whatever way their holder dies.

A hold is an `flock` on `FOLDER/.lock`. It belongs to the open file, not to a process: a starter
that hands its descriptor to a child leaves no moment in which the folder is free, and the hold ends
with the last process that has it. No lock is ever stale, so none is ever broken by force.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.errors import RunError

LOCK = ".lock"
# Names the descriptor that a child was handed, and the folder that it holds.
_HANDED = "BEARINGS_HELD_FOLDER"
# Said in place of a descriptor to a process that no descriptor can reach.
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
        fd: The descriptor that holds it; hand it to a child with `pass_fds` and `environment()`.
        handed: Whether the starter of this process took it, and handed it on.
    """

    folder: Path
    fd: int
    handed: bool = False

    @classmethod
    def take(cls, folder: Path, patience_s: float = _PATIENCE_S) -> Self:
        """Hold a folder, which is made where it is missing.

        Raises:
            LockHeld: Another process holds it, and does so longer than `patience_s`.
        """
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + patience_s
        while not _lock(fd):
            if time.monotonic() >= deadline:
                os.close(fd)
                raise LockHeld(f"{folder} is in use by another process: stop that one first")
            time.sleep(_POLL_S)
        return cls(folder, fd)

    def environment(self) -> dict[str, str]:
        """What a child's environment must say for its `hold` to take this hold over."""
        return {_HANDED: f"{self.fd}:{self.folder}"}

    def close(self) -> None:
        """Give this process's hold up; a child that was handed it keeps its own."""
        os.close(self.fd)


def held_elsewhere(folder: Path) -> dict[str, str]:
    """What the environment of a process on a cluster must say of a folder that is held for it.

    Its `hold` then asks nothing of the lock, which whoever follows it keeps, maybe on another
    machine.
    """
    return {_HANDED: f"{_ELSEWHERE}:{folder}"}


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
    return os.environ.get(_HANDED, "").partition(":")[2] == str(folder.resolve())


def is_held(folder: Path) -> bool:
    """Whether any process, this one included, holds the folder."""
    try:
        fd = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _handed(folder: Path) -> Lock | None:
    fd, _, held = os.environ.get(_HANDED, "").partition(":")
    if not fd or Path(held) != folder:
        return None
    # Once: a child of this process must not believe that it was handed anything.
    del os.environ[_HANDED]
    if fd == _ELSEWHERE:
        return Lock(folder, os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), handed=True)
    os.set_inheritable(int(fd), False)
    return Lock(folder, int(fd), handed=True)
