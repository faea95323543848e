"""Ending a job with certainty: asked first, told next, ended last."""

import time
from pathlib import Path

from core.jobs.queue import cancel
from core.jobs.state import ACTIVE, RunState, run_state
from core.system import SYSTEM

_POLL_S = 0.1


def stop(run: Path, *, grace_s: float = 30.0, term_s: float = 10.0) -> RunState:
    """Stop a run and wait until it has stopped.

    Asks by the stop file; after `grace_s` sends the system's stop signal (SIGTERM, on Windows
    Ctrl-Break), after `term_s` more kills, each time the whole group of processes. Only ever the
    process that the run wrote down, known by its number and its start time.

    Args:
        run: Run folder.
        grace_s: Seconds for the run to notice, save and end.
        term_s: Seconds between the stop signal and the kill.

    Returns:
        How the run stands then.

    Raises:
        RunError: What the run wrote about itself is damaged.
    """
    cancel(run)
    for wait_s, end in ((grace_s, SYSTEM.request_stop), (term_s, SYSTEM.kill)):
        if _ended_within(run, wait_s):
            return run_state(run)
        now = run_state(run)
        if now.process is not None:
            end(now.process)
    _ended_within(run, term_s)
    return run_state(run)


def _ended_within(run: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while run_state(run).state in ACTIVE:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True
