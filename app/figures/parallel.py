"""Parallel coordinates: one line a run or trial, through its options to a figure."""

import math
import re
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.figures.axes import inert
from app.theme import Palette, css


def lines(
    axes: Sequence[dict[str, Any]],
    figures: Sequence[float],
    title: str,
    higher_is_better: bool,
    palette: Palette,
) -> go.Figure:
    """Draw a line a row through the axes, coloured by a figure.

    Args:
        axes: As `number_axis` and `choice_axis` make them.
        figures: The figure of each row.
        title: What the figure is.
        higher_is_better: Which end of the colours is the good one.
        palette: Colours of the reader's theme.
    """
    figure = go.Figure(
        go.Parcoords(
            dimensions=list(axes),
            line={
                "color": list(figures),
                "colorscale": [[0, palette.faint], [1, palette.prediction]],
                "reversescale": not higher_is_better,
                "showscale": True,
                "colorbar": {"title": title},
            },
            labelfont={"color": palette.text, "size": 12},
            tickfont={"color": palette.text, "size": 11},
            rangefont={"color": css(palette.text, 0.0)},
            unselected={"line": {"opacity": 0.06}},
        )
    )
    return figure.update_layout(
        height=410, margin={"l": 60, "r": 30, "t": 90, "b": 24}, uirevision="parallel"
    )


def broken(name: str) -> str:
    """The name of an option on two lines of similar length, so that neighbours do not overlap.

    Both are `inert`: plotly reads the result as markup.
    """
    words = re.split(r"[._ ]", name)
    cuts = range(1, len(words) + 1)
    halves = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in cuts]
    first, second = min(halves, key=lambda pair: max(map(len, pair)))
    return f"{inert(first)}<br>{inert(second)}" if second else inert(first)


def choice_axis(label: str, values: Sequence[str], choices: Sequence[str]) -> dict[str, Any]:
    """An axis with a step for each choice."""
    return {
        "label": label,
        "values": [choices.index(value) for value in values],
        "range": [-0.2, len(choices) - 0.8],
        "tickvals": list(range(len(choices))),
        "ticktext": list(choices),
    }


def number_axis(
    label: str, values: Sequence[float], low: float, high: float, *, log: bool = False
) -> dict[str, Any]:
    """An axis of numbers between two ends, logarithmic if asked."""
    if not log:
        return {"label": label, "values": list(values), "range": [low, high]}
    decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    # Less than two powers of ten say too little of where the axis begins and ends.
    ticks = list(decades) if len(decades) > 1 else [math.log10(low), *decades, math.log10(high)]
    return {
        "label": label,
        "values": [math.log10(value) for value in values],
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{10.0**each:g}" for each in ticks],
    }


def axis_of(label: str, values: Sequence[str]) -> dict[str, Any]:
    """An axis for the values of an option as text: numbers if all are, else a step for each."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return choice_axis(label, values, sorted(set(values)))
    low, high = min(numbers), max(numbers)
    if not all(map(math.isfinite, numbers)) or low == high:
        return choice_axis(label, values, sorted(set(values)))
    return number_axis(label, numbers, low, high, log=low > 0.0 and high / low >= 50.0)
