"""Launching a run as a process of its own, which survives the tab and the server.

The process is the command line itself, in a session of its own: no signal for the server's group
reaches it. It reads its options from a pipe, so that the run folder is its alone to write.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.errors import RunError
from core.jobs.record import LaunchRecord
from core.jobs.state import ACTIVE, run_state
from core.jobs.summary import is_run
from core.training.run_folder import RunFolder, check_free
from core.training.schema import TrainConfig

PROJECT = Path(__file__).resolve().parents[2]
# The app must stay quick on a machine whose cores the run uses up.
_NICENESS = 5
_LOWEST = 19


def launch(config: TrainConfig) -> Path:
    """Start a new run in `config.run` and return its folder at once.

    Raises:
        RunError: The folder holds a run or other things, or another launch is under way.
    """
    run = config.run.resolve()
    with _launching(run):
        _refuse_active(run)
        check_free(run)
        config = config.model_copy(update={"run": run, "dataset": config.dataset.resolve()})
        return _start(run, ["--config", "-"], config.model_dump_json())


def resume(run: Path) -> Path:
    """Go on with a run that was cancelled, failed or lost; returns its folder at once.

    Raises:
        RunError: There is no run, it is finished, or it is running.
    """
    run = run.resolve()
    RunFolder(path=run).config()
    with _launching(run):
        _refuse_active(run)
        if run_state(run).state == "finished":
            raise RunError(f"run {run} is finished: there is nothing to resume")
        return _start(run, ["--run", str(run), "--resume"], "")


def _refuse_active(run: Path) -> None:
    if is_run(run):
        now = run_state(run)
        if now.state in ACTIVE and now.process is not None:
            raise RunError(
                f"run {run} is {now.state} as process {now.process.pid}: stop it first, or "
                "choose another name"
            )


@contextmanager
def _launching(run: Path) -> Iterator[None]:
    """Let one launch at a time into a run folder."""
    if run.exists() and not run.is_dir():
        raise RunError(f"{run} is a file: choose another name for the run")
    run.mkdir(parents=True, exist_ok=True)
    lock = run / ".launching"
    try:
        lock.touch(exist_ok=False)
    except FileExistsError as error:
        raise RunError(
            f"run {run} is being launched; if that was long ago, delete {lock}"
        ) from error
    try:
        yield
    finally:
        lock.unlink()


def _start(run: Path, arguments: list[str], options: str) -> Path:
    environment = os.environ | {
        # `-m core` must find the project from whatever folder the server was started in.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        # Waiting threads must not spin on the cores that the app answers with.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    with RunFolder(path=run).log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core", "train", *arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    LaunchRecord.of(process.pid).write(run)
    child = psutil.Process(process.pid)
    child.nice(min(_LOWEST, child.nice() + _NICENESS))
    _hand_over(process, options)
    # Collects the exit code, so that no zombie stays behind in a server that lives for weeks.
    threading.Thread(target=process.wait, daemon=True).start()
    return run


def _hand_over(process: "subprocess.Popen[bytes]", options: str) -> None:
    """Write the options before returning: the launcher may end at once, and they fit the pipe."""
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            pipe.write(options.encode())
    except BrokenPipeError:
        # It died first; its state and its log say why.
        return
