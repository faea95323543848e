"""Where the code lies, for processes that must find it whatever folder they are started in."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def python_path() -> dict[str, str]:
    """The environment in which `python -m core` finds this code, before whatever else is there."""
    here = [str(PROJECT), os.environ.get("PYTHONPATH")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, here))}
