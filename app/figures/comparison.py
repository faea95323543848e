"""Predictors compared: bars of the model and its baselines, and a forest plot of differences."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.axes import inert
from app.theme import Palette, css

_AXES = {
    "share": "difference in percentage points",
    "m": "difference in metres",
    "deg": "difference in degrees",
}
_SYMBOLS = {"better": "triangle-right", "worse": "triangle-left"}
_SHOWN = {"share": 100.0, "m": 1.0, "deg": 1.0}
_SPREAD = 0.6


def baseline_bars(table: pd.DataFrame, measure: str, title: str, palette: Palette) -> go.Figure:
    """Draw one bar a predictor, the model's own in their fixed colours.

    Args:
        table: Columns `name`, `kind` (`prediction`, `refined` or `baseline`), `given_truth` (bool)
            and the measure; rows without the measure are left out.
        measure: The column to draw.
        title: Title of the value axis, with its unit.
        palette: Colours of the theme.

    Returns:
        Horizontal bars in the order of the table; a hatched one was given a piece of the truth,
        which no real photo comes with.
    """
    rows = table.dropna(subset=[measure]).iloc[::-1]
    colours = {"prediction": palette.prediction, "refined": palette.refined}
    figure = go.Figure(
        go.Bar(
            x=rows[measure],
            y=rows["name"].map(inert),
            orientation="h",
            marker={
                "color": [colours.get(kind, palette.faint) for kind in rows["kind"]],
                "pattern": {"shape": ["/" if given else "" for given in rows["given_truth"]]},
            },
            text=[f"{value:.3g}" for value in rows[measure]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3g}<extra></extra>",
        )
    )
    figure.update_layout(height=80 + 32 * len(rows), margin={"l": 10, "r": 40, "t": 10, "b": 10})
    figure.update_xaxes(title=title, rangemode="tozero")
    return figure


def forest(table: pd.DataFrame, palette: Palette) -> go.Figure:
    """Draw one line per measure and model, its interval across it, zero in the middle.

    Args:
        table: Columns `model`, `title`, `unit` (share, m or deg), `higher_is_better`,
            `difference`, `low`, `high` (NaN where there is no interval) and `verdict`.
        palette: Colours of the theme.

    Returns:
        A panel per unit. Axes of errors are reversed, so that right is better everywhere; a filled
        triangle marks a difference beyond zero, an open circle one that is not.
    """
    units = [unit for unit in _AXES if (table["unit"] == unit).any()]
    counts = [table.loc[table["unit"] == unit, "title"].nunique() for unit in units]
    figure = make_subplots(rows=len(units), cols=1, row_heights=counts, vertical_spacing=0.15)
    models = list(dict.fromkeys(table["model"]))
    for row, unit in enumerate(units, start=1):
        part = table[table["unit"] == unit]
        titles = list(dict.fromkeys(part["title"]))
        for index, model in enumerate(models):
            rows = part[part["model"] == model]
            figure.add_trace(
                _points(rows, titles, index, len(models), palette, show=row == 1), row=row, col=1
            )
        figure.update_yaxes(
            tickvals=list(range(len(titles))), ticktext=titles, row=row, col=1,
            range=[len(titles) - 0.5, -0.5], showgrid=False, zeroline=False, automargin=True,
        )  # fmt: skip
        figure.update_xaxes(
            title={"text": f"{_AXES[unit]} (right is better)", "font": {"size": 12}},
            range=_range(part, unit), showgrid=True, gridcolor=css(palette.faint, 0.25),
            zeroline=True, zerolinecolor=palette.text, zerolinewidth=1.5, row=row, col=1,
        )  # fmt: skip
    figure.update_layout(
        height=110 * len(units) + 34 * sum(counts) + 10 * len(models) * sum(counts),
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.0},
        showlegend=len(models) > 1,
    )
    return figure


def _points(
    rows: pd.DataFrame, titles: list[str], index: int, count: int, palette: Palette, *, show: bool
) -> go.Scatter:
    scale = rows["unit"].map(_SHOWN)
    colour = palette.series[index % len(palette.series)]
    off = _SPREAD * ((index + 0.5) / count - 0.5)
    difference = rows["difference"] * scale
    return go.Scatter(
        x=difference,
        y=[titles.index(title) + off for title in rows["title"]],
        name=inert(rows["model"].iloc[0]),
        legendgroup=str(index),
        showlegend=show,
        mode="markers",
        marker={
            "color": colour,
            "size": 10,
            "symbol": [_SYMBOLS.get(verdict, "circle-open") for verdict in rows["verdict"]],
            "line": {"width": 2, "color": colour},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": rows["high"] * scale - difference,
            "arrayminus": difference - rows["low"] * scale,
            "color": colour,
            "thickness": 2,
        },
        customdata=rows[["title", "verdict"]].to_numpy(),
        hovertemplate="%{customdata[0]}: %{x:+.1f}<br>%{customdata[1]}",
    )


def _range(part: pd.DataFrame, unit: str) -> list[float]:
    """Zero in sight, the same room on both sides; errors run backwards, as less is better."""
    ends = part[["low", "high", "difference"]].abs().max().max() * _SHOWN[unit]
    reach = 1.15 * float(ends) if ends > 0 else 1.0
    forwards = bool(part["higher_is_better"].iloc[0])
    return [-reach, reach] if forwards else [reach, -reach]
