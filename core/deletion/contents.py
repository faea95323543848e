"""What a deletion would remove, in words, and how much that is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_MOST_NAMES = 5


@dataclass(frozen=True)
class Contents:
    """What is deleted with a run, with a checkpoint that stands alone, or of a data set.

    Attributes:
        path: Its folder.
        kind_title: What it is, in words.
        parts: What goes, in words: epochs, checkpoints, reports, decoded photos, tags.
        files: Number of files that go.
        size_bytes: Their size.
        stays: What is left, in sentences.
    """

    path: Path
    kind_title: str
    parts: tuple[str, ...]
    files: int
    size_bytes: int
    stays: tuple[str, ...] = ()


def measured(paths: Iterable[Path]) -> tuple[int, int]:
    """Number and size in bytes of some files and of all files in some folders; links count none."""
    files = [
        file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,))
        if file.is_file() and not file.is_symlink()
    ]  # fmt: skip
    return len(files), sum(file.stat().st_size for file in files)


def named(names: Sequence[str]) -> str:
    """A list of names as text: the first few, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
