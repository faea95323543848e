"""Photos by their descriptors: a scatter in two dimensions that stays fluid with many photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from app.figures.axes import inert
from app.theme import Palette, css
from core.geo import Floats

HEIGHT_PX = 560


@dataclass(frozen=True, eq=False)
class Colouring:
    """What the colours of photos mean.

    Attributes:
        values: `(n,)` numbers; photos whose value is NaN are grey.
        scale: A plotly colour scale from the least to the greatest.
        ends: The least and the greatest value.
        bar: What the bar of colours says; None if a legend elsewhere explains them.
    """

    values: Floats
    scale: Any
    ends: tuple[float, float]
    bar: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Embedding:
    """A drawn scatter.

    Attributes:
        figure: The chart.
        rows: The photo of each mark of each trace, by number of the trace.
    """

    figure: go.Figure
    rows: tuple[NDArray[np.int64], ...]

    def row_of(self, point: dict[str, Any]) -> int | None:
        """The photo of a mark, as Streamlit reports it; None for a mark that is no photo."""
        trace, mark = int(point.get("curve_number", -1)), int(point.get("point_index", -1))
        if not 0 <= trace < len(self.rows) or not 0 <= mark < len(self.rows[trace]):
            return None
        return int(self.rows[trace][mark])


def discrete(classes: ArrayLike, colours: Sequence[str]) -> Colouring:
    """Colours of classes `(n,)`, numbers into `colours`; negative ones are grey."""
    numbers, count = np.asarray(classes, np.float64), len(colours)
    scale = [
        [(index + end) / count, colour] for index, colour in enumerate(colours) for end in (0, 1)
    ]
    return Colouring(np.where(numbers < 0, np.nan, numbers), scale, (-0.5, count - 0.5))


def embedding(
    place: Floats,
    colouring: Colouring,
    texts: Sequence[str],
    palette: Palette,
    *,
    large: NDArray[np.bool_],
    shown: NDArray[np.bool_],
    chosen: int | None = None,
    around: ArrayLike = (),
    lines: NDArray[np.int64] | None = None,
    keep: str = "",
) -> Embedding:
    """Draw photos as dots: similar ones lie together.

    Args:
        place: `(n, 2)` coordinates.
        colouring: Colours of the dots.
        texts: What the pointer shows of each photo, in lines.
        palette: Colours of the theme.
        large: Photos `(n,)` with larger dots, on top of the others.
        shown: Photos `(n,)` that pass the filter; the others are faint.
        chosen: The open photo.
        around: Corners `(k, 2)` of the selected area.
        lines: Pairs of photos `(k, 2)` that are joined by lines.
        keep: While this is the same, the chart keeps its part and its scale.
    """
    known = np.isfinite(colouring.values)
    figure, rows = go.Figure(), list[NDArray[np.int64]]()
    layers = (
        (~shown, 3, 0.22, False), (shown & ~known, 4, 0.5, False),
        (shown & known & ~large, 4.5, 0.8, True), (shown & known & large, 7, 0.95, True),
    )  # fmt: skip
    for which, size, opacity, coloured in layers:
        own = np.flatnonzero(which)
        # The greatest values on top: wrong regions and large errors are few.
        own = own[np.argsort(colouring.values[own], kind="stable")]
        marker: dict[str, Any] = {"size": size, "opacity": opacity, "color": palette.faint}
        if coloured:
            barred = any(trace.marker.showscale for trace in figure.data)
            marker |= _coloured(colouring, own, barred=bool(len(own)) and not barred)
            marker["line"] = {"width": int(size > 5), "color": palette.background}
        figure.add_scattergl(
            x=place[own, 0].astype(np.float32), y=place[own, 1].astype(np.float32),
            mode="markers", marker=marker,
            text=[inert(texts[row]).replace("\n", "<br>") for row in own.tolist()],
            hovertemplate="%{text}<extra></extra>",
            selected={"marker": {"opacity": opacity}},
            unselected={"marker": {"opacity": opacity}},
        )  # fmt: skip
        rows.append(own)
    _above(figure, place, palette, chosen, np.asarray(around, np.float64).reshape(-1, 2), lines)
    figure.update_layout(
        height=HEIGHT_PX, margin={"l": 5, "r": 5, "t": 40, "b": 5}, showlegend=False,
        dragmode="lasso", clickmode="event+select", uirevision=keep,
    )  # fmt: skip
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(showticklabels=False, zeroline=False, showgrid=False, title=None)
    figure.update_yaxes(scaleanchor="x")
    return Embedding(figure, tuple(rows))


def _coloured(colouring: Colouring, own: NDArray[np.int64], *, barred: bool) -> dict[str, Any]:
    """Colours of some photos, with the bar that explains them if it is wanted."""
    marker = {
        "color": colouring.values[own].astype(np.float32), "colorscale": colouring.scale,
        "cmin": colouring.ends[0], "cmax": colouring.ends[1],
    }  # fmt: skip
    if colouring.bar is not None and barred:
        marker |= {"showscale": True, "colorbar": {"thickness": 12, **colouring.bar}}
    return marker


def _above(
    figure: go.Figure,
    place: Floats,
    palette: Palette,
    chosen: int | None,
    corners: Floats,
    lines: NDArray[np.int64] | None,
) -> None:
    """Draw the lines of pairs, the outline of the selected area, and a ring about a photo."""
    if lines is not None and len(lines):
        gaps = np.full((len(lines), 1), np.nan)
        figure.add_scattergl(
            x=np.hstack([place[lines, 0], gaps]).ravel(),
            y=np.hstack([place[lines, 1], gaps]).ravel(),
            mode="lines", line={"color": css(palette.text, 0.6), "width": 1}, hoverinfo="skip",
        )  # fmt: skip
    if len(corners):
        closed = np.vstack([corners, corners[:1]])
        figure.add_scatter(
            x=closed[:, 0], y=closed[:, 1], mode="lines", hoverinfo="skip",
            line={"color": palette.prediction, "width": 3},
        )  # fmt: skip
    if chosen is not None:
        figure.add_scatter(
            x=[place[chosen, 0]], y=[place[chosen, 1]], mode="markers", hoverinfo="skip",
            marker={"size": 15, "color": "rgba(0,0,0,0)",
                    "line": {"color": palette.text, "width": 3}},
        )  # fmt: skip
