"""The button that deletes runs, and the dialog that names what goes with them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from app import cache
from app.access import gate
from app.widgets import messages, pickers
from app.wording import size
from core.jobs.delete import contents_of, delete_runs


def offer(paths: Sequence[Path], key: str) -> None:
    """Draw a button that asks before it deletes runs, cross-validations, studies or models.

    Args:
        paths: Their folders; without any, nothing is drawn.
        key: Prefix of the state keys.
    """
    if not paths or not gate.allows("operator"):
        return
    opened = f"{key}_deleting"
    st.button(
        "Delete …", key=f"{key}_delete", help="Names what goes, and asks",
        on_click=_open, args=(opened, tuple(paths)),
    )  # fmt: skip
    if st.session_state.get(opened) == tuple(paths):
        close = partial(_open, opened, None)
        st.dialog("Delete for good?", on_dismiss=close)(_confirm)(tuple(paths), key, close)


def _open(opened: str, paths: tuple[Path, ...] | None) -> None:
    st.session_state[opened] = paths


def _confirm(paths: tuple[Path, ...], key: str, close: Callable[[], None]) -> None:
    with messages.mendable():
        for path in paths:
            found = contents_of(path)
            st.markdown(
                f"**{messages.plain(path.name)}**: a {found.kind_title}, {found.files:,} files, "
                f"{size(found.size_bytes)}"
            )
            st.markdown("\n".join(f"- {messages.plain(part)}" for part in found.parts))
        st.caption(
            "Ensembles and exported models keep their own copies. Photos, labels and all other "
            "runs and models stay. This cannot be undone."
        )
        label = "Delete it" if len(paths) == 1 else f"Delete all {len(paths)}"
        if st.button(label, key=f"{key}_delete_now", type="primary"):
            gate.need("operator")
            delete_runs(paths)
            cache.forget_models()
            pickers.forget_checkpoints_in(paths)
            close()
            names = ", ".join(path.name for path in paths)
            messages.later(f"Deleted: {messages.plain(names)}.")
            st.rerun()
