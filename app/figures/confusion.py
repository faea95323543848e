"""Which region was taken for which: a confusion matrix whose cells can be clicked."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.theme import RAMP, Palette

_CELL_PX = 38


def confusion_counts(table: pd.DataFrame, regions: list[str]) -> pd.DataFrame:
    """Count photos by true region (rows) and predicted region (columns), both in stable order.

    Args:
        table: Columns `true_region` and `region`, as text.
        regions: Every region in the model's order.
    """
    counts = pd.crosstab(table["true_region"], table["region"])
    return counts.reindex(index=regions, columns=regions, fill_value=0)


def confusion_matrix(
    counts: pd.DataFrame,
    names: dict[str, str],
    palette: Palette,
    *,
    chosen: Sequence[str] = (),
) -> go.Figure:
    """Draw the matrix; colour is the share of the true region's photos, text is their number.

    Args:
        counts: Square table, true regions in rows and predicted regions in columns.
        names: Display name by region.
        palette: Colours of the theme.
        chosen: The selected cell, `(true region, predicted region)`, which has a frame.

    Returns:
        A heatmap under invisible squares. Streamlit reports no clicks on a heatmap, so that the
        squares, whose `customdata` is `[true region, predicted region]`, take them.
    """
    totals = counts.sum(axis=1).to_numpy()[:, None]
    share = counts.to_numpy() / np.where(totals == 0, 1, totals)
    shown = [names.get(region, region) for region in counts.index]
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=shown,
            y=shown,
            text=np.where(counts.to_numpy() == 0, "", counts.to_numpy().astype(str)),
            texttemplate="%{text}",
            colorscale=RAMP,
            zmin=0,
            zmax=1,
            hoverinfo="skip",
            xgap=1,
            ygap=1,
            # Room for fifteen regions is worth more than a scale beside numbers.
            showscale=False,
            textfont={"size": 11},
        )
    )
    if len(chosen) == 2 and set(chosen) <= set(counts.index):
        true, predicted = (names.get(region, region) for region in chosen)
        figure.add_scatter(
            x=[predicted], y=[true], mode="markers", hoverinfo="skip",
            marker={"symbol": "square-open", "size": _CELL_PX - 8, "color": palette.prediction,
                    "line": {"width": 4}},
        )  # fmt: skip
    figure.add_trace(_click_targets(counts, share, shown, palette))
    side = 150 + _CELL_PX * len(shown)
    figure.update_layout(
        height=side, margin={"l": 10, "r": 10, "t": 10, "b": 10}, showlegend=False, dragmode=False
    )
    figure.update_xaxes(
        title="predicted region", type="category", showgrid=False, tickangle=0,
        tickvals=shown, ticktext=[str(region) for region in counts.index],
    )  # fmt: skip
    figure.update_yaxes(title="true region", type="category", autorange="reversed", showgrid=False)
    return figure


def _click_targets(
    counts: pd.DataFrame, share: np.ndarray, shown: list[str], palette: Palette
) -> go.Scatter:
    rows, columns = (axis.ravel() for axis in np.indices(counts.shape))
    regions = [str(region) for region in counts.index]
    return go.Scatter(
        x=[shown[column] for column in columns],
        y=[shown[row] for row in rows],
        mode="markers",
        marker={"symbol": "square", "size": _CELL_PX - 14, "color": palette.surface, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[
            [regions[row], regions[column]] for row, column in zip(rows, columns, strict=True)
        ],
        text=[
            f"{counts.to_numpy()[row, column]:,} photos, "
            f"{100 * share[row, column]:.0f} % of the region"
            for row, column in zip(rows, columns, strict=True)
        ],
        hovertemplate=("true: %{y}<br>predicted: %{x}<br>%{text}<extra></extra>"),
    )
