"""How well similar training photos find the place: recall at k, and error by similarity."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import LEGEND, MARGIN, opacity, overlap, per_cent, share_axis
from app.theme import Palette
from core.geo import Floats

Span = tuple[float, float]
_HEIGHT_PX = 360
_BINS = 8


def recall_at_k(
    curves: Mapping[float, Floats],
    possible: Mapping[float, float],
    palette: Palette,
    *,
    every: Mapping[float, Floats] | None = None,
) -> go.Figure:
    """Draw the share of photos with a near training photo among their k most similar ones.

    Args:
        curves: Recall at 1 to k by radius in metres.
        possible: Share of photos that have a training photo within the radius at all.
        palette: Colours of the theme.
        every: The same as `curves` of all photos, drawn faint behind those of a filter.
    """
    figure = go.Figure()
    colours = (palette.refined, palette.prediction, palette.evidence)
    for colour, (radius, shares) in zip(colours, curves.items(), strict=False):
        ranks, name = list(range(1, len(shares) + 1)), f"within {radius:.0f} m"
        if every is not None:
            figure.add_scatter(
                x=ranks, y=per_cent(every[radius]), mode="lines", name=f"{name}, all photos",
                line={"color": palette.faint, "width": 1.5}, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=ranks, y=per_cent(shares), mode="lines+markers", name=name,
            line={"color": colour, "width": 3},
            hovertemplate="among %{x}: %{y:.1f} % of photos<extra>" + name + "</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[ranks[0], ranks[-1]], y=per_cent([possible[radius]] * 2), mode="lines",
            name=f"{name}, possible", line={"color": colour, "width": 1.5, "dash": "dot"},
            hovertemplate="%{y:.1f} % have one at all<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=_HEIGHT_PX, margin=MARGIN, legend=LEGEND | {"y": -0.25, "yanchor": "top"}
    )
    figure.update_xaxes(title="k: most similar training photos", dtick=1)
    figure.update_yaxes(share_axis("photos with a near one", 0, 1.02))
    return figure


def error_by_similarity(
    similarity: ArrayLike,
    errors_m: ArrayLike,
    palette: Palette,
    *,
    refined: bool,
    bounds: Floats,
    chosen: Span | None = None,
) -> go.Figure:
    """Draw the median error by the similarity of the most similar training photo.

    Args:
        similarity: `(n,)` cosines; NaN is not counted.
        errors_m: `(n,)` errors; NaN is not counted.
        palette: Colours of the theme.
        refined: Whether they are refined errors, for the colour.
        bounds: Edges of the bars, rising (`similarity_bounds`).
        chosen: The selected similarity; bars outside of it are faint.

    Returns:
        Bars whose `customdata` are both ends of their similarity; the last has no upper end.
    """
    values, errors = np.asarray(similarity, np.float64), np.asarray(errors_m, np.float64)
    known = np.isfinite(values) & np.isfinite(errors)
    which = np.clip(np.digitize(values[known], bounds) - 1, 0, len(bounds) - 2)
    there = np.unique(which)
    medians = [float(np.median(errors[known][which == one])) for one in there]
    sizes = [int((which == one).sum()) for one in there]
    spans = [
        (float(bounds[one]), -1.0 if one == len(bounds) - 2 else float(bounds[one + 1]))
        for one in there
    ]
    names = [f"{bounds[one]:.2f}–{bounds[one + 1]:.2f}" for one in there]
    figure = go.Figure(
        go.Bar(
            x=names, y=medians, customdata=[list(span) for span in spans],
            text=[f"{size:,}" for size in sizes], textposition="outside", cliponaxis=False,
            marker={
                "color": palette.refined if refined else palette.prediction,
                "opacity": [opacity(overlap(span, chosen)) for span in spans],
            },
            hovertemplate="similarity %{x}: median %{y:.1f} m, %{text} photos<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        height=_HEIGHT_PX, margin=MARGIN | {"t": 24}, bargap=0.1, clickmode="event+select",
        dragmode=False, showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(title="best similarity (photos above each bar)",
                        type="category")  # fmt: skip
    figure.update_yaxes(title="median position error (m)", rangemode="tozero")
    return figure


def similarity_bounds(similarity: ArrayLike) -> Floats:
    """Edges of bins that hold about as many photos each, in hundredths; none are empty."""
    values = np.asarray(similarity, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.zeros(2)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)).round(2))
    if len(edges) < 2:
        edges = np.array([edges[0], edges[0] + 0.01])
    edges[0], edges[-1] = np.floor(values.min() * 100) / 100, np.ceil(values.max() * 100) / 100
    return np.asarray(np.unique(np.maximum(edges, 0.0)), np.float64)
