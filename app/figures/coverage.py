"""Coverage: the measured share of true values inside predicted areas against the promised one."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app.figures.axes import LEGEND, MARGIN, inert, opacity, per_cent, share_axis
from app.theme import Palette
from core.amounts import percent
from core.evaluation.report_coverage import (
    Coverage,
    CoverageOfPhotos,
    CoverageReport,
)

NAMES = {"radius": "radius", "region": "region", "wedge": "heading wedge"}
_SYMBOLS = {"radius": "circle", "region": "diamond", "wedge": "triangle-up"}


def sizes_of(coverage: CoverageOfPhotos) -> list[str]:
    """Which of the three sizes were measured at some level, in the order of `NAMES`."""
    by_size = coverage.by_size
    return [name for name in NAMES if any(one.measured is not None for one in by_size[name])]


def coverage_overall(
    coverage: CoverageReport,
    palette: Palette,
    some: Mapping[str, Mapping[float, float]] | None = None,
) -> go.Figure:
    """Draw the measured coverage against the promised one, with 95 % intervals.

    Args:
        coverage: Of all photos.
        palette: Colours of the theme.
        some: Measured share by promised one, by size, of the photos of a filter: open marks.
    """
    figure = go.Figure()
    figure.add_scatter(x=[0, 100], y=[0, 100], mode="lines", name="as promised",
                       line={"color": palette.faint, "dash": "dot"}, hoverinfo="skip")  # fmt: skip
    for offset, name in enumerate(sizes_of(coverage.overall)):
        entries = [one for one in coverage.overall.by_size[name] if one.measured is not None]
        measured = [float(one.measured or 0.0) for one in entries]
        figure.add_scatter(
            # Side by side, so that three intervals do not hide one another.
            x=per_cent([one.promised + 0.02 * (offset - 1) for one in entries]),
            y=per_cent(measured), mode="markers", name=NAMES[name],
            marker={"size": 11, "symbol": _SYMBOLS[name], "color": _colour(name, palette)},
            error_y=_intervals(entries), customdata=per_cent([one.promised for one in entries]),
            hovertemplate="%{customdata:.0f} % promised, %{y:.1f} % measured<extra></extra>",
        )  # fmt: skip
        if some is not None and (shares := some.get(name)):
            figure.add_scatter(
                x=per_cent([promised + 0.02 * (offset - 1) for promised in shares]),
                y=per_cent(list(shares.values())), mode="markers", showlegend=False,
                name=f"{NAMES[name]}, photos of the filter",
                marker={"size": 13, "symbol": f"{_SYMBOLS[name]}-open",
                        "color": _colour(name, palette), "line": {"width": 2}},
                hovertemplate="photos of the filter: %{y:.1f} % measured<extra></extra>",
            )  # fmt: skip
    figure.update_layout(height=360, margin=MARGIN, legend=LEGEND)
    figure.update_xaxes(share_axis("promised", 0.3, 1.0))
    figure.update_yaxes(share_axis("measured", 0.2, 1.02))
    return figure


def coverage_regions(
    coverage: CoverageReport,
    names: Mapping[str, str],
    palette: Palette,
    level: float = 0.9,
    *,
    chosen: Sequence[str] = (),
) -> go.Figure:
    """Draw the measured coverage of each region at one promised level, with 95 % intervals.

    Args:
        coverage: Of all photos.
        names: Display name by region id.
        palette: Colours of the theme.
        level: The promised share.
        chosen: Ids of the selected regions, if any; the marks of others are faint.

    Returns:
        Marks whose `customdata` is the region's id.
    """
    figure = go.Figure()
    regions = coverage.per_region
    index = coverage.levels.index(level)
    titles = [
        f"{inert(names.get(region, region))} ({each.n:,})" for region, each in regions.items()
    ]
    for name in sizes_of(coverage.overall):
        entries = [each.by_size[name][index] for each in regions.values()]
        figure.add_scatter(
            x=[None if one.measured is None else 100 * one.measured for one in entries],
            y=titles, mode="markers", name=NAMES[name], customdata=[[one] for one in regions],
            marker={
                "size": 9, "symbol": _SYMBOLS[name], "color": _colour(name, palette),
                "opacity": [opacity(not chosen or one in chosen) for one in regions],
            },
            error_x=_intervals(entries) if name == "radius" else None,
            hovertemplate="%{y}: %{x:.1f} % measured<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.add_vline(x=100 * level, line={"color": palette.faint, "dash": "dot"})
    figure.update_layout(height=120 + 28 * len(titles), margin=MARGIN, legend=LEGEND)
    figure.update_layout(clickmode="event+select", dragmode=False)
    figure.update_xaxes(share_axis(f"measured ({percent(level)} promised)", 0.3, 1.02))
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _intervals(entries: Sequence[Coverage]) -> dict[str, Any]:
    ends = [
        (0.0, 0.0)
        if each.measured is None or each.interval is None
        else (each.measured - each.interval[0], each.interval[1] - each.measured)
        for each in entries
    ]
    return {
        "type": "data", "symmetric": False, "thickness": 1.5,
        "array": per_cent([above for _, above in ends]),
        "arrayminus": per_cent([below for below, _ in ends]),
    }  # fmt: skip


def _colour(name: str, palette: Palette) -> str:
    return {"radius": palette.refined, "region": palette.truth, "wedge": palette.prediction}[name]
