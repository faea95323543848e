"""What these figures share: named axes and no unused room."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.theme import Palette, css
from core.geo import Floats

MARGIN = {"l": 10, "r": 10, "t": 10, "b": 10}
LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"}
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


def inert(text: object) -> str:
    """A name as text that plotly shows as it is: names of regions and files are never markup.

    Plotly reads tags and entities in every text, and `%{` in templates.
    """
    return escape(str(text), quote=False).replace("%{", "%&#123;")


def per_cent(shares: ArrayLike) -> Floats:
    """Shares as the numbers that an axis of `share_axis` shows."""
    return np.asarray(100.0 * np.asarray(shares, np.float64))


def share_axis(title: str, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """An axis of shares, drawn `per_cent`: plotly's own format has no blank before the sign.

    Args:
        title: Of the axis.
        low: Share at its lower end; None if plotly decides.
        high: Share at its upper end.
    """
    axis: dict[str, Any] = {"title": title, "ticksuffix": " %"}
    return axis if low is None or high is None else axis | {"range": [100 * low, 100 * high]}


def targets(
    x: Sequence[Any], heights: ArrayLike, ids: Sequence[Sequence[Any]], texts: Sequence[str]
) -> go.Bar:
    """Invisible bars that take the clicks where Streamlit reports none, as on boxes.

    Args:
        x: `(n,)` categories or middles.
        heights: `(n,)`.
        ids: `customdata` of each.
        texts: What the pointer shows of each.
    """
    return go.Bar(
        x=list(x), y=np.asarray(heights), customdata=[list(one) for one in ids],
        text=list(texts), textposition="none", hovertemplate="%{text}<extra></extra>",
        marker={"opacity": 0}, selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}}, showlegend=False, width=0.95,
        offsetgroup="targets",
    )  # fmt: skip


def overlap(span: tuple[float, float], chosen: tuple[float, float] | None) -> bool:
    """Whether a bar shares something with the chosen span; -1 is no upper end."""
    if chosen is None:
        return True
    low, high = span
    return low < chosen[1] and (np.inf if high < 0 else high) > chosen[0]


def opacity(chosen: bool) -> float:
    """Of a mark that is selected, or is not."""
    return 1.0 if chosen else FAINT


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
