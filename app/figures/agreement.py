"""Predicted against actual positions, one axis at a time."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import MARGIN, inert
from app.theme import Palette


def predicted_against_actual(
    actual_m: ArrayLike,
    predicted_m: ArrayLike,
    ids: Sequence[str],
    texts: Sequence[str],
    axis: str,
    palette: Palette,
    *,
    refined: bool,
    chosen: Sequence[str] = (),
) -> go.Figure:
    """Draw the predicted coordinate of each photo against the labelled one.

    Args:
        actual_m: `(n,)` labelled, in metres.
        predicted_m: `(n,)` predicted, in metres.
        ids: The photos.
        texts: What each dot is called.
        axis: `north` or `east`.
        palette: Colours of the theme.
        refined: Whether they are refined predictions, for the colour.
        chosen: Ids of the selected photos, if any; others are faint.

    Returns:
        WebGL dots whose `customdata` is the photo's id; on the line the prediction is right.
    """
    actual, predicted = (np.asarray(one, np.float64) for one in (actual_m, predicted_m))
    figure = go.Figure()
    known = np.concatenate([actual, predicted])
    known = known[np.isfinite(known)]
    if len(known):
        ends = [float(known.min()), float(known.max())]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", name="right", hoverinfo="skip",
            line={"color": palette.faint, "dash": "dot"},
        )  # fmt: skip
    figure.add_scattergl(
        x=actual, y=predicted, mode="markers", name="photos",
        customdata=[[one] for one in ids], text=[inert(text) for text in texts],
        marker={
            "size": 5, "color": palette.refined if refined else palette.prediction,
            "opacity": [0.7 if not chosen or one in chosen else 0.15 for one in ids],
        },
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        height=360, margin=MARGIN, showlegend=False, dragmode="lasso", clickmode="event+select"
    )
    figure.update_xaxes(title=f"labelled, metres {axis}", zeroline=False)
    figure.update_yaxes(title=f"predicted, metres {axis}", zeroline=False)
    return figure
