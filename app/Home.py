# ruff: noqa: N999 - the start command that the owner fixed names Home.py
"""Bearings in the browser: the router, and the one bootstrap of the import path.

Start it with `streamlit run app/Home.py`.
"""

import sys
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "": (("home", "Home"), ("predict", "Predict"), ("play", "Beat the model")),
    "Data and training": (("data", "Data"), ("train", "Train"), ("tune", "Tune"), ("runs", "Runs")),
    "Understanding": (
        ("evaluate", "Evaluate"),
        ("map", "Map"),
        ("explore", "Explore"),
        ("explain", "Explain"),
    ),
}

# `streamlit run app/Home.py` puts app/ on the path, not the project: without this line no page
# finds `core` or `app`.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def _page(name: str, title: str) -> StreamlitPage:
    """A page, which the menu lists if the person behind the session sees it."""
    from app import entrance

    path = ROOT / "pages" / f"{name}.py"
    return st.Page(
        path, title=title, default=name == "home",
        visibility="visible" if entrance.is_open(name) else "hidden",
    )  # fmt: skip


def main() -> None:
    """Draw the sidebar and the page that the reader chose."""
    # After the path is set; these import the project.
    from app import layout

    # A local file: an emoji or a material icon would be fetched from another host.
    st.set_page_config("Bearings", page_icon=str(ROOT / "app" / "icon.png"), layout="wide")
    sections = {section: [_page(*page) for page in pages] for section, pages in PAGES.items()}
    layout.show(st.navigation(sections))


main()
