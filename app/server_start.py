"""What a server does once, as it opens its first page: it goes on where the last one was killed.

Streamlit offers no hook before that. It is the server's own doing, so no person is asked for: jobs
that were lost with their queue were an operator's, who says no by `BEARINGS_RESUME=no`.
"""

import logging
import threading
from pathlib import Path

from streamlit import runtime

from app.workspace import Workspace
from core.deletion.trash import sweep_trash
from core.errors import BearingsError
from core.jobs.runner import ensure_runner
from core.system import SYSTEM

_begun: set[Path] = set()
_lock = threading.Lock()


def begin(place: Workspace) -> None:
    """Continue a workspace in a thread, the first time in this server; other calls cost nothing."""
    with _lock:
        if place.root in _begun or not runtime.exists():
            return
        _begun.add(place.root)
    # The threads of sessions are still few.
    SYSTEM.bound_free_memory()
    threading.Thread(target=resume, args=(place,), name="server start", daemon=True).start()


def resume(place: Workspace) -> None:
    """Start a runner for jobs that wait or were lost with theirs; remove what deletions left."""
    try:
        if place.runs.is_dir():
            ensure_runner(place.runs)
        sweep_trash([place.data, place.runs, place.root / "checkpoints", place.layouts])
    except (BearingsError, OSError) as error:
        # Pages say what is wrong with the folders that they show.
        logging.getLogger(__name__).warning("what was left could not be continued: %s", error)
