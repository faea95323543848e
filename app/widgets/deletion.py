"""The buttons that delete runs, models and data sets, and the dialogs that name what goes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from app import cache
from app.access import gate, paths
from app.widgets import messages, pickers
from app.wording import size
from app.workspace import workspace
from core.deletion.contents import Contents
from core.deletion.dataset import contents_of_dataset, delete_dataset, why_photos_stay
from core.deletion.runs import contents_of, delete_runs


def offer(folders: Sequence[Path], key: str) -> None:
    """Draw a button that asks before it deletes runs, cross-validations, studies or models.

    Args:
        folders: Their folders; without any, nothing is drawn.
        key: Prefix of the state keys.
    """
    _button(tuple(folders), key, _confirm_runs)


def offer_dataset(source: Path, key: str) -> None:
    """Draw a button that asks before it deletes what Bearings made of a data set, or all of it.

    Args:
        source: The data set's folder; nothing is drawn for a label file.
        key: Prefix of the state keys.
    """
    _button((source,) if source.is_dir() else (), key, _confirm_dataset)


Confirm = Callable[[tuple[Path, ...], str, Callable[[], None]], None]


def _button(folders: tuple[Path, ...], key: str, confirm: Confirm) -> None:
    if not folders or not gate.allows("operator"):
        return
    opened = f"{key}_deleting"
    st.button(
        "Delete …", key=f"{key}_delete", help="Names what goes, and asks",
        on_click=_open, args=(opened, folders),
    )  # fmt: skip
    if st.session_state.get(opened) == folders:
        close = partial(_open, opened, None)
        st.dialog("Delete for good?", on_dismiss=close)(confirm)(folders, key, close)


def _open(opened: str, folders: tuple[Path, ...] | None) -> None:
    st.session_state[opened] = folders


def _name(found: Contents) -> None:
    """Draw what goes, and what stays."""
    st.markdown(
        f"**{messages.plain(found.path.name)}**: a {found.kind_title}, {found.files:,} files, "
        f"{size(found.size_bytes)}"
    )
    st.markdown("\n".join(f"- {messages.plain(part)}" for part in found.parts))
    for sentence in found.stays:
        st.caption(messages.plain(sentence))


def _confirm_runs(folders: tuple[Path, ...], key: str, close: Callable[[], None]) -> None:
    with messages.mendable():
        for path in folders:
            _name(contents_of(path))
        st.caption(
            "Ensembles and exported models keep their own copies. Photos, labels and all other "
            "runs and models stay. This cannot be undone."
        )
        label = "Delete it" if len(folders) == 1 else f"Delete all {len(folders)}"
        if st.button(label, key=f"{key}_delete_now", type="primary"):
            gate.need("operator")
            delete_runs(folders, workspace().layouts)
            pickers.forget_checkpoints_in(folders)
            _finish(f"Deleted: {', '.join(path.name for path in folders)}.", close)


def _confirm_dataset(folders: tuple[Path, ...], key: str, close: Callable[[], None]) -> None:
    with messages.mendable():
        (root,), place = folders, workspace()
        with_photos = False
        if why := why_photos_stay(root, place.root):
            st.caption(messages.plain(f"{why[0].upper()}{why[1:]}."))
        else:
            with_photos = st.checkbox("Delete the photos and labels, too", key=f"{key}_with_photos")
        found = contents_of_dataset(root, place.root, with_photos=with_photos)
        _name(found)
        typed = root.name
        if with_photos:
            typed = st.text_input(
                "Type the name of the folder to delete its photos and labels",
                key=f"{key}_typed", placeholder=root.name,
            )  # fmt: skip
        elif not found.parts:
            st.caption("Bearings has made nothing of this data set.")
        st.caption("This cannot be undone.")
        ready = typed.strip() == root.name and bool(found.parts)
        label = "Delete photos, labels and all of this" if with_photos else "Delete this"
        if st.button(label, key=f"{key}_delete_now", type="primary", disabled=not ready):
            gate.need("operator")
            delete_dataset(paths.opened(root), place.root, with_photos=with_photos)
            if with_photos:
                pickers.forget_dataset(root)
            kept = "" if with_photos else "what was made of "
            _finish(f"Deleted: {kept}{root.name}.", close)


def _finish(words: str, close: Callable[[], None]) -> None:
    """Forget what was read, close the dialog and say what was done, on the next run."""
    cache.forget_deleted()
    close()
    messages.later(messages.plain(words))
    st.rerun()
