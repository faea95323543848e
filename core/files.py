"""Files that are never seen half written, and readers that turn any damage into one sentence.

Every stored file of Bearings is read by one of these, which refuse what is no regular file or is
too large, and raise `error` with the path, the cause and the remedy if the file is damaged:

- `read_stored(path, Schema, remedy, error)`: JSON with a schema;
- `read_object(path, remedy, error)`: JSON without one, or whose version is checked first; `checked`
  then makes an instance of the schema;
- `read_lines(path, columns, remedy, error)`: a CSV file with a fixed header;
- `read_tensors(path, load, remedy, error, digest)`: safetensors; `read_hashed` any other file that
  is named by its content;
- `read_json_lines(path)`: a journal that may be growing.

The readers of JSON and CSV return None if the file is missing, which each caller words itself.
Nobody else calls `json.loads` on a stored file. What a caller makes of the content, it makes
within `refusing`.
"""

import csv
import errno
import glob
import hashlib
import io
import json
import math
import os
import platform
import re
import shutil
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from xml.etree import ElementTree

import psutil
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError

from core.errors import FAULTS, BearingsError, RunError, reason, shortened
from core.options import in_words
from core.system import SYSTEM

Model = TypeVar("Model", bound=BaseModel)
Tensors = TypeVar("Tensors", bound=Mapping[str, Any])
# Larger files are refused before they fill the memory; parsed, they take some ten times as much.
MOST_BYTES = 200_000_000
# Nesting of the deepest stored file (polygons of regions) is 10; deeper ones end the recursion of
# whoever walks them.
_DEEPEST = 60
_LONGEST_CAUSE = 400
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

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

    The temporary file or folder of a writer that lives is let alone.

    Args:
        folder: Where they wrote.
        name: Only what was to become the file or folder of this name, directly in the folder.
    """
    for path in list(folder.glob(f".{glob.escape(name)}.*") if name else folder.rglob(".*")):
        found = _TEMPORARY.fullmatch(path.name)
        if found and found["host"] == platform.node() and not psutil.pid_exists(int(found["pid"])):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """Give a hidden folder beside `path`, which the block fills and renames to `path`.

    It is removed if the block fails. What a killed writer of the same `path` left is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.{_writer()}."))
    try:
        # mkdtemp makes private folders.
        folder.chmod(0o755)
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _writer() -> str:
    return f"{os.getpid()}@{platform.node()}"


def write_text(path: Path, content: str) -> None:
    """Replace `path` by UTF-8 `content` at once."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Replace `path` by `value` as indented JSON at once; NaN is refused, as JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_regular(path: Path, most: int | None = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file.

    A FIFO would block its reader for ever and a device never ends: both are refused.

    Args:
        path: The file.
        most: How many bytes it may have; None: any number.

    Raises:
        OSError: It cannot be read, is no regular file, or is too large.
    """

    def read() -> bytes:
        with open(path, "rb", opener=_without_waiting) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(path))
            content = stream.read() if most is None else stream.read(most + 1)
        if most is not None and len(content) > most:
            raise OSError(
                errno.EINVAL, f"it is larger than {most // 1_000_000} million bytes", str(path)
            )
        return content

    return SYSTEM.patiently(read)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a FIFO."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def refusing(
    path: Path, remedy: str = "delete it", error: type[BearingsError] = RunError
) -> Iterator[None]:
    """Turn whatever is raised while content of a file is read into the sentence of a damaged file.

    Args:
        path: The file, for the message.
        remedy: What its reader should do about damage; ends the message.
        error: The class of the error.

    Raises:
        error: Anything in the block raised one of `FAULTS` or another of Bearings' errors.
    """
    try:
        yield
    except error:
        raise
    except (BearingsError, SafetensorError, csv.Error, *FAULTS) as cause:
        known = isinstance(cause, ValidationError)
        said = shortened(in_words(cause), _LONGEST_CAUSE) if known else reason(cause)
        raise error(f"{path} is damaged ({said}): {remedy}") from cause


def read_object(
    path: Path,
    remedy: str = "delete it",
    error: type[BearingsError] = RunError,
    *,
    finite: bool = True,
) -> dict[str, Any] | None:
    """Read the JSON object in a file; None if there is no such file.

    Args:
        path: The file.
        remedy: What its reader should do about damage; ends the message.
        error: The class of the error that says so.
        finite: Whether a number that is not finite is damage; otherwise the caller looks for them.

    Raises:
        error: The file cannot be read, is not JSON, is nested too deeply, or holds something else
            than an object.
    """
    with refusing(path, remedy, error):
        try:
            raw = read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        content = parsed_json(raw, finite=finite)
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
        return content


