"""Starting processes of their own: the runner of a queue, and the jobs it starts.

Each is the command line itself in a session of its own, so that no signal for its starter's group
reaches it, and it outlives its starter.
"""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from core.jobs.queue import QUEUE, queue_of
from core.locks import Lock, is_held
from core.project import PROJECT, python_path
from core.system import SYSTEM, Process

RUNNER_LOG = "runner.log"


def ensure_runner(root: Path) -> None:
    """Start a runner for a folder of runs unless nothing waits there or one is at work.

    Safe to call at any time, by anyone: of two runners that start at once, one ends at once.
    """
    root = root.resolve()
    place = root / QUEUE
    if not queue_of(root) or is_held(place):
        return
    place.mkdir(exist_ok=True)
    with SYSTEM.open_log(place / RUNNER_LOG) as log:
        runner = _command(["queue", "run", str(root)], {}, log, subprocess.DEVNULL)
    # Collects the exit code, so that no zombie stays behind in a server that lives for weeks.
    threading.Thread(target=runner.wait, daemon=True).start()


def start_command(
    words: Sequence[str],
    options: Mapping[str, Any],
    lock: Lock,
    log: IO[bytes],
    environment: Mapping[str, str],
    cwd: Path = PROJECT,
) -> Process:
    """Start a command of the command line as the new owner of a held folder.

    Args:
        words: What follows `python -m core`.
        options: Given to it as `--config -`, where there are any.
        lock: The hold that it takes over; the caller closes its own.
        log: Gets what it says.
        environment: What it must be told beside what this process was.
        cwd: Folder that it works in; the project's where this one is gone.
    """
    told = {**environment, **lock.environment()}
    place = cwd if cwd.is_dir() else PROJECT
    if not options:
        process = _command(words, told, log, subprocess.DEVNULL, lock.handles, place)
    else:
        # A file without a name, not a pipe: all of it is there before the process is, whenever
        # this one dies.
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(options).encode())
            file.seek(0)
            process = _command([*words, "--config", "-"], told, log, file, lock.handles, place)
    # The app must stay quick on a machine whose cores a job uses up.
    SYSTEM.lower_priority(psutil.Process(process.pid))
    return process


def _command(
    words: Sequence[str],
    environment: Mapping[str, str],
    log: IO[bytes],
    stdin: int | IO[bytes],
    handles: tuple[int, ...] = (),
    cwd: Path = PROJECT,
) -> Process:
    python, python_needs = SYSTEM.python()
    inherited = os.environ | {
        **python_path(),
        **python_needs,
        "PYTHONUNBUFFERED": "1",
        # Logs are read as UTF-8, whatever the language of the machine.
        "PYTHONIOENCODING": "utf-8",
        # Waiting threads must not spin on the cores that the app answers with.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return SYSTEM.start(
        [python, "-m", "core", *words],
        stdin=stdin,
        output=log,
        environment={**inherited, **environment},
        cwd=cwd,
        handles=handles,
    )
