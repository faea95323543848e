"""Which way the photos face: counts on a compass."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import compass
from app.theme import Palette, css

SECTORS = 24


def sector_counts(heading_deg: ArrayLike, sectors: int = SECTORS) -> np.ndarray:
    """Photos `(sectors,)` by heading; sector 0 is centred on north, so that north is not cut."""
    heading = np.asarray(heading_deg, np.float64)
    width = 360.0 / sectors
    which = np.floor(np.mod(heading[np.isfinite(heading)] + width / 2, 360.0) / width)
    return np.bincount(which.astype(np.int64) % sectors, minlength=sectors)


def heading_rose(heading_deg: ArrayLike, palette: Palette, *, sectors: int = SECTORS) -> go.Figure:
    """How many photos face each way: north up, clockwise.

    Args:
        heading_deg: `(n,)` degrees clockwise from north; NaN is left out.
        palette: Colours of the reader's theme.
        sectors: Into how many petals the circle is cut.
    """
    width = 360.0 / sectors
    figure = go.Figure(
        go.Barpolar(
            r=sector_counts(heading_deg, sectors),
            theta=np.arange(sectors) * width,
            width=width * 0.92,
            marker={"color": css(palette.truth, 0.6), "line": {"color": palette.truth, "width": 1}},
            hovertemplate="%{theta:.0f}°: %{r} photos<extra></extra>",
        )
    )
    figure.update_layout(
        height=340,
        margin={"l": 40, "r": 40, "t": 30, "b": 30},
        showlegend=False,
        polar={
            "bgcolor": "rgba(0,0,0,0)",
            "angularaxis": compass(palette),
            "radialaxis": {"angle": 90, "nticks": 4, "gridcolor": css(palette.faint, 0.4)},
        },
    )
    return figure
