"""Position and heading errors of many photos: distributions, by direction and by region."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.figures.axes import compass
from app.theme import Palette, css

_SECTOR_DEG = 30
_BIN_DEG = 5
_MARKS_M = (5, 10, 25, 50)
_MARGIN = {"l": 10, "r": 10, "t": 10, "b": 10}
_LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"}


def position_error_cdf(errors: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw the share of photos with a position error of at most x metres.

    Args:
        errors: Columns `error_m` and `error_refined_m`, one row a photo.
        palette: Colours of the theme.
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


def heading_error_histogram(errors: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw the number of photos by heading error, in bins of 5 degrees.

    Args:
        errors: Columns `heading_error_deg` and `heading_error_refined_deg`, in `[0, 180]`.
        palette: Colours of the theme.
    """
    figure = go.Figure()
    edges = np.arange(0, 180 + _BIN_DEG, _BIN_DEG)
    for column, name, colour, _ in _pair("heading_error_deg", "heading_error_refined_deg", palette):
        counts, _ = np.histogram(errors[column].to_numpy(np.float64), bins=edges)
        figure.add_bar(x=edges[:-1] + _BIN_DEG / 2, y=counts, name=name, marker={"color": colour})
    figure.update_layout(height=320, margin=_MARGIN, legend=_LEGEND, barmode="group", bargap=0.1)
    figure.update_xaxes(title="heading error (°)", dtick=30, range=[0, 180])
    figure.update_yaxes(title="photos")
    return figure


def heading_error_by_heading(errors: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw the median heading error by true heading, in sectors of 30 degrees.

    Args:
        errors: Columns `true_angle` and the two heading errors, in degrees.
        palette: Colours of the theme.

    Returns:
        A compass, north up and clockwise; the length of a petal is the median error.
    """
    sector = (errors["true_angle"] + _SECTOR_DEG / 2) % 360 // _SECTOR_DEG * _SECTOR_DEG
    figure = go.Figure()
    for column, name, colour, _ in _pair("heading_error_deg", "heading_error_refined_deg", palette):
        medians = errors.groupby(sector)[column].agg(["median", "size"])
        figure.add_barpolar(
            theta=medians.index,
            r=medians["median"],
            width=_SECTOR_DEG * 0.9,
            name=name,
            marker={"color": css(colour, 0.55), "line": {"color": colour, "width": 1}},
            customdata=medians["size"],
            hovertemplate="%{theta}°: %{r:.1f}° over %{customdata} photos<extra>"
            + name
            + "</extra>",
        )
    figure.update_layout(
        height=380,
        margin={"l": 40, "r": 40, "t": 30, "b": 30},
        legend=_LEGEND,
        polar={
            "barmode": "overlay",
            "bgcolor": "rgba(0,0,0,0)",
            "angularaxis": compass(palette),
            "radialaxis": {"ticksuffix": "°", "angle": 90, "gridcolor": css(palette.faint, 0.4)},
        },
    )
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


def _pair(raw: str, refined: str, palette: Palette) -> tuple[tuple[str, str, str, str], ...]:
    return (
        (raw, "network alone", palette.prediction, "dot"),
        (refined, "refined by training photos", palette.refined, "solid"),
    )
