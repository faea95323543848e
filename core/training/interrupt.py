"""Stop requests of a job, and the record of how it ended.

A stop request is Ctrl-C, SIGTERM, on Windows Ctrl-Break, or a `stop` file, noticed between steps.

Signals only raise a flag, as an exception in the middle of a step would tear the state in two. A
second Ctrl-C ends the process at once.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TypeVar

from core.errors import RunError, storage_text
from core.locks import is_held
from core.project import CONDUCTOR
from core.system import SYSTEM
from core.training.environment import train_command
from core.training.run_folder import RunFolder, State, own_status

# Exit code of a command that a stop request ended: 128 and the number of SIGINT, as shells have it.
INTERRUPTED = 130
_LOOK_S = 0.5
_T = TypeVar("_T")


class TrainingInterrupted(RunError):  # noqa: N818 - to be asked to stop is no error
    """Training stopped on request; everything is saved and the message says how to go on."""


class Interruption:
    """Context that notices stop requests.

    Attributes:
        reason: What requested the stop; None without a request.
    """

    def __init__(self, run: RunFolder) -> None:
        """Watch for stop requests to `run`."""
        self.run = run
        self.reason: str | None = None
        self._passed_on = False
        self._conductor = os.environ.get(CONDUCTOR)
        self._looked = 0.0
        self._previous: dict[int, signal.Handlers | int | None] = {}

    def __enter__(self) -> Self:
        """Take over the stop signals if Python allows it: in the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in SYSTEM.stop_signals:
                self._previous[number] = signal.getsignal(number)  # type: ignore[assignment]
                signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def wanted(self) -> bool:
        """Whether there is a stop request."""
        if self.reason is None and self.run.stop_requested:
            self.reason = "a request to stop"
        if self.reason is None and self._is_abandoned():
            self.reason = "the end of the process that conducts it"
        return self.reason is not None

    def pass_on(self, deliver: Callable[[], None]) -> None:
        """Deliver a stop request, once, to the process elsewhere that does the work of this one.

        Args:
            deliver: Called if there is a request that was not delivered yet; an error that it
                raises leaves the request undelivered.
        """
        if self.wanted() and not self._passed_on:
            deliver()
            self._passed_on = True

    def error(self, where: str) -> TrainingInterrupted:
        """The error that ends the run: what happened and how to go on."""
        return TrainingInterrupted(
            f"training stopped by {self.reason} {where}; everything is saved in {self.run.path}. "
            f"Go on with: {train_command(f'--run {self.run.path} --resume')}"
        )

    def _is_abandoned(self) -> bool:
        """Whether this job is part of another one, whose process has ended."""
        now = time.monotonic()
        if self._conductor is None or now - self._looked < _LOOK_S:
            return False
        self._looked = now
        return not is_held(Path(self._conductor))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.reason = SYSTEM.stop_signals[number]
        signal.signal(signal.SIGINT, signal.default_int_handler)


def attended(work: Callable[[], _T], watch: Callable[[int, int], None]) -> _T:
    """Do work that never looks up, such as a download, and return its result.

    Args:
        work: Done in a thread. If `watch` raises, it is left behind and ends with the process.
        watch: Called meanwhile, to keep the heartbeat and to raise on a stop request.

    Raises:
        Exception: What `work` or `watch` raised.
    """
    with ThreadPool(1) as pool:
        result = pool.apply_async(work)
        while True:
            result.wait(_LOOK_S)
            if result.ready():
                return result.get()
            watch(0, 0)


@contextmanager
def recorded(run: RunFolder) -> Iterator[None]:
    """Write `status.json` at the start and the end of a block of work: running, then how it ended.

    For every job that has a folder: a training run, a cross-validation, a study. The folder must be
    held (`core.locks.hold`), so that nobody else writes the same file.
    """
    run.write_status(own_status())
    state: State = "cancelled"
    message = "left before its end"
    try:
        yield
        state, message = "finished", ""
    except TrainingInterrupted as error:
        message = str(error)
        raise
    except GeneratorExit:
        raise
    except BaseException as error:
        words = storage_text(error) if isinstance(error, OSError) else None
        state, message = "failed", words or f"{type(error).__name__}: {error}"
        raise
    finally:
        _end(run, state, message)


def _end(run: RunFolder, state: State, message: str) -> None:
    try:
        ended = (run.status() or own_status()).model_copy(
            update={"state": state, "message": message, "heartbeat": time.time(), "eta_s": None}
        )
        run.write_status(ended)
        run.log(f"{state}{': ' if message else ''}{message}")
        run.clear_stop()
    except OSError:
        # A full disk keeps the end of the work from being written, too: its cause is what counts,
        # and the next reader sees that the process is gone.
        if state != "failed":
            raise