def parsed_json(raw: bytes | str, *, finite: bool = True) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON without text that cannot be written and, if `finite`, without other numbers.

    Raises:
        ValueError, RecursionError: It is no such JSON.
    """
    try:
        content = (
            json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
            if finite
            else json.loads(raw)
        )
    except _NotFiniteError as error:
        raise ValueError(f"{_not_finite(json.loads(raw))}: {error}") from error
    if _SURROGATE.search(raw if isinstance(raw, bytes) else raw.encode()):
        # Half a pair of surrogates is text that no file and no terminal takes.
        json.dumps(content, ensure_ascii=False).encode()
    level, depth = [content], 0
    while level := [inner for value in level for inner in _inside(value)]:
        depth += 1
        if depth > _DEEPEST:
            raise RecursionError(f"it is nested more than {_DEEPEST} levels deep")
    return content


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Builds a tree, and refuses a document type, whose entities can grow without bound."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a document type, which no such file needs")


def parsed_xml(raw: bytes) -> ElementTree.Element:
    """Return the root of an XML document without a document type.

    Raises:
        ElementTree.ParseError, ValueError, RecursionError: It is no such document.
    """
    return ElementTree.fromstring(raw, ElementTree.XMLParser(target=_WithoutDoctype()))


def _inside(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _NotFiniteError(ValueError):
    pass


def _refuse_constant(name: str) -> float:
    raise _NotFiniteError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotFiniteError(f"the number {text[:20]} is too large")
    return value


def _not_finite(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Dotted name of the first number that is not finite; None if all are."""
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    named = value.items() if isinstance(value, dict) else enumerate(_inside(value))
    for name, inner in named:
        if (rest := _not_finite(inner)) is not None:
            return f"{name}.{rest}".rstrip(".")
    return None


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
    with refusing(path, remedy, error):
        return kind.model_validate(content)


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


def read_lines(
    path: Path,
    columns: tuple[str, ...],
    remedy: str = "mend it or delete it",
    error: type[BearingsError] = RunError,
) -> list[list[str]] | None:
    """Read the lines of a CSV file below its header; None if there is no such file.

    Args:
        path: The file, in UTF-8.
        columns: The header that it must have.
        remedy: What its reader should do about damage.
        error: The class of the error that says so.

    Raises:
        error: The file cannot be read, is no CSV file or has another header.
    """
    with refusing(path, remedy, error):
        try:
            raw = read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    if not lines or tuple(lines[0]) != columns:
        raise error(f"{path} needs the header {','.join(columns)}: {remedy}")
    return lines[1:]


def read_hashed(
    path: Path, remedy: str, error: type[BearingsError], digest: str | None = None
) -> bytes:
    """Read a file that is named by its content, or by a digest that another file has.

    Args:
        path: The file; without `digest`, its name is `KIND-HASH.EXTENSION`.
        remedy: What its reader should do about damage.
        error: The class of the error that says so.
        digest: SHA-256 of its content in hexadecimal.

    Raises:
        error: It is missing, cannot be read, or is another file than the one that was meant.
    """
    try:
        content = read_regular(path, None)
    except OSError as cause:
        raise error(f"{path} cannot be read ({reason(cause)}): {remedy}") from cause
    actual = hashlib.sha256(content).hexdigest()
    if digest is None and path.stem.rpartition("-")[2] != actual[:16]:
        raise error(
            f"{path} is damaged (its content does not match the hash in its name): {remedy}"
        )
    if digest is not None and digest != actual:
        raise error(
            f"{path} is not the file that was stored with its neighbours (damaged, or of another "
            f"folder): {remedy}"
        )
    return content


def read_tensors(
    path: Path,
    load: Callable[[bytes], Tensors],
    remedy: str,
    error: type[BearingsError],
    digest: str | None = None,
) -> Tensors:
    """Read a safetensors file; see `read_hashed`.

    Args:
        path: The file.
        load: Of `safetensors.torch` or `safetensors.numpy`.
        remedy: What its reader should do about damage.
        error: The class of the error that says so.
        digest: SHA-256 of its content in hexadecimal.

    Raises:
        error: It is missing, cannot be read, or is another file than the one that was meant.
    """
    content = read_hashed(path, remedy, error, digest)
    with refusing(path, remedy, error):
        return load(content)


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


def read_json_lines(path: Path, error: type[BearingsError] = RunError) -> list[dict[str, Any]]:
    """Read the complete lines of a file that may be growing; lines torn by a kill are skipped.

    Raises:
        error: The file cannot be read.
    """
    with refusing(path, "move it away", error):
        try:
            lines = read_regular(path).split(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [value for line in lines[:-1] if (value := _parsed(line)) is not None]


def _ends_line(stream: BinaryIO) -> bool:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = parsed_json(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
