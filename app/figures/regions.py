"""Regions and headings: photos by region and by heading, probabilities and errors by region."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from app.figures.axes import (
    FAINT,
    compass,
    in_sector,
    inert,
    per_cent,
    sector_targets,
    share_axis,
    titled,
)
from app.theme import Palette, css
from core.amounts import percent

SECTORS = 24


def region_counts(
    counts: Mapping[str, Mapping[str, int]],
    palette: Palette,
    ids: Mapping[str, str] | None = None,
    chosen: Sequence[str] = (),
) -> go.Figure:
    """Photos of each region, stacked by part.

    Args:
        counts: Part (`train`, `val`, `test`, or `photos`) -> region -> number of photos.
        palette: Colours of the reader's theme.
        ids: Region -> its id, which is the `customdata` of its bars.
        chosen: Ids of the selected regions, if any; the bars of others are faint.
    """
    figure = go.Figure()
    for index, (name, parts) in enumerate(counts.items()):
        figure.add_bar(
            x=[inert(region) for region in parts], y=list(parts.values()), name=name,
            marker_color=palette.series[index],
            hovertemplate="%{x}: %{y:,} photos<extra>" + name + "</extra>",
            customdata=[[ids[region]] for region in parts] if ids else None,
            marker_opacity=[
                1.0 if not chosen or not ids or ids[region] in chosen else FAINT for region in parts
            ],
        )  # fmt: skip
    titled(figure, x="Region", y="Photos", height=340)
    figure.update_layout(barmode="stack", showlegend=len(counts) > 1)
    return figure.update_xaxes(type="category", tickangle=-40)


def region_probabilities(
    probabilities: ArrayLike, regions: Sequence[str], palette: Palette, *, most: int = 6
) -> go.Figure:
    """The likeliest regions of one photo as horizontal bars, the likeliest on top.

    Args:
        probabilities: `(R,)` shares that sum to 1.
        regions: R names in the same order.
        palette: Colours of the reader's theme.
        most: How many regions to show; the rest is one bar.
    """
    values = np.asarray(probabilities, np.float64)
    order = np.argsort(values)[::-1][:most]
    names = [inert(regions[index]) for index in order]
    shown = [float(values[index]) for index in order]
    if len(values) > most:
        names.append("all others")
        shown.append(max(0.0, 1.0 - sum(shown)))
    bars = go.Bar(
        x=per_cent(shown), y=names, orientation="h",
        text=[percent(value) for value in shown],
        textposition="outside", cliponaxis=False, hoverinfo="skip",
        marker_color=[palette.refined] + [palette.faint] * (len(names) - 1),
    )  # fmt: skip
    figure = titled(go.Figure(bars), x="Probability", y="", height=70 + 28 * len(names))
    figure.update_xaxes(share_axis("Probability", 0, 1.12) | {"tickvals": [0, 25, 50, 75, 100]})
    return figure.update_yaxes(type="category", autorange="reversed")


def sector_counts(heading_deg: ArrayLike, sectors: int = SECTORS) -> np.ndarray:
    """Photos `(sectors,)` by heading; sector 0 is centred on north, so that north is not cut."""
    heading = np.asarray(heading_deg, np.float64)
    width = 360.0 / sectors
    which = np.floor(np.mod(heading[np.isfinite(heading)] + width / 2, 360.0) / width)
    return np.bincount(which.astype(np.int64) % sectors, minlength=sectors)


def heading_rose(
    heading_deg: ArrayLike,
    palette: Palette,
    *,
    sectors: int = SECTORS,
    chosen: tuple[float, float] | None = None,
) -> go.Figure:
    """How many photos face each way: north up, clockwise.

    Args:
        heading_deg: `(n,)` degrees clockwise from north; NaN is left out.
        palette: Colours of the reader's theme.
        sectors: Into how many petals the circle is cut.
        chosen: The selected sector, clockwise from its first end, if any; others are faint.

    Returns:
        Petals under invisible marks (`sector_targets`).
    """
    width = 360.0 / sectors
    theta, counts = np.arange(sectors) * width, sector_counts(heading_deg, sectors)
    longest = float(max(counts.max(), 1))
    figure = go.Figure(
        go.Barpolar(
            r=counts,
            theta=theta,
            width=width * 0.92,
            marker={
                "color": css(palette.truth, 0.6), "line": {"color": palette.truth, "width": 1},
                "opacity": [1.0 if in_sector(one, chosen) else FAINT for one in theta],
            },
            hoverinfo="skip",
        )
    )  # fmt: skip
    texts = [f"{one:.0f}°: {count:,} photos" for one, count in zip(theta, counts, strict=True)]
    figure.add_trace(sector_targets(theta, width, longest, texts))
    figure.update_layout(
        height=340,
        clickmode="event+select",
        # Without a mode of dragging, a polar chart takes no clicks.
        dragmode="zoom",
        margin={"l": 40, "r": 40, "t": 30, "b": 30},
        showlegend=False,
        polar={
            "bgcolor": "rgba(0,0,0,0)",
            "angularaxis": compass(palette),
            "radialaxis": {
                "angle": 90, "nticks": 4, "gridcolor": css(palette.faint, 0.4),
                "range": [0, longest],
            },
        },
    )  # fmt: skip
    return figure
