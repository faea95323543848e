"""Pickers that several pages share. Each owns its state key; pages never see a key.

The layout draws the pickers of data set and model once, in the sidebar; pages read what was picked.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import streamlit as st

from app import cache
from app.access import paths
from app.widgets import messages
from app.workspace import workspace
from core.dataset.labels import Dataset
from core.errors import AccessError, BearingsError, LabelError, reason, shortened
from core.inference.known import improved_by
from core.labels import Label
from core.model.card import Card
from core.runs import report_folders

_DATASET, _CHECKPOINT, _TILES = "dataset", "checkpoint", "online_tiles"
# Prefix of the key of what the next run of the page picks.
_HANDED = "handed_"
_SPLIT, _SEED, _NEIGHBOURS = "split", "split_seed", "neighbours"
PROTOCOLS = {
    "spot": "spot: photos within a few metres stay in one part",
    "visit": "visit: photos of one walk stay in one part",
    "block": "block: ground cells are held out, with a buffer around them",
    "random": "random: stratified by region",
    "official": "official: the parts given by the folder",
    "region": "region: whole regions are held out",
}


def pick_dataset() -> None:
    """Sidebar: a folder under `data/`, or a typed path."""
    _pick_folder(
        "Data set", _DATASET, filter(paths.is_opened, workspace().datasets()),
        placeholder="Type the path of a folder",
        help="Folders under `data/`. For any other folder, type its path and press Enter.",
    )  # fmt: skip


def pick_checkpoint() -> None:
    """Sidebar: `checkpoints/*` and the best checkpoint of every run; only cards are read."""
    place = workspace()
    _pick_folder(
        "Model", _CHECKPOINT, filter(paths.is_opened, place.checkpoints()),
        placeholder="Type the path of a model",
        help="Folders under `checkpoints/`, and the best checkpoint of every run.",
        title=lambda label: _checkpoint_title(Path(label)),
    )  # fmt: skip


def _checkpoint_title(folder: Path) -> str:
    """The title of a model in the menu, which also shows a typed path that cannot be one."""
    try:
        return cache.checkpoint_title(paths.opened(folder))
    except (OSError, ValueError, AccessError):
        return shortened(folder.name)


def hand_over_checkpoint(folder: Path) -> None:
    """Let the next run pick this checkpoint: the picker of this run is drawn already."""
    _hand_over(_CHECKPOINT, folder)


def forget_checkpoints_in(folders: Sequence[Path]) -> None:
    """Let the next run pick another checkpoint, if that of a deleted folder is picked."""
    picked = checkpoint_path()
    if picked is None or not any(picked.is_relative_to(folder) for folder in folders):
        return
    others = [*filter(paths.is_opened, workspace().checkpoints())]
    # None empties the picker: nothing is left to pick.
    st.session_state[_HANDED + _CHECKPOINT] = workspace().label(others[0]) if others else None


def forget_dataset(folder: Path) -> None:
    """Let the next run pick another data set, if a deleted one is picked."""
    if dataset_path() == folder:
        others = [*filter(paths.is_opened, workspace().datasets())]
        # None empties the picker: nothing is left to pick.
        st.session_state[_HANDED + _DATASET] = workspace().label(others[0]) if others else None


def hand_over_dataset(folder: Path) -> None:
    """Let the next run pick this data set: the picker of this run is drawn already."""
    _hand_over(_DATASET, folder)


def pick_online_tiles() -> None:
    """Sidebar: whether maps load a background from another host."""
    st.toggle(
        "Online map background",
        key=_TILES,
        persist_state="session",
        help="Off: nothing leaves this machine. On: your browser loads map tiles from "
        "basemaps.cartocdn.com, and these requests reveal where your photos are.",
    )


def online_tiles() -> bool:
    """Whether the reader asked for a map background from another host."""
    return bool(st.session_state.get(_TILES, False))


def dataset_path() -> Path | None:
    """The picked data set's folder, unread; None if there is none."""
    return _picked(_DATASET)


def checkpoint_path() -> Path | None:
    """The picked checkpoint's folder, unread; None if there is none."""
    return _picked(_CHECKPOINT)


def need_dataset_path() -> Path:
    """The picked data set's folder; without one, the page says what to do and ends."""
    path = dataset_path()
    if path is None:
        messages.no_dataset()
    if not path.exists():
        raise LabelError(
            f"There is no folder {path}: choose another data set in the sidebar (» opens it)."
        )
    return path


def need_dataset() -> Dataset:
    """The picked data set; without one, the page says what to do and ends.

    Raises:
        LabelError, FrameError: It cannot be read.
    """
    return cache.dataset(need_dataset_path())


def dataset_if_readable() -> Dataset | None:
    """The picked data set; None if there is none or it cannot be read."""
    try:
        path = dataset_path()
        return cache.dataset(path) if path is not None else None
    except (BearingsError, OSError):
        return None


