"""Every cache of the app: thin wrappers over core, keyed by path and by what the files say.

Heavy packages are imported inside the functions, so that the first page shows at once.
"""

import json
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CheckpointError

Stamp = tuple[tuple[str, int, int], ...]


def stamp(*files: Path) -> Stamp:
    """Name, time of change and size of files: a key that changes when any of them does."""
    found = [(file, file.stat()) for file in files if file.is_file()]
    return tuple((str(file), state.st_mtime_ns, state.st_size) for file, state in found)


def checkpoint_title(folder: Path) -> str:
    """How a picker names a checkpoint; a broken one is named as such, not left out."""
    return folder.name


@st.cache_data(max_entries=64, show_spinner=False)
def _json(path: Path, _key: Stamp) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
