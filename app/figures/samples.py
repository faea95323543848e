"""Where the network placed a few photos, epoch by epoch."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import Palette
from core.training.samples import EpochSample

_HEIGHT_PX = 420


def sample_plan(samples: Sequence[EpochSample], epoch: int, palette: Palette) -> go.Figure:
    """Draw the true places of the photos, and the path of their predictions up to an epoch.

    Args:
        samples: The answers of each epoch, in order.
        epoch: The last epoch that is drawn.
        palette: Colours of the reader's theme.

    Returns:
        A plan in metres, north up, at one scale; photos are numbered from 1.
    """
    shown = [sample for sample in samples if sample.epoch <= epoch]
    figure, named = go.Figure(), set[str]()
    for number, photo in enumerate(shown[-1].photos if shown else (), 1):
        true_m, own_m = photo.true_position_m, photo.position_m
        path = [
            each.position_m
            for sample in shown
            for each in sample.photos
            if each.photo_id == photo.photo_id and each.position_m is not None
        ]
        if path:
            figure.add_scatter(
                x=[place[1] for place in path], y=[place[0] for place in path], mode="lines",
                line={"color": palette.faint, "width": 1}, hoverinfo="skip",
            )  # fmt: skip
        if true_m is not None and own_m is not None:
            figure.add_scatter(
                x=[true_m[1], own_m[1]], y=[true_m[0], own_m[0]], mode="lines",
                line={"color": palette.prediction, "width": 1, "dash": "dot"}, hoverinfo="skip",
            )  # fmt: skip
        for place, colour, symbol, what in (
            (true_m, palette.truth, "circle", "true"),
            (own_m, palette.prediction, "x", "predicted"),
        ):
            if place is not None:
                figure.add_scatter(
                    x=[place[1]], y=[place[0]], mode="markers+text", text=[str(number)],
                    textposition="top center", name=what, legendgroup=what,
                    showlegend=what not in named,
                    marker={"color": colour, "symbol": symbol, "size": 11},
                    hovertemplate=f"photo {number}, {what}<extra></extra>",
                )  # fmt: skip
                named.add(what)
    figure.for_each_trace(lambda trace: trace.update(showlegend=False), {"mode": "lines"})
    figure.update_layout(
        height=_HEIGHT_PX, margin={"l": 10, "r": 10, "t": 30, "b": 10}, uirevision="samples",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
    )  # fmt: skip
    figure.update_xaxes(title="metres east", zeroline=False, automargin=True)
    figure.update_yaxes(title="metres north", zeroline=False, scaleanchor="x", automargin=True)
    return figure
