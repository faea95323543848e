"""How far confidence can be believed: error by the share answered, and answers by confidence."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.axes import LEGEND, MARGIN, opacity, overlap, per_cent, share_axis
from app.theme import Palette
from core.amounts import percent
from core.evaluation.selective import ReliabilityBin, RiskCurve

Span = tuple[float, float]
_HEIGHT_PX = 360


def risk_by_share(
    curves: Mapping[str, RiskCurve],
    title: str,
    palette: Palette,
    *,
    every: Mapping[str, RiskCurve] | None = None,
    share: bool = False,
    chosen: Span | None = None,
) -> go.Figure:
    """Draw a figure of the photos answered against their share, the most confident first.

    Args:
        curves: By name.
        title: Title of the value axis, with its unit.
        palette: Colours of the theme.
        every: The same of all photos, drawn faint behind those of a filter.
        share: Whether the figure is a share.
        chosen: The selected doubts; other points are faint.

    Returns:
        Curves with marks whose `customdata` are the doubt of a point and of the next; the last has
        no upper end, which is -1. Dotted: the best order, which sorts by the error itself.
    """
    figure, scale = go.Figure(), 100.0 if share else 1.0
    unit = " %" if share else ""
    for colour, (name, curve) in zip(_colours(palette), curves.items(), strict=False):
        if every is not None and name in every:
            figure.add_scatter(
                x=per_cent(every[name].share), y=scale * every[name].risk, mode="lines",
                name=f"{name}, all photos", line={"color": palette.faint, "width": 1.5},
                hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=per_cent(curve.share), y=scale * curve.best, mode="lines",
            name=f"{name}, best order", line={"color": colour, "width": 1.5, "dash": "dot"},
            hoverinfo="skip",
        )  # fmt: skip
        ends = np.append(curve.doubt[1:], -1.0)
        spans = np.stack([curve.doubt, ends], axis=1)
        figure.add_scatter(
            x=per_cent(curve.share), y=scale * curve.risk, mode="lines+markers", name=name,
            line={"color": colour, "width": 3}, customdata=spans.round(6).tolist(),
            marker={
                "size": 5, "color": colour,
                "opacity": [opacity(overlap((low, high), chosen)) for low, high in spans],
            },
            hovertemplate=f"%{{x:.0f}} % answered: %{{y:.3g}}{unit}<extra>{name}</extra>",
        )  # fmt: skip
    figure.update_layout(
        height=_HEIGHT_PX, margin=MARGIN, legend=LEGEND | {"y": -0.25, "yanchor": "top"},
        dragmode="select", clickmode="event+select",
    )  # fmt: skip
    figure.update_xaxes(share_axis("share of photos answered, most confident first", 0, 1.02))
    figure.update_yaxes(title=title, rangemode="tozero", ticksuffix=unit)
    return figure


def reliability_bars(
    bins: Sequence[ReliabilityBin],
    palette: Palette,
    *,
    every: Sequence[ReliabilityBin] = (),
    chosen: Span | None = None,
) -> go.Figure:
    """Draw the share of right answers by confidence, with 95 % intervals.

    Args:
        bins: Of the photos shown.
        palette: Colours of the theme.
        every: Of all photos, drawn as open marks if the photos shown are not all.
        chosen: The selected confidence; bars outside of it are faint.

    Returns:
        Bars whose `customdata` are both ends of their confidence in `[0, 1]`; the last bar has no
        upper end, which is -1. On the diagonal confidence is what it promises.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", name="as promised", hoverinfo="skip",
        line={"color": palette.faint, "dash": "dot"},
    )  # fmt: skip
    spans = [(one.low, one.high if one.high < 1.0 else -1.0) for one in bins]
    right = per_cent([one.right for one in bins])
    figure.add_bar(
        x=per_cent([(one.low + one.high) / 2 for one in bins]), y=right, name="right",
        width=[95 * (one.high - one.low) for one in bins], customdata=[list(one) for one in spans],
        marker={
            "color": palette.refined,
            "opacity": [opacity(overlap(span, chosen)) for span in spans],
        },
        text=[
            f"confidence {100 * one.low:.0f} to {percent(one.high)}, mean "
            f"{percent(one.confidence)}<br>{one.n:,} photos, {percent(one.right)} right"
            for one in bins
        ],
        textposition="none", hovertemplate="%{text}<extra></extra>",
        error_y={
            "type": "data", "symmetric": False, "thickness": 1.5, "color": palette.text,
            "array": per_cent([one.interval[1] for one in bins]) - right,
            "arrayminus": right - per_cent([one.interval[0] for one in bins]),
        },
    )  # fmt: skip
    if every:
        figure.add_scatter(
            x=per_cent([(one.low + one.high) / 2 for one in every]),
            y=per_cent([one.right for one in every]), mode="markers", name="all photos",
            marker={"symbol": "circle-open", "size": 10, "color": palette.text,
                    "line": {"width": 2}},
            hovertemplate="all photos: %{y:.0f} % right<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=_HEIGHT_PX, margin=MARGIN, legend=LEGEND, bargap=0.05, dragmode=False,
        clickmode="event+select", barmode="overlay",
    )  # fmt: skip
    figure.update_xaxes(share_axis("stated confidence of the region", 0, 1))
    figure.update_yaxes(share_axis("regions that are right", 0, 1.04))
    return figure


def _colours(palette: Palette) -> tuple[str, ...]:
    return palette.refined, palette.prediction, palette.evidence
