"""Position and heading errors of many photos: distributions, by direction and by region."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import (
    LEGEND,
    MARGIN,
    compass,
    in_sector,
    inert,
    opacity,
    overlap,
    per_cent,
    sector_targets,
    share_axis,
    targets,
)
from app.theme import Palette, css

Span = tuple[float, float]
_SECTOR_DEG = 30
_BIN_DEG = 10
_STEPS_M = (0, 1, 2.5, 5, 10, 25, 50, 100, 250)
_MARKS_M = (5, 10, 25, 50)
_MOST_TARGETS = 300


def position_error_cdf(
    errors: pd.DataFrame,
    palette: Palette,
    baselines: pd.DataFrame | None = None,
    *,
    every: pd.DataFrame | None = None,
    refined: bool = True,
    chosen: Span | None = None,
) -> go.Figure:
    """Draw the share of photos with a position error of at most x metres.

    Args:
        errors: Columns `error_m` and `error_refined_m`, one row a photo.
        palette: Colours of the theme.
        baselines: Marks of other predictors: columns `name`, `within_m` and `share`.
        every: The same columns of all photos, drawn faint behind those of a filter.
        refined: Whether a selection is one of refined errors.
        chosen: The selected errors, which are shaded.

    Returns:
        Lines, and invisible marks on one of them that a box selects; the `customdata` of each are
        an error and the next.
    """
    figure = go.Figure()
    for column, name, colour, dash in _pair("error_m", "error_refined_m", palette):
        if every is not None:
            _add_cdf(figure, every[column], f"all photos, {name}", colour, "dot", width=1)
        _add_cdf(figure, errors[column], name, colour, dash, width=3)
    if baselines is not None and len(baselines):
        figure.add_scatter(
            x=baselines["within_m"], y=per_cent(baselines["share"]),
            text=baselines["name"].map(inert), name="baselines", mode="markers",
            marker={"symbol": "diamond-open", "size": 9, "color": palette.text},
            hovertemplate="%{text}: %{y:.1f} % within %{x} m<extra></extra>",
        )  # fmt: skip
    for mark in _MARKS_M:
        figure.add_vline(x=mark, line={"color": palette.faint, "width": 1, "dash": "dot"})
    figure.add_trace(_box_targets(errors["error_refined_m" if refined else "error_m"]))
    if chosen is not None:
        high = chosen[1] if np.isfinite(chosen[1]) else 1e6
        figure.add_vrect(
            x0=max(chosen[0], 0.1), x1=high, fillcolor=palette.evidence, opacity=0.15, line_width=0
        )
    figure.update_layout(height=340, margin=MARGIN, legend=LEGEND, dragmode="select")
    figure.update_xaxes(
        title="position error (m), logarithmic",
        type="log",
        range=[-1, float(np.log10(max(100.0, float(errors["error_m"].max()) * 1.1)))]
        if len(errors) and np.isfinite(errors["error_m"].max())
        else None,
        tickvals=[0.1, 0.5, 1, 2, *_MARKS_M, 100, 200, 500, 1000],
        ticktext=["≤ 0.1", "0.5", "1", "2", *map(str, _MARKS_M), "100", "200", "500", "1000"],
    )
    figure.update_yaxes(share_axis("share of photos", 0, 1.02))
    return figure


def _add_cdf(
    figure: go.Figure, values: pd.Series, name: str, colour: str, dash: str, *, width: int
) -> None:
    ordered = np.sort(values.to_numpy(np.float64))
    figure.add_scatter(
        x=np.maximum(ordered, 0.1),
        y=per_cent((np.arange(len(ordered)) + 1) / max(len(ordered), 1)),
        name=name,
        mode="lines",
        line={"color": colour, "width": width, "dash": dash, "shape": "hv"},
        hovertemplate="%{y:.0f} % within %{x:.1f} m<extra>" + name + "</extra>",
    )


def _box_targets(values: pd.Series) -> go.Scatter:
    """Invisible marks along a curve; a few hundred serve a box as well as one a photo."""
    ordered = np.sort(values.dropna().to_numpy(np.float64))
    rows = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), _MOST_TARGETS)).astype(int))
    ends = np.append(ordered[rows[1:]], -1.0) if len(rows) else np.zeros(0)
    invisible = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=np.maximum(ordered[rows], 0.1), y=per_cent((rows + 1) / max(len(ordered), 1)),
        mode="markers", marker={"opacity": 0, "size": 6}, selected=invisible,
        unselected=invisible, showlegend=False, hoverinfo="skip",
        customdata=np.stack([ordered[rows], ends], axis=1).round(3).tolist(),
    )  # fmt: skip


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
                "opacity": [opacity(in_sector(one, chosen)) for one in found.index],
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
        legend=LEGEND,
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
    errors: pd.DataFrame,
    raw: str,
    refined: str,
    title: str,
    palette: Palette,
    *,
    names: Mapping[str, str],
    chosen: Sequence[str] = (),
) -> go.Figure:
    """Draw the spread of an error in every true region.

    Args:
        errors: Columns `true_region` (its id) and the two errors.
        raw: Column of the model's own error.
        refined: Column of the refined error.
        title: Title of the value axis, with its unit.
        palette: Colours of the theme.
        names: Display name by region id, in the order of the chart.
        chosen: Ids of the selected regions, if any; the boxes of others are faint.

    Returns:
        Boxes from the lower to the upper quartile about the median, under invisible bars whose
        `customdata` is the region's id. Whiskers go on to the largest error, out of the chart.
    """
    figure = go.Figure()
    there = set(errors["true_region"])
    order = [region for region in [*names, *sorted(there - set(names))] if region in there]
    shown = {region: inert(names.get(region, region)) for region in order}
    faded = errors["true_region"].isin(chosen) if len(chosen) else pd.Series(True, errors.index)
    for column, name, colour, _ in _pair(raw, refined, palette):
        for rows, clear in ((errors[faded], True), (errors[~faded], False)):
            if len(rows):
                figure.add_box(
                    x=rows["true_region"].map(shown), y=rows[column], name=name,
                    boxpoints=False, marker={"color": colour}, opacity=opacity(clear),
                    hoverinfo="skip", offsetgroup=name, legendgroup=name, showlegend=clear,
                )  # fmt: skip
    quartiles = errors.groupby("true_region")[[raw, refined]].quantile([0.5, 0.75]).unstack()
    sizes = errors["true_region"].value_counts()
    texts = [
        f"{shown[region]}: {sizes[region]:,} photos<br>median refined "
        f"{quartiles.loc[region, (refined, 0.5)]:.1f}, network alone "
        f"{quartiles.loc[region, (raw, 0.5)]:.1f}"
        for region in order
    ]
    fences = _fences(errors.groupby("true_region")[[raw, refined]], order)
    figure.add_trace(targets(list(shown.values()), fences, [[one] for one in order], texts))
    figure.update_layout(
        height=340, margin=MARGIN, legend=LEGEND, boxmode="group", barmode="overlay",
        clickmode="event+select", dragmode=False,
    )  # fmt: skip
    figure.update_xaxes(
        title="true region", type="category", categoryorder="array",
        categoryarray=list(shown.values()),
    )  # fmt: skip
    # One photo that is hundreds of metres off would flatten every box.
    figure.update_yaxes(title=title, range=[0, 1.02 * max(fences, default=1.0)])
    return figure


def _fences(by_region: Any, order: Sequence[str]) -> list[float]:  # noqa: ANN401 - of pandas
    """Height of each region's part of a chart: 2.5 times the box, but no more than its largest."""
    upper, largest = by_region.quantile(0.75).max(axis=1), by_region.max().max(axis=1)
    return [max(min(2.5 * upper[region], largest[region]), 1e-6) for region in order]


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
                "opacity": [opacity(overlap(span, chosen)) for span in spans],
            },
            hovertemplate="%{x}: %{y:,} photos<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        height=320, margin=MARGIN | {"t": 24}, bargap=0.1, clickmode="event+select",
        dragmode=False, showlegend=False,
    )  # fmt: skip
    figure.update_yaxes(title="photos")
    return figure


def _pair(raw: str, refined: str, palette: Palette) -> tuple[tuple[str, str, str, str], ...]:
    return (
        (raw, "network alone", palette.prediction, "dot"),
        (refined, "refined by training photos", palette.refined, "solid"),
    )
