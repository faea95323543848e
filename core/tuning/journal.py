"""A study's journal that survives the death of its writer at any moment.

Optuna's own file locks are files that a killed writer leaves behind; after 30 seconds they are
broken by force, which a paused writer would not survive either. Here the kernel holds the lock
(`core.locks`) and frees it with its holder. A line that a killed writer tore is cut off before the
next is written: it was never acknowledged, and Optuna would refuse to read past it.
"""

import os
from pathlib import Path

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from core.locks import Lock

# Appending takes milliseconds; on a slow disk, with hundreds of workers, it may queue.
_PATIENCE_S = 120.0


class KernelLock(JournalFileOpenLock):
    """Optuna's interface to a hold on a folder; whoever takes it finds the journal whole."""

    def __init__(self, journal: Path) -> None:
        """Lock for writers of `journal`."""
        super().__init__(str(journal), grace_period=None)
        self._journal = journal
        self._held: Lock | None = None

    def acquire(self) -> bool:
        """Wait for the lock, take it, and remove what its last holder tore."""
        self._held = Lock.take(self._journal.with_name(".journal"), _PATIENCE_S)
        cut_torn_line(self._journal)
        return True

    def release(self) -> None:
        """Give it back."""
        assert self._held is not None
        self._held.close()
        self._held = None


def open_journal(path: Path) -> JournalFileBackend:
    """Open a study's journal, making an empty one where there is none."""
    return JournalFileBackend(str(path), KernelLock(path))


def cut_torn_line(path: Path) -> int:
    """Remove what follows the last complete line; returns how many bytes that were.

    The caller holds the journal's lock: what looks torn is not still being written.
    """
    with path.open("r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        keep = end
        block = 65_536
        while keep > 0:
            start = max(0, keep - block)
            stream.seek(start)
            found = stream.read(keep - start).rfind(b"\n")
            if found >= 0:
                keep = start + found + 1
                break
            keep = start
        if keep < end:
            stream.truncate(keep)
        return end - keep
