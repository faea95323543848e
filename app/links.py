"""Links between pages, by the page's short name."""

import streamlit as st

from app.workspace import PROJECT


def to(page: str, label: str) -> None:
    """Draw a link to `pages/<page>.py`."""
    st.page_link(PROJECT / "pages" / f"{page}.py", label=label)