def need_checkpoint_path() -> Path:
    """The picked checkpoint's folder; without one, the page says what to do and ends."""
    path = checkpoint_path()
    if path is None:
        messages.no_checkpoint()
    return path


def pick_section(page: str, options: tuple[str, ...]) -> str:
    """Which part of a page is drawn; unlike tabs, the others cost nothing."""
    key = f"{page}_section"
    if st.session_state.get(key, options[0]) not in options:
        # It was chosen for another model, which predicts more.
        del st.session_state[key]
    chosen = st.segmented_control(
        "Section", options, default=options[0], required=True, key=key, bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    return str(chosen)


def pick_split() -> str:
    """Which named protocol splits the data set into training, validation and test photos."""
    return str(
        st.selectbox(
            "Split",
            tuple(PROTOCOLS),
            key=_SPLIT,
            format_func=lambda name: PROTOCOLS[name],
            persist_state="session",
        )
    )


def pick_seed() -> int:
    """The seed of a split."""
    return int(st.number_input("Seed", 0, 9999, 0, key=_SEED, persist_state="session"))


def pick_report(page: str) -> Path:
    """Folder of one of the evaluation reports of the picked checkpoint, the newest first.

    Without a report, the page says how to make one and ends.
    """
    checkpoint = need_checkpoint_path()
    folders = {folder.name: folder for folder in report_folders(checkpoint)}
    if not folders:
        messages.no_report()
    if len(folders) == 1:
        return next(iter(folders.values()))
    name = st.selectbox("Report", list(folders), key=f"{page}_report", persist_state="session")
    return folders[name]


def pick_known(card: Card, about: str) -> tuple[str | None, float | None]:
    """What the reader knows about the photos: their region, their heading in degrees.

    Only what can improve an answer of the model is offered.

    Args:
        card: The model's, for its regions.
        about: Identity of the photos and the model; the answer holds for these only.
    """
    names, region, heading = card.region_names, None, None
    labels: tuple[Label, ...] = ("region", "heading")
    helpful = [label for label in labels if improved_by(label, card.labels)]
    if not helpful:
        return None, None
    known = " or ".join(helpful)
    better = " and ".join(improved_by(helpful[0], card.labels))
    with st.expander(f"I know the {known}"):
        st.caption(f"A known {known} makes the {better} more accurate.")
        if "region" in helpful:
            region = st.selectbox(
                "Known region", card.regions, index=None,
                format_func=lambda key: names.get(key, key), placeholder="Unknown",
                key=f"known_region_{about}",
            )  # fmt: skip
        if "heading" in helpful:
            heading = st.number_input(
                "Known heading (degrees clockwise from north)", 0.0, 360.0, None, 1.0,
                key=f"known_heading_{about}", placeholder="Unknown",
            )  # fmt: skip
    return region, heading


def neighbours(most: int) -> int:
    """How many training photos to show as evidence, as `pick_neighbours` was left."""
    return min(int(st.session_state.get(_NEIGHBOURS, 6)), most)


def pick_neighbours(most: int) -> int:
    """How many training photos to show as evidence."""
    return int(
        st.slider("Training photos", 1, most, min(6, most), key=_NEIGHBOURS,
                  persist_state="session")
    )  # fmt: skip


def _pick_folder(
    label: str,
    key: str,
    folders: Iterable[Path],
    *,
    placeholder: str,
    help: str,
    title: Callable[[str], str] = str,
) -> None:
    """Draw a menu of folders by their label, which also takes a typed path."""
    if _HANDED + key in st.session_state:
        st.session_state[key] = st.session_state.pop(_HANDED + key)
    st.selectbox(
        label,
        _options(key, [workspace().label(folder) for folder in folders]),
        key=key,
        format_func=title,
        accept_new_options=True,
        placeholder=placeholder,
        help=help,
        bind="query-params",
    )


def _hand_over(key: str, folder: Path) -> None:
    st.session_state[_HANDED + key] = workspace().label(folder.resolve())


def _options(key: str, labels: list[str]) -> list[str]:
    """What a picker offers: the folders, and a path that was typed or is in the address."""
    if labels and key in st.session_state and st.session_state[key] is None:
        # The picker was empty until now, and would stay so.
        st.session_state[key] = labels[0]
    current = st.session_state.get(key) or st.query_params.get(key)
    return labels if current is None or current in labels else [*labels, current]


def _picked(key: str) -> Path | None:
    label = st.session_state.get(key)
    if not label:
        return None
    path = paths.opened(Path(label))
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # Its reader says so, and what to do.
        pass
    except (OSError, ValueError) as error:
        raise LabelError(
            f"{shortened(label)} is no path of this system ({reason(error)}): choose another in "
            "the sidebar."
        ) from error
    return path
