"""What these figures share: named axes and no unused room."""

from typing import Any

import plotly.graph_objects as go

from app.theme import Palette, css


def titled(figure: go.Figure, *, x: str, y: str, height: int) -> go.Figure:
    """Name both axes (with units); fonts and ground are left to Streamlit's theme."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        xaxis_title=x,
        yaxis_title=y or None,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
        bargap=0.12,
    )
    figure.update_xaxes(automargin=True)
    return figure.update_yaxes(automargin=True)


def compass(palette: Palette) -> dict[str, Any]:
    """The angular axis of a polar chart as a compass: north up, clockwise, named points."""
    return {
        "direction": "clockwise",
        "rotation": 90,
        "tickvals": list(range(0, 360, 45)),
        "ticktext": ["N", "NE", "E", "SE", "S", "SW", "W", "NW"],
        "gridcolor": css(palette.faint, 0.4),
    }
