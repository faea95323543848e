"""Widgets that several pages share. Each owns its state key; pages never see a key.

The pickers are drawn once, in the sidebar, by the shell; pages ask for what was picked.
"""

from pathlib import Path

import streamlit as st

from app import cached, states
from app.workspace import workspace
from core.errors import LabelError

_DATASET, _CHECKPOINT, _TILES = "dataset", "checkpoint", "online_tiles"
_SPLIT, _NEIGHBOURS = "split", "neighbours"
PROTOCOLS = {
    "spot": "spot: photos within a few metres stay together",
    "random": "random: stratified by region",
    "official": "official: as the folder says",
    "region": "region: whole regions never seen",
}


def pick_dataset() -> None:
    """Sidebar: a folder under `data/`, or a typed path."""
    place = workspace()
    st.selectbox(
        "Data set",
        [place.label(folder) for folder in place.datasets()],
        key=_DATASET,
        accept_new_options=True,
        placeholder="Type the path of a folder",
        help="Folders under `data/`. Any other folder works too: type its path, press Enter.",
        bind="query-params",
    )


def pick_checkpoint() -> None:
    """Sidebar: `checkpoints/*` and the best checkpoint of every run."""
    place = workspace()
    st.selectbox(
        "Model",
        [place.label(folder) for folder in place.checkpoints()],
        key=_CHECKPOINT,
        format_func=lambda label: cached.checkpoint_title(place.root / label),
        accept_new_options=True,
        placeholder="No model yet",
        help="Folders under `checkpoints/`, and the best state of every run.",
        bind="query-params",
    )


def pick_online_tiles() -> None:
    """Sidebar: whether maps load a background from another host."""
    st.toggle(
        "Online map background",
        key=_TILES,
        persist_state="session",
        help="Off: nothing leaves this machine. On: your browser asks basemaps.cartocdn.com for "
        "map tiles, and those requests reveal where your photos are.",
    )


def online_tiles() -> bool:
    """Whether the reader asked for a map background from another host."""
    return bool(st.session_state.get(_TILES, False))


def dataset_path() -> Path | None:
    """The picked data set's folder, unread; None where there is none."""
    return _picked(_DATASET)


def checkpoint_path() -> Path | None:
    """The picked checkpoint's folder, unread; None where there is none."""
    return _picked(_CHECKPOINT)


def need_dataset_path() -> Path:
    """The picked data set's folder; says what to do and ends the run where there is none."""
    path = dataset_path()
    if path is None:
        states.no_dataset()
    if not path.is_dir():
        raise LabelError(f"{path} is no folder: choose another data set in the sidebar")
    return path


def need_checkpoint_path() -> Path:
    """The picked checkpoint's folder; says what to do and ends the run where there is none."""
    path = checkpoint_path()
    if path is None:
        states.no_checkpoint()
    return path


def pick_split(protocols: tuple[str, ...] = tuple(PROTOCOLS)) -> str:
    """Which named protocol splits the data set into training, validation and test photos."""
    return str(
        st.selectbox(
            "Split",
            protocols,
            key=_SPLIT,
            format_func=lambda name: PROTOCOLS[name],
            persist_state="session",
        )
    )


def pick_neighbours(most: int = 12) -> int:
    """How many training photos to show as evidence."""
    return int(
        st.slider("Nearest training photos", 1, most, 6, key=_NEIGHBOURS, persist_state="session")
    )


def _picked(key: str) -> Path | None:
    label = st.session_state.get(key)
    # An absolute path replaces the root, a relative one is seen from it.
    return (workspace().root / Path(label).expanduser()) if label else None
