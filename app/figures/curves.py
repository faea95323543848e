"""Learning curves: how the numbers of one run, or of several, moved by epoch."""

import pandas as pd
import plotly.graph_objects as go

from app.figures.axes import inert, per_cent
from app.theme import Palette

_DASHES = ("solid", "dash", "dot", "dashdot")


def curve(
    table: pd.DataFrame,
    title: str,
    unit: str,
    palette: Palette,
    fine_tuning_from: int | None = None,
) -> go.Figure:
    """Draw one line per series over the epochs.

    Args:
        table: Columns `series` (text), `epoch` (from 1) and `value`; rows without a value are gaps.
        title: What is measured.
        unit: Unit of the value, for the title; empty for a pure number, `share` for a
            part of 1.
        palette: Colours of the reader's theme.
        fine_tuning_from: First epoch in which the backbone learns, marked by a line.

    Returns:
        A figure whose series differ by colour and by dash, so that colour alone carries nothing.
    """
    figure, share, colours = go.Figure(), unit == "share", palette.series
    for index, (name, rows) in enumerate(table.groupby("series", sort=False)):
        dash = _DASHES[index // len(colours) % len(_DASHES)] if index >= len(colours) else None
        figure.add_scatter(
            x=rows["epoch"],
            y=per_cent(rows["value"]) if share else rows["value"],
            name=inert(name),
            mode="lines+markers",
            line={"color": colours[index % len(colours)], "dash": dash or _DASHES[index % 2]},
            marker={"size": 6},
        )
    figure.update_layout(
        title={"text": _titled(title, unit), "font": {"size": 15}},
        height=280,
        margin={"l": 10, "r": 10, "t": 46, "b": 10},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        # Without it every poll of a growing run would throw away the reader's zoom.
        uirevision=title,
    )
    if fine_tuning_from is not None:
        figure.add_vline(
            x=fine_tuning_from - 0.5,
            line={"dash": "dot", "width": 1},
            annotation={"text": "fine-tuning", "font": {"size": 11}, "xanchor": "left"},
        )
    figure.update_xaxes(title="epoch", dtick=1 if _last_epoch(table) <= 12 else None)
    figure.update_yaxes(rangemode="tozero", ticksuffix=" %" if share else None)
    return figure


def _titled(title: str, unit: str) -> str:
    return title if unit in ("", "share") else f"{title} ({unit})"


def _last_epoch(table: pd.DataFrame) -> int:
    return int(table["epoch"].max()) if len(table) else 0
