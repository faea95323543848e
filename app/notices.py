"""A word about what was just done, said in the run of the page that follows.

What is said before `st.rerun` can be lost on its way to the browser.
"""

import streamlit as st

_NOTICE = "notice"


def later(words: str) -> None:
    """Say this next time."""
    st.session_state[_NOTICE] = words


def show() -> None:
    """Say what was left to say."""
    words = st.session_state.pop(_NOTICE, None)
    if words is not None:
        st.toast(words)
