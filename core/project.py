"""Where the code lies, and the environment variables that Bearings and its processes share."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

WORKSPACE = "BEARINGS_WORKSPACE"
"""Folder of the app's data sets, runs and models; set by the user."""
ROOTS = "BEARINGS_ROOTS"
"""Further folders that a shared app opens, separated as in PATH; if set, also empty, no others."""
RESUME = "BEARINGS_RESUME"
"""Set to `no` by the operator, jobs that were killed with their queue wait for a user."""
HELD_FOLDER = "BEARINGS_HELD_FOLDER"
"""Run folder whose lock a process was handed by the one that started it."""
RAY_WORKERS = "BEARINGS_RAY_WORKERS"
"""Number of workers of the Ray Train job that a process belongs to."""
CLUSTER_TASK = "BEARINGS_JOB"
"""What a process on a Ray cluster is to run, as JSON."""
CLUSTER_PYTHON = "BEARINGS_PYTHON"
"""Interpreter that a Ray cluster falls back to."""
CONDUCTOR = "BEARINGS_CONDUCTOR"
"""Folder of the job that a process is part of: a fold's cross-validation, a trial's study."""


def workspace_root() -> Path:
    """The folder of data sets, runs and models that `BEARINGS_WORKSPACE` names; else the code's."""
    return Path(os.environ.get(WORKSPACE) or PROJECT).resolve()


def python_path() -> dict[str, str]:
    """The environment in which `python -m core` finds this code, before whatever else is there."""
    here = [str(PROJECT), os.environ.get("PYTHONPATH")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, here))}
