"""Ending a job with certainty: asked first, told next, ended last."""

import os
import signal
import time
from pathlib import Path

import psutil

from core.jobs.queue import cancel
from core.jobs.state import ACTIVE, RunState, run_state

_POLL_S = 0.1


def stop(run: Path, *, grace_s: float = 30.0, term_s: float = 10.0) -> RunState:
    """Stop a run and wait until it has stopped.

    Asks by the stop file; after `grace_s` sends SIGTERM, after `term_s` more SIGKILL, to the whole
    group of processes. Only ever to the process that the run wrote down, known by its number and
    its start time.

    Args:
        run: Run folder.
        grace_s: Seconds for the run to notice, save and end.
        term_s: Seconds between SIGTERM and SIGKILL.

    Returns:
        How the run stands then.

    Raises:
        RunError: What the run wrote about itself is damaged.
    """
    cancel(run)
    for wait_s, number in ((grace_s, signal.SIGTERM), (term_s, signal.SIGKILL)):
        if _ended_within(run, wait_s):
            return run_state(run)
        now = run_state(run)
        if now.process is not None:
            _signal(now.process, number)
    _ended_within(run, term_s)
    return run_state(run)


def _ended_within(run: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while run_state(run).state in ACTIVE:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    """Signal a process with its workers; one that leads no group of its own, alone."""
    try:
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except (ProcessLookupError, psutil.NoSuchProcess):
        # It ended by itself in between.
        return
