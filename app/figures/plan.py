"""A plan of photos at their labelled positions, to select an area of."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import inert
from app.theme import RAMP, Palette

_HEIGHT_PX = 520


def photo_plan(
    position_m: ArrayLike,
    errors_m: ArrayLike | None,
    texts: Sequence[str],
    palette: Palette,
    *,
    around_m: ArrayLike = (),
) -> go.Figure:
    """Draw photos as dots, north up, at one scale in both directions.

    Args:
        position_m: `(n, 2)` `[north_m, east_m]`.
        errors_m: `(n,)` errors that colour the dots, on a logarithmic ramp; None for one colour.
        texts: What each dot is called.
        palette: Colours of the theme.
        around_m: Corners `(k, 2)` of the selected area, which is outlined.

    Returns:
        A scatter of WebGL dots, which a lasso or a box selects from; 100,000 of them stay fluid.
    """
    points = np.asarray(position_m, np.float64).reshape(-1, 2)
    marker: dict[str, object] = {"size": 6, "color": palette.refined, "opacity": 0.85}
    if errors_m is not None:
        errors = np.asarray(errors_m, np.float64)
        ticks = [1, 3, 10, 30, 100, 300]
        marker |= {
            "color": np.log10(np.clip(errors, 1.0, 300.0)), "colorscale": RAMP, "cmin": 0.0,
            "cmax": float(np.log10(300.0)),
            "colorbar": {
                "title": {"text": "error (m)"}, "thickness": 12,
                "tickvals": np.log10(ticks), "ticktext": ["≤ 1", *map(str, ticks[1:-1]), "≥ 300"],
            },
        }  # fmt: skip
    figure = go.Figure(
        go.Scattergl(
            x=points[:, 1], y=points[:, 0], mode="markers", marker=marker,
            text=[inert(text) for text in texts],
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    corners = np.asarray(around_m, np.float64).reshape(-1, 2)
    if len(corners):
        closed = np.vstack([corners, corners[:1]])
        figure.add_scatter(
            x=closed[:, 1], y=closed[:, 0], mode="lines", hoverinfo="skip",
            line={"color": palette.prediction, "width": 3},
        )  # fmt: skip
    figure.update_layout(
        height=_HEIGHT_PX, margin={"l": 10, "r": 10, "t": 40, "b": 10}, showlegend=False,
        dragmode="lasso",
    )  # fmt: skip
    figure.update_xaxes(title="metres east", zeroline=False)
    figure.update_yaxes(title="metres north", zeroline=False, scaleanchor="x")
    return figure
