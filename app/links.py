"""Links between pages, by the page's short name."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

import streamlit as st

from core.project import PROJECT

_VISITED = "visited_pages"


def to(page: str, label: str, query: Mapping[str, Sequence[str]] | None = None) -> None:
    """Draw a link to `pages/<page>.py`, with query parameters if any."""
    pairs = [(name, value) for name, values in (query or {}).items() for value in values]
    st.page_link(PROJECT / "pages" / f"{page}.py", label=label, query_params=pairs or None)


def go(page: str, query: Mapping[str, str] | None = None) -> NoReturn:
    """Leave for `pages/<page>.py` at once, with query parameters if any."""
    st.switch_page(PROJECT / "pages" / f"{page}.py", query_params=dict(query) if query else None)


def note_visit(page: str) -> None:
    """Remember in the session that the reader opened a page."""
    st.session_state.setdefault(_VISITED, set()).add(page)


def visited() -> frozenset[str]:
    """Short names of the pages that the reader opened in this session."""
    return frozenset(st.session_state.get(_VISITED, ()))


def cards(pages: Mapping[str, tuple[str, str]], columns: int = 4) -> None:
    """Draw links with a sentence each; `pages` is short name -> (label, sentence)."""
    names = list(pages)
    for start in range(0, len(names), columns):
        for name, cell in zip(names[start : start + columns], st.columns(columns), strict=False):
            with cell, st.container(border=True, height="stretch"):
                to(name, f"**{pages[name][0]}**")
                st.caption(pages[name][1])
