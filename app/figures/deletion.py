"""Deletion and insertion curves of a heat map, beside random orders."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.axes import per_cent, share_axis
from app.theme import Palette

if TYPE_CHECKING:
    from core.explain.checks import Curves


def deletion_curves(found: "Curves", palette: Palette) -> go.Figure:
    """What is left of the answer as the strongest parts are hidden, or shown, first.

    Args:
        found: The curves of one map.
        palette: Colours.
    """
    areas = found.areas
    titles = [
        f"{title}, area {areas[name]:.2f} (random {areas[f'random_{name}']:.2f})"
        for title, name in (("Deletion", "deletion"), ("Insertion", "insertion"))
    ]
    figure = make_subplots(rows=2, cols=1, subplot_titles=titles, vertical_spacing=0.3)
    for row, name in enumerate(("deletion", "insertion"), 1):
        mean = getattr(found, f"random_{name}").mean(axis=0)
        for values, words, colour, dash in (
            (mean, "random order", palette.faint, "dot"),
            (getattr(found, name), "this map", palette.refined, "solid"),
        ):
            figure.add_scatter(
                x=per_cent(found.shares), y=per_cent(values), mode="lines", name=words,
                legendgroup=words,
                showlegend=row == 1, line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{words}: %{{y:.0f}} % left at %{{x:.0f}} %<extra></extra>",
                row=row, col=1,
            )  # fmt: skip
    figure.update_yaxes(share_axis("answer left", -0.03, 1.05))
    figure.update_xaxes(share_axis("hidden share of the photo", 0, 1), row=1, col=1)
    figure.update_xaxes(share_axis("shown share of the photo", 0, 1), row=2, col=1)
    figure.update_layout(
        height=480, margin={"l": 10, "r": 10, "t": 50, "b": 10},
        legend={"orientation": "h", "y": 1.1, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure
