"""Tags of photos: words that a reader gives to one photo, or to all photos that are shown."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import cache
from app.access import gate
from app.selection import selection
from app.widgets import messages
from core.dataset.tags import (
    LONGEST_TAG,
    TAGS_FILE,
    Tags,
    change_tags,
    read_tags,
    tags_text,
    tidy,
)
from core.errors import BearingsError

_FAULT = "tagging_fault"


def tags_of(folder: Path) -> Tags:
    """The tags of the photos of a data set by `photo_id`; shared, never changed.

    Raises:
        LabelError: As `core.dataset.tags.read_tags`.
    """
    return _tags(folder, cache.stamp(folder / TAGS_FILE))


def known_tags(folder: Path) -> tuple[str, ...]:
    """The tags that photos of a data set have, in order; none if they cannot be read."""
    try:
        return tuple(sorted({tag for each in tags_of(folder).values() for tag in each}))
    except BearingsError:
        return ()


@st.cache_resource(max_entries=8, show_spinner=False)
def _tags(folder: Path, key: cache.Stamp) -> Tags:
    return read_tags(folder)


def of_photo(folder: Path, name: str) -> None:
    """Let the reader change the tags of one photo.

    Args:
        folder: The data set's folder.
        name: The photo.
    """
    tags = tags_of(folder)
    held = list(tags.get(name, ()))
    key = f"tags_{selection.scope(folder, name)}"
    st.session_state[key] = held
    st.multiselect(
        "Tags", sorted({tag for each in tags.values() for tag in each}), key=key,
        accept_new_options=True, placeholder="Choose a tag or type a new one",
        on_change=_take, args=(folder, name, key, held), disabled=not gate.allows("operator"),
    )  # fmt: skip
    _faults()


def of_shown(page: str, folder: Path, names: Sequence[str]) -> None:
    """Let the reader give a tag to all photos that are shown, or take it from them.

    Args:
        page: Short name of the page.
        folder: The data set's folder.
        names: The photos.
    """
    tags = tags_of(folder)
    key = f"{page}_tag"
    with st.popover(f"Tag these {len(names):,} photos", disabled=not names):
        may = gate.allows("operator")
        st.text_input("Tag", key=key, max_chars=LONGEST_TAG, placeholder="for example: mirror")
        with st.container(horizontal=True):
            for title, adds in (("Add to all", True), ("Remove from all", False)):
                st.button(title, key=f"{key}_{adds}", on_click=_change_shown,
                          args=(folder, tuple(names), key, adds), disabled=not may)  # fmt: skip
        st.caption(f"Tags are stored in `{TAGS_FILE}` beside the labels, and change no label.")
        if tags:
            st.download_button(f"Download {TAGS_FILE}", tags_text(tags), TAGS_FILE, "text/csv",
                               key=f"{key}_download")  # fmt: skip
    _faults()


def _take(folder: Path, name: str, key: str, before: list[str]) -> None:
    after = [tag for each in st.session_state[key] if (tag := tidy(each))]
    for tag in before:
        if tag not in after:
            _change(folder, (name,), remove=tag)
    for tag in after:
        if tag not in before:
            _change(folder, (name,), add=tag)


def _change_shown(folder: Path, names: tuple[str, ...], key: str, adds: bool) -> None:
    tag = tidy(st.session_state[key])
    if tag:
        _change(folder, names, add=tag if adds else "", remove="" if adds else tag)


def _change(folder: Path, names: Sequence[str], *, add: str = "", remove: str = "") -> None:
    try:
        gate.need("operator")
        change_tags(folder, names, add=add, remove=remove)
    except BearingsError as error:
        st.session_state[_FAULT] = str(error)


def _faults() -> None:
    """Show why a tag could not be stored, once."""
    if fault := st.session_state.pop(_FAULT, None):
        messages.show_error(fault)
