"""What these figures share: named axes and no unused room."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.theme import Palette, css

FAINT = 0.3
"""Opacity of what is not selected."""


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


def in_sector(heading_deg: float, chosen: tuple[float, float] | None) -> bool:
    """Whether a heading lies in the chosen sector, clockwise from its first end."""
    if chosen is None:
        return True
    return (heading_deg - chosen[0]) % 360.0 < ((chosen[1] - chosen[0]) % 360.0 or 360.0)


def sector_targets(
    theta_deg: ArrayLike, width_deg: float, longest: float, texts: Sequence[str]
) -> go.Scatterpolar:
    """Invisible marks that take the clicks on a rose: Streamlit reports none on its petals.

    Args:
        theta_deg: `(n,)` middles of the sectors.
        width_deg: Width of a sector.
        longest: Length of the longest petal.
        texts: What the pointer shows of each sector.

    Returns:
        Marks whose `customdata` are both ends of their sector, clockwise.
    """
    middles = np.asarray(theta_deg, np.float64)
    spans = [[float(one - width_deg / 2) % 360.0, float(one + width_deg / 2)] for one in middles]
    # About as wide as the sector at each distance, on a rose of some 100 pixels.
    rings = [(share, 100.0 * share * np.deg2rad(width_deg)) for share in (0.3, 0.6, 0.9)]
    return go.Scatterpolar(
        r=[share * longest for share, _ in rings for _ in middles],
        theta=[float(one) for _ in rings for one in middles],
        mode="markers", showlegend=False,
        marker={"size": [size for _, size in rings for _ in middles], "opacity": 0},
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
        customdata=spans * len(rings), text=list(texts) * len(rings),
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
