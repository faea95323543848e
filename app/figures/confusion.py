"""Which region was taken for which: a confusion matrix whose cells can be clicked."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import leaves_list, linkage

from app.figures.axes import inert
from app.theme import RAMP, Palette
from core.amounts import percent

_CELL_PX, _LABEL_PX = 32, 160


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
    shown = [inert(names.get(region, region)) for region in counts.index]
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
        row, column = (list(counts.index).index(region) for region in chosen)
        figure.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            line={"color": palette.prediction, "width": 4},
        )  # fmt: skip
    figure.add_trace(_click_targets(counts, share, shown, palette))
    return _squares(figure, shown)


def _squares(figure: go.Figure, shown: list[str]) -> go.Figure:
    """Name both axes by region, and make the cells square."""
    most = len(shown) - 0.5
    longest = max(map(len, shown), default=0)
    figure.update_layout(
        height=min(_LABEL_PX, 7 * longest) + 80 + _CELL_PX * len(shown),
        margin={"l": 10, "r": 10, "t": 10, "b": 10}, showlegend=False, dragmode=False,
    )  # fmt: skip
    figure.update_xaxes(
        title="predicted region", type="category", showgrid=False, range=[-0.5, most],
        tickangle=-60 if longest > 3 else 0, tickvals=shown, constrain="domain", ticks="",
    )  # fmt: skip
    figure.update_yaxes(
        title="true region", type="category", showgrid=False, range=[most, -0.5],
        tickvals=shown, scaleanchor="x", constrain="domain", constraintoward="top", ticks="",
    )  # fmt: skip
    return figure


def by_geography(middles_m: Mapping[str, ArrayLike], regions: Sequence[str]) -> list[str]:
    """Order regions so that near ones stand side by side, and confusions about the diagonal.

    The leaves of an average-linkage tree of their middles, in the order that makes the way
    through them the shortest (Bar-Joseph et al., 2001).

    Args:
        middles_m: `[north_m, east_m]` by region.
        regions: All regions; those without a middle come last, in their order.
    """
    placed = [region for region in regions if np.isfinite(middles_m.get(region, [np.nan])).all()]
    rest = [region for region in regions if region not in placed]
    if len(placed) < 3:
        return [*placed, *rest]
    points = np.array([middles_m[region] for region in placed], np.float64)
    tree = linkage(points, "average", optimal_ordering=True)
    order = [placed[index] for index in leaves_list(tree)]
    # Of the two directions, the one that begins nearer to the first region.
    if order.index(placed[0]) > len(order) // 2:
        order.reverse()
    return [*order, *rest]


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
            f"{percent(share[row, column])} of the region"
            for row, column in zip(rows, columns, strict=True)
        ],
        hovertemplate=("true: %{y}<br>predicted: %{x}<br>%{text}<extra></extra>"),
    )
