"""The model beside predictors that need no training: is the network worth its trouble?"""

import pandas as pd
import plotly.graph_objects as go

from app.theme import Palette


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
            y=rows["name"],
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
