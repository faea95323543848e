"""What the colours of a map mean, beside it."""

import html
from collections.abc import Mapping

import streamlit as st


def legend(entries: Mapping[str, str]) -> None:
    """Draw a row of dots with words; `entries` is words -> `#RRGGBB`."""
    dots = "".join(
        f'<span style="white-space:nowrap"><span style="color:{colour}">&#9679;</span> '
        f"{html.escape(words)}</span>"
        for words, colour in entries.items()
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:0 1.2em;font-size:.9rem">{dots}</div>')
