"""What these figures share: named axes and no unused room."""

import plotly.graph_objects as go


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
