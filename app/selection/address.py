"""What a page shows, kept in the session and in the address, so that links, reload and Back work.

The session holds it across pages, whose links lead to addresses without parameters. The address
counts where a reader came with one, and after Back.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import streamlit as st

Query = dict[str, list[str]]


def arrived(name: str, parameters: Iterable[str]) -> Query | None:
    """The parameters of the address, if they count more than what the session holds.

    Args:
        name: Short name of what is kept.
        parameters: Its parameters.
    """
    state, params = st.session_state, st.query_params
    query = {each: params.get_all(each) for each in parameters if each in params}
    path = urlsplit(st.context.url or "").path
    moved = state.get(f"{name}_path", path) != path
    state[f"{name}_path"] = path
    # A click of this very run counts more than the address before it.
    changed = state.pop(f"{name}_changed", False)
    if f"{name}_written" not in state:
        return query
    if moved:
        return query or None
    return None if changed or query == state[f"{name}_written"] else query


def changed(name: str) -> None:
    """Say in a callback that the session holds something newer than the address."""
    st.session_state[f"{name}_changed"] = True


def write(name: str, parameters: Iterable[str], query: Mapping[str, list[str]]) -> None:
    """Put what the session holds into the address."""
    for each in parameters:
        held = st.query_params.get_all(each) if each in st.query_params else []
        if each not in query:
            st.query_params.pop(each, None)
        elif held != query[each]:
            st.query_params[each] = query[each]
    st.session_state[f"{name}_written"] = dict(query)
