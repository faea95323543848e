"""Position and heading errors of many photos: distributions, by direction and by region."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import FAINT, compass, in_sector, sector_targets
from app.theme import Palette, css

Span = tuple[float, float]
_SECTOR_DEG = 30
_BIN_DEG = 10
_STEPS_M = (0, 1, 2.5, 5, 10, 25, 50, 100, 250)
_MARKS_M = (5, 10, 25, 50)
_MARGIN = {"l": 10, "r": 10, "t": 10, "b": 10}
_LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"}


def position_error_cdf(
    errors: pd.DataFrame, palette: Palette, baselines: pd.DataFrame | None = None
) -> go.Figure:
    """Draw the share of photos with a position error of at most x metres.

    Args:
        errors: Columns `error_m` and `error_refined_m`, one row a photo.
        palette: Colours of the theme.
        baselines: Marks of other predictors: columns `name`, `within_m` and `share`.
    """
    figure = go.Figure()
    share = (np.arange(len(errors)) + 1) / max(len(errors), 1)
    for column, name, colour, dash in _pair("error_m", "error_refined_m", palette):
        ordered = np.sort(errors[column].to_numpy(np.float64))
        figure.add_scatter(
            x=np.maximum(ordered, 0.1),
            y=share,
            name=name,
            mode="lines",
            line={"color": colour, "width": 3, "dash": dash, "shape": "hv"},
            hovertemplate="%{y:.0%} within %{x:.1f} m<extra>" + name + "</extra>",
        )
    if baselines is not None and len(baselines):
        figure.add_scatter(
            x=baselines["within_m"], y=baselines["share"], text=baselines["name"],
            name="baselines", mode="markers",
            marker={"symbol": "diamond-open", "size": 9, "color": palette.text},
            hovertemplate="%{text}: %{y:.1%} within %{x} m<extra></extra>",
        )  # fmt: skip
    for mark in _MARKS_M:
        figure.add_vline(x=mark, line={"color": palette.faint, "width": 1, "dash": "dot"})
    figure.update_layout(height=340, margin=_MARGIN, legend=_LEGEND)
    figure.update_xaxes(
        title="position error (m), logarithmic",
        type="log",
        tickvals=[0.1, 0.5, 1, 2, *_MARKS_M, 100, 200, 500, 1000],
        ticktext=["≤ 0.1", "0.5", "1", "2", *map(str, _MARKS_M), "100", "200", "500", "1000"],
    )
    figure.update_yaxes(title="share of photos", tickformat=".0%", range=[0, 1.02])
    return figure


def error_histogram(
    errors_m: ArrayLike, palette: Palette, *, refined: bool, chosen: Span | None = None
) -> go.Figure:
    """Draw the number of photos by position error; the last bar has no upper end.

    Args:
        errors_m: `(n,)` errors; NaN is not counted.
        palette: Colours of the theme.
        refined: Whether they are refined errors, for the colour.
        chosen: The selected errors; bars outside of them are faint.

    Returns:
        Bars whose `customdata` are both ends, -1 for no upper end.
    """
    counts, _ = np.histogram(np.asarray(errors_m, np.float64), bins=[*_STEPS_M, np.inf])
    highs = [*_STEPS_M[1:], -1]
    names = [f"{low:g}–{high:g}" for low, high in zip(_STEPS_M, highs, strict=True)]
    names[0], names[-1] = f"< {highs[0]:g}", f"> {_STEPS_M[-1]:g}"
    spans = list(zip(_STEPS_M, highs, strict=True))
    figure = _bars(names, counts, spans, palette, refined=refined, chosen=chosen)
    figure.update_xaxes(title="position error (m)", type="category")
    return figure


def heading_error_histogram(
    errors_deg: ArrayLike, palette: Palette, *, refined: bool, chosen: Span | None = None
) -> go.Figure:
    """Draw the number of photos by heading error, in bins of 10 degrees.

    Args:
        errors_deg: `(n,)` errors in `[0, 180]`; NaN is not counted.
        palette: Colours of the theme.
        refined: Whether they are refined errors, for the colour.
        chosen: The selected errors; bars outside of them are faint.

    Returns:
        Bars whose `customdata` are both ends, -1 for no upper end.
    """
    edges = np.arange(0, 180 + _BIN_DEG, _BIN_DEG)
    counts, _ = np.histogram(np.asarray(errors_deg, np.float64), bins=edges)
    spans = [(int(low), int(low) + _BIN_DEG) for low in edges[:-1]]
    spans[-1] = (spans[-1][0], -1)
    middles = (edges[:-1] + _BIN_DEG / 2).tolist()
    figure = _bars(middles, counts, spans, palette, refined=refined, chosen=chosen)
    figure.update_xaxes(title="heading error (°)", tickvals=list(range(0, 181, 30)), range=[0, 180])
    return figure


def error_by_hour(
    hours: ArrayLike,
    errors: ArrayLike,
    title: str,
    palette: Palette,
    *,
    refined: bool,
    chosen: Span | None = None,
) -> go.Figure:
    """Draw the median error by hour of the day, with the number of photos above each bar.

    Args:
        hours: `(n,)` hours of the day; photos without one (NaN) are not counted.
        errors: `(n,)` errors; NaN is not counted.
        title: Title of the value axis, with its unit.
        palette: Colours of the theme.
        refined: Whether they are refined errors, for the colour.
        chosen: The selected hours; bars outside of them are faint.

    Returns:
        Bars whose `customdata` are both ends in hours.
    """
    table = pd.DataFrame({"hour": hours, "error": errors}).dropna()
    found = table.groupby(table["hour"].astype(int))["error"].agg(["median", "size"])
    spans = [(int(hour), int(hour) + 1) for hour in found.index]
    figure = _bars(
        found.index.tolist(), found["median"], spans, palette, refined=refined, chosen=chosen,
        texts=[f"{count:,}" for count in found["size"]],
    )  # fmt: skip
    figure.update_traces(hovertemplate="%{x}:00: %{y:.1f}, %{text} photos<extra></extra>")
    figure.update_xaxes(title="hour of the day (photos above each bar)", dtick=1)
    figure.update_yaxes(title=title, rangemode="tozero")
    return figure


def heading_error_by_heading(
    errors: pd.DataFrame, palette: Palette, *, chosen: Span | None = None
) -> go.Figure:
    """Draw the median heading error by true heading, in sectors of 30 degrees.

    Args:
        errors: Columns `true_angle` and the two heading errors, in degrees.
        palette: Colours of the theme.
        chosen: The selected sector, clockwise from its first end; others are faint.

    Returns:
        A compass, north up and clockwise, under invisible marks (`sector_targets`); the length of
        a petal is the median error.
    """
    sector = (errors["true_angle"] + _SECTOR_DEG / 2) % 360 // _SECTOR_DEG * _SECTOR_DEG
    figure = go.Figure()
    found = errors.groupby(sector)[["heading_error_deg", "heading_error_refined_deg"]].median()
    sizes = errors.groupby(sector).size()
    for column, name, colour, _ in _pair("heading_error_deg", "heading_error_refined_deg", palette):
        figure.add_barpolar(
            theta=found.index,
            r=found[column],
            width=_SECTOR_DEG * 0.9,
            name=name,
            marker={
                "color": css(colour, 0.55), "line": {"color": colour, "width": 1},
                "opacity": [_opacity(in_sector(one, chosen)) for one in found.index],
            },
            hoverinfo="skip",
        )  # fmt: skip
    texts = [
        f"{one:.0f}°, {sizes[one]:,} photos<br>refined {refined:.1f}°, network alone {raw:.1f}°"
        for one, raw, refined in found.itertuples()
    ]
    longest = float(found.to_numpy().max()) if len(found) else 1.0
    figure.add_trace(sector_targets(found.index, _SECTOR_DEG, longest, texts))
    figure.update_layout(
        height=380,
        margin={"l": 40, "r": 40, "t": 30, "b": 30},
        legend=_LEGEND,
        clickmode="event+select",
        # Without a mode of dragging, a polar chart takes no clicks.
        dragmode="zoom",
        polar={
            "barmode": "overlay",
            "bgcolor": "rgba(0,0,0,0)",
            "angularaxis": compass(palette),
            "radialaxis": {
                "ticksuffix": "°", "angle": 90, "gridcolor": css(palette.faint, 0.4), "nticks": 5,
                "range": [0, longest],
            },
        },
    )  # fmt: skip
    return figure


def error_by_region(
    errors: pd.DataFrame, raw: str, refined: str, title: str, palette: Palette
) -> go.Figure:
    """Draw the spread of an error in every true region.

    Args:
        errors: Columns `true_region` (text) and the two errors.
        raw: Column of the model's own error.
        refined: Column of the refined error.
        title: Title of the value axis, with its unit.
        palette: Colours of the theme.

    Returns:
        Boxes from the lower to the upper quartile about the median, regions in the table's order.
    """
    figure = go.Figure()
    for column, name, colour, _ in _pair(raw, refined, palette):
        figure.add_box(
            x=errors["true_region"],
            y=errors[column],
            name=name,
            boxpoints=False,
            marker={"color": colour},
        )
    figure.update_layout(height=340, margin=_MARGIN, legend=_LEGEND, boxmode="group")
    order = list(dict.fromkeys(errors["true_region"]))
    figure.update_xaxes(
        title="true region", type="category", categoryorder="array", categoryarray=order
    )
    figure.update_yaxes(title=title, rangemode="tozero")
    return figure


def _bars(
    x: Sequence[Any],
    heights: ArrayLike,
    spans: Sequence[Span],
    palette: Palette,
    *,
    refined: bool,
    chosen: Span | None,
    texts: Sequence[str] | None = None,
) -> go.Figure:
    """Bars with both ends of each as `customdata`; those outside of the chosen span are faint."""
    figure = go.Figure(
        go.Bar(
            x=list(x), y=np.asarray(heights), customdata=[list(span) for span in spans],
            text=texts, textposition="outside", cliponaxis=False,
            marker={
                "color": palette.refined if refined else palette.prediction,
                "opacity": [_opacity(_overlap(span, chosen)) for span in spans],
            },
            hovertemplate="%{x}: %{y:,} photos<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        height=320, margin=_MARGIN | {"t": 24}, bargap=0.1, clickmode="event+select",
        dragmode=False, showlegend=False,
    )  # fmt: skip
    figure.update_yaxes(title="photos")
    return figure


def _overlap(span: Span, chosen: Span | None) -> bool:
    """Whether a bar shares something with the chosen span; -1 is no upper end."""
    if chosen is None:
        return True
    low, high = span
    return low < chosen[1] and (np.inf if high < 0 else high) > chosen[0]


def _opacity(chosen: bool) -> float:
    return 1.0 if chosen else FAINT


def _pair(raw: str, refined: str, palette: Palette) -> tuple[tuple[str, str, str, str], ...]:
    return (
        (raw, "network alone", palette.prediction, "dot"),
        (refined, "refined by training photos", palette.refined, "solid"),
    )
