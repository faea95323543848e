"""Folders that are dear to make: made once for all processes of a test session."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.locks import Lock

PATIENCE_S = 1200.0


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first process that asks fills by `make`; the others wait for it.

    Read it, never write to it: other processes read it at the same time.
    """
    own = factory.getbasetemp()
    # pytest-xdist gives each of its processes a folder in that of the session.
    session = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, made = session / f"once-{name}", session / f"once-{name}.made"
    lock = Lock.take(session / f"once-{name}.lock", PATIENCE_S)
    try:
        if not made.exists():
            # Of a process whose attempt failed.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    finally:
        lock.close()
    return folder
