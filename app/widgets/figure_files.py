"""Charts as files: a picture, a page that opens offline, and the data that is drawn."""

from collections.abc import Mapping
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.tables.stored import inert_csv

FORMATS = ("png", "svg")
_FORMAT = "figure_format"
_AXES = ("x", "y", "r", "theta", "text")


def offer(page: str, figures: Mapping[str, go.Figure]) -> None:
    """Draw a menu that saves charts as HTML and their data as CSV.

    A file is only made once it is asked for: a page holds all of plotly, 5 MB.

    Args:
        page: Short name of the charts.
        figures: By title.
    """
    if not figures:
        return
    with st.popover("Save charts"):
        title = st.selectbox("Chart", list(figures), key=f"{page}_figure_title")
        figure = figures.get(title) if title else None
        if title is None or figure is None:
            return
        name = "-".join("".join(each if each.isalnum() else " " for each in title.lower()).split())
        with st.container(horizontal=True):
            st.download_button(
                "HTML", lambda: page_of(figure, title), f"{name}.html", "text/html",
                key=f"{page}_figure_html",
            )  # fmt: skip
            st.download_button(
                "Data (CSV)", lambda: inert_csv(table_of(figure)), f"{name}.csv",
                "text/csv", key=f"{page}_figure_csv",
            )  # fmt: skip
        key = f"{page}_figure_format"
        # A page can have several menus, and all follow the one choice.
        st.session_state[key] = _format()
        st.segmented_control(
            "The camera above each chart saves it as", FORMATS, key=key, required=True,
            format_func=str.upper, on_change=_keep_format, args=(key,),
        )  # fmt: skip


def _format() -> str:
    return str(st.session_state.get(_FORMAT, FORMATS[0]))


def _keep_format(key: str) -> None:
    st.session_state[_FORMAT] = st.session_state[key]


def config(name: str) -> dict[str, Any]:
    """Options of a chart's toolbar: its camera saves a file of this name, as the reader chose."""
    kind = _format()
    scale = 2 if kind == "png" else 1
    camera = {"format": kind, "filename": name.replace("_", "-"), "scale": scale}
    return {"displaylogo": False, "toImageButtonOptions": camera}


def page_of(figure: go.Figure, title: str) -> str:
    """Return a chart as a page that needs no network; its camera saves SVG."""
    shown = go.Figure(figure).update_layout(title=title, template="plotly_white", margin={"t": 60})
    options = {"format": "svg", "filename": title}
    return str(shown.to_html(include_plotlyjs=True, config={"toImageButtonOptions": options}))


def table_of(figure: go.Figure) -> pd.DataFrame:
    """Return the data of a chart: one row a mark, with the name of its series.

    Cells of a matrix are rows of `x`, `y`, `share` and `text`; of parallel coordinates each line is
    a row, each axis a column. Marks that only take clicks are left out.
    """
    parts = []
    for trace in figure.data:
        if getattr(trace, "marker", None) is not None and trace.marker.opacity == 0:
            continue
        if trace.type == "heatmap":
            rows, columns = np.indices(np.shape(trace.z))
            part = {
                "x": np.asarray(trace.x)[columns.ravel()],
                "y": np.asarray(trace.y)[rows.ravel()],
                "share": np.ravel(trace.z),
                "text": np.ravel(trace.text),
            }
        elif trace.type == "parcoords":
            part = {_axis_name(axis): _axis_values(axis) for axis in trace.dimensions}
            part[trace.line.colorbar.title.text] = list(trace.line.color)
        else:
            held = trace.to_plotly_json()
            part = {axis: list(held[axis]) for axis in _AXES if np.ndim(held.get(axis)) == 1}
        table = pd.DataFrame(part).assign(series=trace.name or "")
        # Names are escaped where plotly would read markup.
        parts.append(table.map(lambda cell: unescape(cell) if isinstance(cell, str) else cell))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _axis_name(axis: go.parcoords.Dimension) -> str:
    return str(axis.label).replace("<br>", " ")


def _axis_values(axis: go.parcoords.Dimension) -> list[Any]:
    """What an axis shows: the text of its ticks where they name the values."""
    if axis.tickvals is None:
        return list(axis.values)
    words = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    if set(axis.values) <= set(words):
        return [words[value] for value in axis.values]
    # The axis is logarithmic: its ticks are powers of ten.
    return [float(f"{10.0**value:.6g}") for value in axis.values]
