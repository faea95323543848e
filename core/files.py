"""Files that are never seen half written: atomic replacement, JSON, tolerant JSON lines.

Every stored JSON file of Bearings is written by `write_json` and read by one of two functions:

- `read_stored(path, Schema, remedy, error)` for a file with a schema;
- `read_object(path, remedy, error)` for one without, or whose version is checked first; `checked`
  then makes an instance of the schema.

Both return None if the file is missing, which each caller words itself, and raise `error` with the
path, the cause and the remedy if it is damaged. Nobody else calls `json.loads` on a stored file.
"""

import json
import os
import platform
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import psutil
from pydantic import BaseModel, ValidationError

from core.errors import BearingsError, RunError
from core.options import in_words
from core.system import SYSTEM

Model = TypeVar("Model", bound=BaseModel)

# Names the writer, so that what a kill left behind is told from what is being written.
_TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)@(?P<host>.+)\.[a-z0-9_]{8}")


@dataclass
class NewFile:
    """A file that is being written.

    Attributes:
        stream: Where its content goes.
        path: The name that it gets once it is whole; may be set anew, within the same folder.
    """

    stream: BinaryIO
    path: Path


@contextmanager
def new_file(path: Path, *, durable: bool = True) -> Iterator[NewFile]:
    """Write a file that replaces `path` in one step when the block ends.

    A reader, or a kill, sees the old file or the new one. An error in the block leaves the old one.

    Args:
        path: The file; its folder is made if missing.
        durable: Whether file and name are on disk when the block has ended, whatever happens to
            the power. It takes milliseconds a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{_writer()}.")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            new = NewFile(stream, path)
            yield new
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        # mkstemp makes private files; a checkpoint is meant to be read by the whole group.
        os.chmod(temporary, 0o644)
        SYSTEM.replace(Path(temporary), new.path, durable=durable)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        # A full disk shows while bytes are written, when the system no longer knows whose.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `content` in one step; see `new_file`."""
    with new_file(path, durable=durable) as new:
        new.stream.write(content)


def sweep(folder: Path, name: str = "") -> None:
    """Delete what writers of this machine left behind in and under a folder when they were killed.

    The temporary file of a writer that lives is let alone.

    Args:
        folder: Where they wrote.
        name: Only what was to become the file of this name, directly in the folder.
    """
    for path in folder.glob(f".{name}.*") if name else folder.rglob(".*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and found["host"] == platform.node() and not psutil.pid_exists(int(found["pid"])):
            path.unlink(missing_ok=True)


def _writer() -> str:
    return f"{os.getpid()}@{platform.node()}"


def write_text(path: Path, content: str) -> None:
    """Replace `path` by UTF-8 `content` at once."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Replace `path` by `value` as indented JSON at once; NaN is refused, as JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_object(
    path: Path, remedy: str = "delete it", error: type[BearingsError] = RunError
) -> dict[str, Any] | None:
    """Read the JSON object in a file; None if there is no such file.

    Args:
        path: The file.
        remedy: What its reader should do about damage; ends the message.
        error: The class of the error that says so.

    Raises:
        error: The file cannot be read, is not JSON, or holds something else than an object.
    """
    try:
        content = json.loads(SYSTEM.patiently(path.read_bytes))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as cause:
        raise error(f"{path} is damaged ({cause}): {remedy}") from cause
    if not isinstance(content, dict):
        raise error(f"{path} is damaged (it holds no JSON object): {remedy}")
    return content


def checked(
    content: Mapping[str, Any],
    kind: type[Model],
    path: Path,
    remedy: str = "delete it",
    error: type[BearingsError] = RunError,
) -> Model:
    """Return the content that `read_object` read from a file as an instance of its schema.

    Raises:
        error: The content does not fit the schema; names the entries that do not.
    """
    try:
        return kind.model_validate(content)
    except (ValidationError, BearingsError) as cause:
        raise error(f"{path} is damaged ({in_words(cause)}): {remedy}") from cause


def read_stored(
    path: Path,
    kind: type[Model],
    remedy: str = "delete it",
    error: type[BearingsError] = RunError,
) -> Model | None:
    """Read a file that holds one object of a schema; None if there is no such file.

    Raises:
        error: The file is damaged; says where, and what to do.
    """
    content = read_object(path, remedy, error)
    return None if content is None else checked(content, kind, path, remedy, error)


def walk(
    folder: Path,
    most: int | None = None,
    refused: Callable[[Path, OSError], None] | None = None,
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield a folder and all folders below it, the nearest first, each with the files in it.

    Files and folders whose name begins with a point are passed over: they are the system's, among
    them the `._NAME` that macOS lays beside every file on foreign disks. Links are followed, a
    folder that is reached twice is read once.

    Args:
        folder: Where to begin.
        most: How many folders to read at most; None: all.
        refused: Called with each folder that cannot be read, which is passed over.

    Raises:
        OSError: A folder cannot be read, if `refused` is None.

    Yields:
        `(folder, names of its files, sorted)`.
    """
    waiting, seen = deque([folder]), set[tuple[int, int]]()
    while waiting and (most is None or len(seen) < most):
        here = waiting.popleft()
        try:
            status = here.stat()
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            if refused is None:
                raise
            refused(here, error)
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        visible = [entry for entry in entries if not entry.name.startswith(".")]
        waiting += [here / entry.name for entry in visible if entry.is_dir()]
        yield here, tuple(entry.name for entry in visible if entry.is_file())


def append_json_line(path: Path, value: dict[str, Any]) -> None:
    """Append one line of JSON; one `write` call, so that lines of two writers do not mix."""
    line = json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n"
    with path.open("a+b") as stream:
        # A writer that was killed may have left half a line: it must not swallow this one.
        if stream.seek(0, os.SEEK_END) and not _ends_line(stream):
            line = "\n" + line
        stream.write(line.encode())


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read the complete lines of a file that may be growing; lines torn by a kill are skipped."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [value for line in lines[:-1] if (value := _parsed(line)) is not None]


def _ends_line(stream: BinaryIO) -> bool:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
