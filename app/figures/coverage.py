"""Coverage: the measured share of true values inside predicted areas against the promised one."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app.theme import Palette
from core.evaluation.report_coverage import (
    Coverage,
    CoverageOfPhotos,
    CoverageReport,
)

NAMES = {"radius": "radius", "region": "region", "wedge": "heading wedge"}
_SYMBOLS = {"radius": "circle", "region": "diamond", "wedge": "triangle-up"}
_MARGIN = {"l": 10, "r": 10, "t": 10, "b": 10}
_LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"}


def sizes_of(coverage: CoverageOfPhotos) -> list[str]:
    """Which of the three sizes were measured at some level, in the order of `NAMES`."""
    by_size = coverage.by_size
    return [name for name in NAMES if any(one.measured is not None for one in by_size[name])]


def coverage_overall(coverage: CoverageReport, palette: Palette) -> go.Figure:
    """Measured coverage against the promised one, with 95% intervals."""
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="as promised",
                       line={"color": palette.faint, "dash": "dot"}, hoverinfo="skip")  # fmt: skip
    for offset, name in enumerate(sizes_of(coverage.overall)):
        entries = [one for one in coverage.overall.by_size[name] if one.measured is not None]
        measured = [one.measured for one in entries]
        figure.add_scatter(
            # Side by side, so that three intervals do not hide one another.
            x=[one.promised + 0.02 * (offset - 1) for one in entries],
            y=measured, mode="markers", name=NAMES[name],
            marker={"size": 11, "symbol": _SYMBOLS[name], "color": _colour(name, palette)},
            error_y=_intervals(entries), customdata=[one.promised for one in entries],
            hovertemplate="%{customdata:.0%} promised, %{y:.1%} measured<extra></extra>",
        )  # fmt: skip
    figure.update_layout(height=360, margin=_MARGIN, legend=_LEGEND)
    figure.update_xaxes(title="promised", tickformat=".0%", range=[0.3, 1.0])
    figure.update_yaxes(title="measured", tickformat=".0%", range=[0.2, 1.02])
    return figure


def coverage_regions(
    coverage: CoverageReport, names: Mapping[str, str], palette: Palette, level: float = 0.9
) -> go.Figure:
    """Measured coverage in each region at one promised level, with 95% intervals."""
    figure = go.Figure()
    regions = coverage.per_region
    index = coverage.levels.index(level)
    titles = [f"{names.get(region, region)} ({each.n})" for region, each in regions.items()]
    for name in sizes_of(coverage.overall):
        entries = [each.by_size[name][index] for each in regions.values()]
        figure.add_scatter(
            x=[one.measured for one in entries], y=titles, mode="markers", name=NAMES[name],
            marker={"size": 9, "symbol": _SYMBOLS[name], "color": _colour(name, palette)},
            error_x=_intervals(entries) if name == "radius" else None,
            hovertemplate="%{y}: %{x:.1%} measured<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.add_vline(x=level, line={"color": palette.faint, "dash": "dot"})
    figure.update_layout(height=120 + 28 * len(titles), margin=_MARGIN, legend=_LEGEND)
    title = f"measured ({level:.0%} promised)"
    figure.update_xaxes(title=title, tickformat=".0%", range=[0.3, 1.02])
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
        "array": [above for _, above in ends], "arrayminus": [below for below, _ in ends],
    }  # fmt: skip


def _colour(name: str, palette: Palette) -> str:
    return {"radius": palette.refined, "region": palette.truth, "wedge": palette.prediction}[name]
