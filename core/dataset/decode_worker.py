"""Strangers' photos decoded in a process of their own, which is bounded and replaced if it dies.

The limits in `core/dataset/decode.py` refuse what is known to take long. What nobody thought of, a
file that ends, fills or stalls its decoder, costs its own photo here and nothing else: the next one
gets another process. One process decodes for a whole server, one photo at a time and in order of
arrival. It starts with the first photo and ends with the server, whose end closes its input.

    request   JSON in one line: what to do, and the number of bytes that follow; then these bytes
    answer    JSON in one line: an error, or a result and the shape of the pixels, and whether it is
              the last of its process; then the pixels

Neither side unpickles anything: a decoder that a file took over can answer wrong pixels, but runs
no code in the server.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from math import prod
from typing import IO, Any

import numpy as np
import psutil
from pydantic import TypeAdapter

from core.dataset.decode import Pixels, decode_display, decode_photo
from core.dataset.exif import PhotoExif, read_exif
from core.errors import FAULTS, ImageError, reason
from core.project import PROJECT, python_path
from core.system import SYSTEM

MEMORY_BYTES = 2_500_000_000
"""Address space of the process; the largest photos that are read take up to 1.9 GB of it."""
CPU_S = 20
"""Processor seconds of one photo; the largest ones take 6."""
WALL_S = 60.0
"""Seconds of one photo: for a stalled decoder, and systems that limit no processor seconds."""
IDLE_BYTES = 200_000_000
"""Resident memory above which a process is replaced, as decoders keep some of what they took."""
_EXIF = TypeAdapter(PhotoExif)
_LONGEST_LINE = 100_000
_SAVE_AGAIN = "save it again as JPEG"
# With more threads one photo is decoded no faster, and each takes address space.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class DecodeWorker:
    """A process that decodes photos; safe from any thread."""

    def __init__(self, command: Sequence[str] = (), *, wall_s: float = WALL_S) -> None:
        """Start nothing yet.

        Args:
            command: Starts a process that runs `main`; this module by default.
            wall_s: Seconds after which a process that has not answered is ended.
        """
        self._command = [*command] or [sys.executable, "-m", "core.dataset.decode_worker"]
        self._wall_s = wall_s
        self._process: subprocess.Popen[bytes] | None = None
        self._line: deque[object] = deque()
        self._moved = threading.Condition()

    @property
    def pid(self) -> int | None:
        """The number of the process; None if there is none at present."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def photo(self, content: bytes, *, size: int, name: str) -> tuple[Pixels, float]:
        """Decode a photo as `decode_photo` does.

        Raises:
            ImageError: As there; or the photo ended its process, or takes too long.
        """
        kept, pixels = self._ask("photo", size, name, content)
        if pixels.shape != (size, size, 3) or not isinstance(kept, float):
            raise ImageError(f"{name} cannot be read: its pixels have the shape {pixels.shape}")
        return pixels, kept

    def display(self, content: bytes, *, max_side: int, name: str) -> Pixels:
        """Decode a photo for the eye as `decode_display` does.

        Raises:
            ImageError: As `photo`.
        """
        _, pixels = self._ask("display", max_side, name, content)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or max(pixels.shape[:2]) > max_side:
            raise ImageError(f"{name} cannot be read: its pixels have the shape {pixels.shape}")
        return pixels

    def exif(self, content: bytes, *, name: str) -> PhotoExif:
        """Read the metadata of a photo as `read_exif` does.

        Raises:
            ImageError: As `photo`.
        """
        fields, _ = self._ask("exif", 0, name, content)
        try:
            return _EXIF.validate_python(fields)
        except ValueError as error:
            raise ImageError(f"{name} cannot be read: its metadata are impossible") from error

    def close(self) -> None:
        """End the process, if there is one; the next photo starts another."""
        with self._turn():
            self._discard()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for all who came before; behind a mere lock somebody could wait for ever."""
        ticket = object()
        with self._moved:
            self._line.append(ticket)
            self._moved.wait_for(lambda: self._line[0] is ticket)
        try:
            yield
        finally:
            with self._moved:
                self._line.popleft()
                self._moved.notify_all()

    def _ask(self, act: str, side: int, name: str, content: bytes) -> tuple[Any, Pixels]:
        """Return the result and the pixels for one photo."""
        asked = {"act": act, "side": side, "name": name, "bytes": len(content)}
        with self._turn():
            process = self._running(name)
            late = threading.Event()
            timer = threading.Timer(self._wall_s, _end, (process, late))
            timer.daemon = True
            timer.start()
            try:
                answer, pixels = _exchange(process, asked, content)
            except FAULTS as error:
                # Also an answer that is none: whatever wrote it is not trusted with another photo.
                raise ImageError(f"{name} cannot be read: {self._fault(late)}") from error
            finally:
                timer.cancel()
                timer.join()
            if late.is_set() or answer.get("last", True):
                self._discard()
        if "error" in answer:
            raise ImageError(str(answer["error"]))
        return answer["result"], pixels

    def _running(self, name: str) -> "subprocess.Popen[bytes]":
        """The process, started if there is none."""
        if self._process is None or self._process.poll() is not None:
            self._discard()
            try:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    # Decoders written in C print what they think of a file there.
                    stderr=subprocess.DEVNULL,
                    cwd=PROJECT, env={**os.environ, **python_path(), **_ONE_THREAD},
                )  # fmt: skip
            except OSError as error:
                raise ImageError(
                    f"{name} cannot be read: no process can be started to decode it "
                    f"({reason(error)}); free memory on the server, and try again"
                ) from error
        return self._process

    def _fault(self, late: threading.Event) -> str:
        """End a process that did not answer, and say what the photo did to it."""
        code = self._discard()
        if late.is_set() or code == -getattr(signal, "SIGXCPU", 0):
            return f"decoding it takes too long, so it was stopped; {_SAVE_AGAIN}"
        return f"its decoder crashed on it; {_SAVE_AGAIN}"

    def _discard(self) -> int:
        """End the process, if there is one, and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        # What was not sent whole is sent when a pipe is closed, if anybody is there to read.
        with suppress(OSError):
            process.stdin.close()
        process.kill()
        return process.wait()


