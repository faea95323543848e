"""Named views: filters of photos, kept in one file of the workspace."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import streamlit as st
from pydantic import BaseModel, ConfigDict, StringConstraints

from app.access import gate
from app.selection.photo_filter import PhotoFilter
from app.widgets import messages
from app.workspace import workspace
from core.dataset.layout import STORE_FOLDER
from core.errors import BearingsError, ConfigError, storage_text
from core.files import read_stored, write_json
from core.locks import Lock

FILE = "views.json"
_MOST, _LONGEST = 100, 60
_FAULT = "saved_views_fault"
Query = dict[str, list[str]]


class SavedViews(BaseModel):
    """Content of `views.json`: query parameters of a filter by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: dict[Annotated[str, StringConstraints(max_length=_LONGEST)], Query] = {}


def read_views(root: Path) -> dict[str, Query]:
    """The saved views of a workspace by name.

    Raises:
        ConfigError: The file is damaged.
    """
    stored = read_stored(root / FILE, SavedViews, "mend or delete it", ConfigError)
    return {} if stored is None else dict(stored.views)


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
        st.text_input("Save the filter as", key=f"{key}_new", max_chars=_LONGEST,
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


def change_views(root: Path, name: str, query: Query | None) -> None:
    """Save a view of a workspace, or delete it if there is no query.

    Raises:
        ConfigError: The file is damaged, holds as many views as it may, or cannot be written.
        LockHeld: Another process has been changing views for longer than a second.
        AccessError: The person is no operator.
    """
    gate.need("operator")
    try:
        lock = Lock.take(root / STORE_FOLDER / "views")
        try:
            views = read_views(root)
            if query is not None and len(views) >= _MOST and name not in views:
                raise ConfigError(f"{root / FILE} holds {_MOST} views: delete one first")
            views.pop(name, None)
            if query is not None:
                views = {name: query, **views}
            write_json(root / FILE, SavedViews(views=views).model_dump(mode="json"))
        finally:
            lock.close()
    except OSError as error:
        raise ConfigError(storage_text(error) or f"{root / FILE}: {error.strerror}") from error


def _store(root: Path, name: str | None, query: Query | None) -> None:
    """Change the views; keep the reason why that failed for the menu."""
    if name is None:
        return
    try:
        change_views(root, name, query)
    except BearingsError as error:
        st.session_state[_FAULT] = str(error)
