"""Figures of a search: history, importance of options, and parallel coordinates of trials."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from app.figures.axes import inert, per_cent, share_axis, titled
from app.figures.parallel import broken, choice_axis, lines, number_axis
from app.theme import Palette
from core.amounts import percent
from core.tuning.space import Distribution

# More axes than this cannot be told apart on a laptop's screen.
_MOST_AXES = 8


def history(
    table: pd.DataFrame, monitor: str, higher_is_better: bool, palette: Palette
) -> go.Figure:
    """Draw every trial's figure by its number, and the best one so far.

    Args:
        table: One row a trial: `trial`, `state` (finished, pruned, running, failed) and `monitor`.
        monitor: Name of the column with the figure.
        higher_is_better: Which way the search goes.
        palette: Colours of the reader's theme.
    """
    figure = go.Figure()
    looks = {
        "finished": ("circle", palette.refined),
        "pruned": ("x-thin-open", palette.faint),
        "running": ("circle-open", palette.evidence),
    }
    for state, (symbol, colour) in looks.items():
        rows = table[(table["state"] == state) & table[monitor].notna()]
        if len(rows):
            figure.add_scatter(
                x=rows["trial"], y=rows[monitor], mode="markers", name=state,
                marker={"symbol": symbol, "color": colour, "size": 9,
                        "line": {"width": 2, "color": colour}},
                hovertemplate=f"trial %{{x}}<br>{monitor} %{{y:.4g}}<extra>{state}</extra>",
            )  # fmt: skip
    ended = table[table["state"] == "finished"].sort_values("trial")
    if len(ended):
        best = ended[monitor].cummax() if higher_is_better else ended[monitor].cummin()
        figure.add_scatter(
            x=ended["trial"], y=best, mode="lines", name="best so far", hoverinfo="skip",
            line={"color": palette.prediction, "shape": "hv", "width": 2},
        )  # fmt: skip
    titled(figure, x="trial", y=monitor.replace("_", " "), height=320)
    dtick = 1 if len(table) <= 20 else None
    figure.update_xaxes(dtick=dtick, range=[-0.5, max(len(table), 2) - 0.5])
    return figure.update_layout(uirevision="history", hovermode="closest")


def importances(shares: Mapping[str, float], palette: Palette) -> go.Figure:
    """Draw how much of the figure's variance each option explains, the greatest on top."""
    rows = sorted(shares.items(), key=lambda entry: entry[1])
    names, values = [name for name, _ in rows], [value for _, value in rows]
    figure = go.Figure(
        go.Bar(
            x=per_cent(values),
            y=[inert(name) for name in names],
            orientation="h",
            marker={"color": palette.refined},
            text=[percent(value) for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    titled(figure, x="explained variance", y="", height=110 + 28 * len(rows))
    return figure.update_xaxes(share_axis("explained variance", 0, max(values, default=1.0) * 1.15))


def parallel(
    table: pd.DataFrame,
    monitor: str,
    space: Mapping[str, Distribution],
    shown: Sequence[str],
    higher_is_better: bool,
    palette: Palette,
) -> go.Figure:
    """Draw each finished trial as a line through its options to its figure.

    Args:
        table: One row a trial, as `StudyView.table`.
        monitor: Name of the column with the figure.
        space: What each option was drawn from; log ranges get a log axis, choices a step each.
        shown: Options in the order of their axes; the first eight are drawn.
        higher_is_better: Which end of the colours is the good one.
        palette: Colours of the reader's theme.
    """
    rows = table[table["state"] == "finished"]
    axes = [_axis(path, rows[path].tolist(), space[path]) for path in shown[:_MOST_AXES]]
    figures = rows[monitor].astype(float)
    axes.append({"label": monitor.replace("_", " "), "values": figures.tolist()})
    title = monitor.replace("_", " ")
    return lines(axes, figures.tolist(), title, higher_is_better, palette)


def _axis(path: str, values: list[Any], distribution: Distribution) -> dict[str, Any]:
    label = broken(path)
    if distribution.choices:
        names = [_named(choice) for choice in distribution.choices]
        return choice_axis(label, [_named(value) for value in values], names)
    numbers = [float(value) for value in values]
    low, high = distribution.low or 0.0, distribution.high or 0.0
    return number_axis(label, numbers, low, high, log=distribution.log)


def _named(choice: Any) -> str:  # noqa: ANN401 - any option's value
    """A choice as the table of trials writes it."""
    if isinstance(choice, str):
        return choice
    return str(choice) if not isinstance(choice, list | dict) else json.dumps(choice)
