"""The menu of named views: filters of photos that the workspace keeps."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.access import gate
from app.selection.photo_filter import PhotoFilter
from app.widgets import messages
from app.workspace import workspace
from core.errors import BearingsError
from core.views import LONGEST_NAME, Query, change_views, read_views

_FAULT = "saved_views_fault"


def menu(page: str, made: PhotoFilter, keep: Callable[[PhotoFilter], None]) -> None:
    """Draw a menu that saves the filter under a name, and applies or deletes a saved one.

    Args:
        page: Short name of the page.
        made: The filter now.
        keep: Filters by another one from now on.
    """
    if not gate.allows("viewer"):
        return
    root, may = workspace().root, gate.allows("operator")
    views = read_views(root)
    key = f"{page}_view"
    with st.popover("Saved views"):
        if views:
            name = st.selectbox("View", list(views), index=None, key=f"{key}_name",
                                placeholder="Choose a view")  # fmt: skip
            with st.container(horizontal=True):
                st.button("Open", key=f"{key}_open", disabled=name is None, on_click=_open,
                          args=(views.get(name or "", {}), keep))  # fmt: skip
                st.button("Delete", key=f"{key}_delete", on_click=_store,
                          disabled=name is None or not may,
                          args=(root, name, None))  # fmt: skip
        else:
            st.caption("No view is saved yet.")
        st.text_input("Save the filter as", key=f"{key}_new", max_chars=LONGEST_NAME,
                      placeholder="for example: north side, far off")  # fmt: skip
        st.button("Save", key=f"{key}_save", disabled=not made or not may, on_click=_save,
                  args=(root, f"{key}_new", made.to_query()))  # fmt: skip
    if fault := st.session_state.pop(_FAULT, None):
        messages.show_error(fault)


def _open(query: Query, keep: Callable[[PhotoFilter], None]) -> None:
    made, _ = PhotoFilter.from_query(query)
    keep(made)


def _save(root: Path, key: str, query: Query) -> None:
    name = " ".join(st.session_state[key].split())
    if name:
        _store(root, name, query)
        st.session_state[key] = ""


def _store(root: Path, name: str | None, query: Query | None) -> None:
    """Change the views; keep the reason why that failed for the menu."""
    if name is None:
        return
    try:
        gate.need("operator")
        change_views(root, {name: query})
    except BearingsError as error:
        st.session_state[_FAULT] = str(error)
