"""Beside the fold at work: a heartbeat of the whole, and requests to stop passed on to the fold."""

import threading
import time
from types import TracebackType
from typing import Self

from core.training.run_folder import RunFolder
from core.training.status import HEARTBEAT_S, RunStatus, own_status

_LOOK_S = 0.25


class Overseer:
    """A thread that keeps the status of a cross-validation and watches for its `stop` file.

    A fold looks for requests in its own folder only. The thread asks again as long as the request
    stands, for a fold that is just beginning forgets earlier ones.
    """

    def __init__(self, job: RunFolder, folds: int) -> None:
        """Watch over the folds of `job`."""
        self._job = job
        self._status: RunStatus = own_status().model_copy(update={"steps": folds})
        self._fold: RunFolder | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self.tell()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop watching; nothing is written afterwards."""
        self._over.set()
        self._thread.join()

    def tell(self, **changes: object) -> None:
        """Change the status, and write it."""
        with self._lock:
            now = {"heartbeat": time.time()}
            self._status = self._status.model_copy(update=changes | now)
            self._job.write_status(self._status)

    def attend(self, fold: RunFolder | None) -> None:
        """Pass requests on to this fold from now on."""
        with self._lock:
            left, self._fold = self._fold, fold
        if left is not None:
            left.clear_stop()

    def _watch(self) -> None:
        beaten = time.monotonic()
        while not self._over.wait(_LOOK_S):
            with self._lock:
                if self._fold is not None and self._fold.path.is_dir() and self._job.stop_requested:
                    self._fold.request_stop()
            if time.monotonic() - beaten >= HEARTBEAT_S:
                beaten = time.monotonic()
                self.tell()
