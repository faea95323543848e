"""Requests to stop a study, handed on to the run at work; it notices them between two steps."""

import os
import threading
from types import TracebackType
from typing import Self

from core.training.run_folder import RunFolder
from core.tuning.folder import StudyFolder

_POLL_S = 0.3


class StopRelay:
    """A thread that watches for the study's `stop` file and for the end of the worker's parent.

    A thread, because a run at work looks at its own folder only, and for minutes at nothing else.

    Attributes:
        asked: Whether to stop.
        run: The run at work, or None between two.
    """

    def __init__(self, folder: StudyFolder, parent: int | None) -> None:
        """Watch a study; `parent` is the process whose end ends this one, if any."""
        self.asked = False
        self.run: RunFolder | None = None
        self._folder = folder
        self._parent = parent
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_POLL_S):
            orphaned = self._parent is not None and os.getppid() != self._parent
            self.asked = self.asked or orphaned or self._folder.job.stop_requested
            run = self.run
            # Again and again: a run that begins forgets what was asked of it before.
            if self.asked and run is not None and run.path.is_dir():
                run.request_stop()
