"""The workers of a study on this machine: started, watched, replaced when killed, ended."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import RunError
from core.project import TUNE_PARENT, python_path
from core.training.interrupt import INTERRUPTED
from core.tuning.claim import worker_name
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig

# A worker saves within a step of being asked; the longest step is a validation.
_GRACE_S = 60.0
_TERM_S = 10.0
_POLL_S = 0.1
# Workers that were killed before they took a trial, until that is no accident any more.
_ACCIDENTS = 3


class Crew:
    """Workers as child processes; leaving the context ends those that still run.

    Attributes:
        killed: Names of workers that were killed and whose trials nobody has judged yet.
    """

    def __init__(self, folder: StudyFolder, size: int, threads: int | None) -> None:
        """Make an empty crew.

        Args:
            folder: The study.
            size: Workers at the same time, at most.
            threads: CPU threads of each; none for torch's own choice.
        """
        self.killed: list[str] = []
        self._folder, self._size, self._threads = folder, size, threads
        self._working: dict[int, subprocess.Popen[bytes]] = {}
        self._accidents = 0

    def __enter__(self) -> Self:
        """Begin without workers."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the workers; where something went wrong, ask them to stop, then make them."""
        # Those that have nothing left to do are on their way out.
        steps = [(_GRACE_S, "terminate"), (_TERM_S, "kill"), (_TERM_S, None)]
        if kind is not None and self._alive():
            self._folder.job.request_stop()
        for wait_s, act in steps:
            deadline = time.monotonic() + wait_s
            while self._alive() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            for worker in self._alive().values():
                if act is not None:
                    getattr(worker, act)()

    @property
    def names(self) -> set[str]:
        """Workers that live, as they write themselves down."""
        return {worker_name(worker.pid) for worker in self._alive().values()}

    def tend(self, idle: int, takeable: int) -> None:
        """Bury the dead, and start workers while there are trials that none is there to take.

        Args:
            idle: Workers that live and have no trial yet.
            takeable: Trials that nobody works on.

        Raises:
            RunError: A worker ended by an error of the data or the options, told in its words.
        """
        for place, worker in list(self._working.items()):
            code = worker.poll()
            if code is not None:
                del self._working[place]
                self._bury(place, worker.pid, code)
        for place in range(self._size):
            if place not in self._working and idle < takeable:
                self._working[place] = self._start(place)
                idle += 1

    def accident(self, worker: str) -> None:
        """A worker was killed without a trial.

        Raises:
            RunError: It happened before, and before that.
        """
        self._accidents += 1
        if self._accidents >= _ACCIDENTS:
            raise RunError(
                f"{_ACCIDENTS} workers were killed before they began (the last one: {worker}): "
                "perhaps memory does not suffice for as many --workers"
            )

    def _alive(self) -> dict[int, "subprocess.Popen[bytes]"]:
        return {place: each for place, each in self._working.items() if each.poll() is None}

    def _bury(self, place: int, pid: int, code: int) -> None:
        if code < 0:
            self.killed.append(worker_name(pid))
        elif code not in (0, INTERRUPTED):
            raise RunError(self._last_words(place))

    def _start(self, place: int) -> "subprocess.Popen[bytes]":
        with self._log(place).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "core", "tune", "--study", str(self._folder.path),
                 "--worker"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(place),
            )  # fmt: skip

    def _environment(self, place: int) -> dict[str, str]:
        given = os.environ
        own = {
            **python_path(),
            TUNE_PARENT: str(os.getpid()),
        }
        devices = given.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if len(devices) > 1:
            own["CUDA_VISIBLE_DEVICES"] = devices[place % len(devices)]
        if self._threads is not None and "OMP_NUM_THREADS" not in given:
            own["OMP_NUM_THREADS"] = str(self._threads)
        return {**given, **own}

    def _log(self, place: int) -> Path:
        folder = self._folder.path / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{place}.log"

    def _last_words(self, place: int) -> str:
        said = self._log(place).read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
        lines = told or [line for line in said if line.strip()]
        return lines[-1] if lines else f"a worker ended without a word; see {self._log(place)}"


def threads_each(config: TuneConfig) -> int | None:
    """CPU threads of a worker, so that several share the cores; None leaves it to torch."""
    if config.train.threads is not None or config.workers <= 1:
        return None
    return max(1, (os.cpu_count() or 1) // config.workers)
