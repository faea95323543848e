"""Programs of Python that are forked from the test's own process.

Each is a real process with its own number, session, locks, environment and files, and what it
starts is forked too. Only the import of torch is left out, which takes longer than all that a tiny
job does. That `python -m core` starts as a program is proved by tests that fork nothing.

`python -m tests.forked FOLDER MODULE WORDS` does the same without the files, threads and loops of
the tests: a program whose processes are forks of it.
"""

import faulthandler
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any, Self

import cv2
import psutil
import pytest

PACKAGES = ("core", "benchmarks", "tests")
# It bounds its own memory, which a fork shares with the tests.
NEVER_FORKED = ("core.dataset.decode_worker",)
_Popen = subprocess.Popen


class Forks:
    """Starts modules of this project as forks of this process, and lists those that live.

    Attributes:
        folder: Holds a file for each process, named by its number.
    """

    def __init__(self, folder: Path) -> None:
        # What a job imports late is imported once, here.
        import pi_heif  # noqa: F401
        import pyproj  # noqa: F401
        import scipy.stats  # noqa: F401
        import sklearn.cluster
        import sklearn.metrics  # noqa: F401

        import core.__main__
        import core.crossval.run
        import core.training.fit
        import core.tuning.study  # noqa: F401

        self.folder = folder
        folder.mkdir()

    def put_in(self, patch: pytest.MonkeyPatch) -> Self:
        """Fork `python -m core` wherever it is started, also by the forks."""
        forks = self

        class Popen(_Popen):  # type: ignore[type-arg]
            def __init__(self, command: Any, *given: Any, **options: Any) -> None:  # noqa: ANN401
                start, module = list(command)[:2], "".join(map(str, list(command)[2:3]))
                forked = module.split(".")[0] in PACKAGES and module not in NEVER_FORKED
                if start == [sys.executable, "-m"] and forked:
                    words = tuple(map(str, command[3:]))
                    options = forks.options(lambda: _run(module, words), words, options)
                super().__init__(command, *given, **options)

        patch.setattr(subprocess, "Popen", Popen)
        # A tiny job ends between two looks; the forks look as often.
        for conductor in ("core.jobs.runner", "core.tuning.study", "core.crossval.run"):
            patch.setattr(f"{conductor}._POLL_S", 0.1)
        # The kernel shows the arguments of pytest for a fork.
        patch.setattr("core.jobs.devices.is_command", self._is_command)
        return self

    def call(
        self,
        act: Callable[[], int | None],
        words: tuple[str, ...] = (),
        **options: Any,  # noqa: ANN401
    ) -> "subprocess.Popen[bytes]":
        """Start a process that calls a function and ends with the code that this returns.

        Args:
            act: What the process does.
            words: The command that the process stands for, see `living`.
            options: Those of `subprocess.Popen`.
        """
        return _Popen([sys.executable, "-m", "core"], **self.options(act, words, options))

    def options(
        self, act: Callable[[], int | None], words: tuple[str, ...], options: dict[str, Any]
    ) -> dict[str, Any]:
        """Options of `Popen` for a process that calls a function in place of a program."""
        environment = dict(options.get("env") or os.environ)
        keep = set(options.get("pass_fds", ()))
        # No thread lives on in a fork, which would wait for those of OpenCV for ever; no other
        # number ends them at once.
        cv2.setNumThreads(1)
        # Newer Pythons warn of any fork of a process with threads.
        warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
        # Called when the files, the folder and the session of the child are set up. It never
        # returns, so that no program is executed.
        return options | {"preexec_fn": lambda: self._become(act, words, environment, keep)}

    def living(self) -> dict[psutil.Process, list[str]]:
        """Living processes, each with its command and arguments."""
        found = {}
        for path in self.folder.glob("[0-9]*"):
            with suppress(psutil.Error):
                process = psutil.Process(int(path.name))
                # Numbers are used again.
                if process.create_time() <= path.stat().st_mtime + 1.0:
                    found[process] = json.loads(path.read_text())
        # A look at many takes a while: only those count that live at its end.
        return {process: words for process, words in found.items() if _lives(process)}

    def _is_command(self, process: psutil.Process) -> bool:
        return process.is_running() and (self.folder / str(process.pid)).exists()

    def _become(
        self,
        act: Callable[[], int | None],
        words: tuple[str, ...],
        environment: Mapping[str, str],
        keep: set[int],
    ) -> None:
        """Turn this fork into a process as Python starts one, call the function, and end."""
        code = 1
        try:
            # What the tests left is not collected here: with it went files that have its numbers.
            gc.freeze()
            # Before the files are closed: with one of them the starter waits until it may look.
            written = self.folder / f".{os.getpid()}"
            written.write_text(json.dumps(words))
            written.rename(self.folder / str(os.getpid()))
            _forget_the_test(keep)
            os.environ.clear()
            os.environ.update(environment)
            code = act() or 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)


def _run(module: str, words: tuple[str, ...]) -> int:
    """Do what `python -m MODULE WORDS` does."""
    package = importlib.import_module(module)
    program = (
        importlib.import_module(f"{module}.__main__") if hasattr(package, "__path__") else package
    )
    sys.argv = [str(program.__file__), *words]
    return int(program.main(list(words)))


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _forget_the_test(keep: set[int]) -> None:
    """Close the files of the test, and undo what pytest changed in this process."""
    for name in os.listdir("/dev/fd"):
        number = int(name)
        if number > 2 and number not in keep:
            with suppress(OSError):
                os.close(number)
    faulthandler.disable()
    # An event loop of the tests is told of signals by a file, whose number another one gets here.
    signal.set_wakeup_fd(-1)
    # So are helpers of multiprocessing, which this process must start itself.
    for helper in (resource_tracker._resource_tracker, forkserver._forkserver):
        helper.__init__()  # type: ignore[misc]
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)
    warnings.resetwarnings()


if __name__ == "__main__":
    Forks(Path(sys.argv[1])).put_in(pytest.MonkeyPatch())
    sys.exit(_run(sys.argv[2], tuple(sys.argv[3:])))
