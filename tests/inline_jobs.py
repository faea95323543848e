"""Jobs that run in the test's own process: each saves the seconds that torch takes to import."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import pytest

from core.errors import BearingsError
from core.locks import Lock
from core.project import HELD_FOLDER
from core.training.fit import fit
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig


class Inline:
    """Runs the jobs of a queue in this process, each to its end before the next is looked at.

    Attributes:
        fit: What trains; a test may put something else there.
        environments: What each job was told in its environment, by the name of its folder.
    """

    def __init__(self) -> None:
        self.fit: Callable[..., Iterator[object]] = fit
        self.environments: dict[str, dict[str, str]] = {}

    def put_in(self, patch: pytest.MonkeyPatch) -> Self:
        """Have jobs run here, and conductors look for their end without a pause."""
        patch.setattr("core.jobs.runner.start_command", self.start)
        for conductor in ("core.tuning.study", "core.crossval.run", "core.jobs.conductor"):
            patch.setattr(f"{conductor}._POLL_S", 0.01)
        return self

    def start(
        self,
        words: Sequence[str],
        options: Mapping[str, Any],
        lock: Lock,
        log: IO[bytes],
        told: Mapping[str, str],
        cwd: Path,
    ) -> "subprocess.Popen[bytes]":
        """Stands in for `core.jobs.runner.start_command`."""
        folder = lock.folder
        self.environments[folder.name] = dict(told)
        assert lock.handle is not None
        # The job closes its handle, and the runner closes its own.
        handed = {HELD_FOLDER: f"{os.dup(lock.handle)}:{folder}"}
        process = subprocess.Popen(["true"])
        code = 0
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**told, **handed}.items():
                patch.setenv(name, value)
            try:
                resume = "--resume" in words
                config = RunFolder(path=folder).config() if resume else TrainConfig(**options)
                for _ in self.fit(config, resume):
                    pass
            except (BearingsError, RuntimeError, MemoryError, KeyboardInterrupt):
                code = 1

        def poll() -> int:
            process.wait()
            return code

        # Until then it is a zombie, which is no living process.
        process.poll = poll  # type: ignore[method-assign]
        return process