@cache
def worker() -> DecodeWorker:
    """The one worker of this process, which starts with its first photo."""
    return DecodeWorker()


def _end(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _exchange(
    process: "subprocess.Popen[bytes]", asked: dict[str, Any], content: bytes
) -> tuple[dict[str, Any], Pixels]:
    assert process.stdin is not None
    assert process.stdout is not None
    _write(process.stdin, asked, content)
    answer = _line(process.stdout)
    if answer is None:
        raise EOFError("the process ended")
    shape = [int(side) for side in answer["shape"]]
    size = prod(shape)
    if not 0 <= size <= 3 * asked["side"] ** 2 or not {"error", "result"} & set(answer):
        raise ValueError("the process answers what was not asked")
    return answer, np.frombuffer(_bytes(process.stdout, size), np.uint8).reshape(shape)


def _write(stream: IO[bytes], line: dict[str, Any], content: bytes) -> None:
    stream.write(json.dumps(line).encode() + b"\n")
    stream.write(content)
    stream.flush()


def _line(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next line; None at the end of the stream."""
    line = stream.readline(_LONGEST_LINE)
    return None if not line else dict(json.loads(line))


def _bytes(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise EOFError("the stream ended early")
    return content


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until their stream ends."""
    while (asked := _line(requests)) is not None:
        content = _bytes(requests, asked["bytes"])
        SYSTEM.limit("CPU", int(time.process_time()) + 1 + CPU_S)
        answer, pixels = _decoded(asked["act"], asked["side"], asked["name"], content)
        last = psutil.Process().memory_info().rss > IDLE_BYTES
        _write(answers, {**answer, "last": last}, pixels)


def _decoded(act: str, side: int, name: str, content: bytes) -> tuple[dict[str, Any], bytes]:
    """The answer to one request, and its pixels."""
    try:
        if act == "photo":
            pixels, kept = decode_photo(content, size=side, name=name)
            return {"result": kept, "shape": pixels.shape}, pixels.tobytes()
        if act == "display":
            pixels = decode_display(content, max_side=side, name=name)
            return {"result": None, "shape": pixels.shape}, pixels.tobytes()
        return {"result": asdict(read_exif(content, name=name)), "shape": [0]}, b""
    except ImageError as error:
        return {"error": str(error), "shape": [0]}, b""
    except FAULTS as error:
        return {"error": f"{name} cannot be read: {reason(error)}", "shape": [0]}, b""


def main() -> None:
    """Decode what comes in by the standard input, within limits."""
    # What a decoder prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    SYSTEM.limit("AS", MEMORY_BYTES)
    SYSTEM.limit("CORE", 0)
    # No file is written; pipes are no files.
    SYSTEM.limit("FSIZE", 0)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
