"""Files that are never seen half written: atomic replacement, JSON, tolerant JSON lines."""

import json
import os
import platform
import re
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import psutil
from pydantic import BaseModel, ValidationError

from core.errors import RunError

Model = TypeVar("Model", bound=BaseModel)

# Names the writer, so that what a kill left behind is told from what is being written.
_TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)@(?P<host>.+)\.[a-z0-9_]{8}")


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` at once: a reader, or a kill, sees the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{_writer()}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; a checkpoint is meant to be read by the whole group.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Delete what writers of this machine left behind in and under a folder when they were killed.

    The temporary file of a writer that lives is let alone.
    """
    for path in folder.rglob(".*"):
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


def read_stored(path: Path, kind: type[Model], mend: str = "delete it") -> Model | None:
    """Read a file that holds one object as JSON; None where there is no such file.

    Raises:
        RunError: It is damaged; says how, and what to do.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise RunError(f"{path} is damaged ({error}): {mend}") from error


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
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
