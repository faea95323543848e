"""The layers of the Map page: what each draws of an evaluation, and the colours of its errors.

Every layer draws all photos that are shown, or says how many it draws (`drawn_rows`).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pydeck as pdk

from app.evaluate import outcomes
from app.evaluate.outcomes import Method
from app.maps import layers
from app.maps.backdrop import Backdrop, faint_photos
from app.maps.ground import Ground
from app.maps.hexagons import gathered, hexagon_layer, side_m
from app.theme import Mode, Palette, rgba
from app.wording import metres
from core.amounts import counted
from core.geo import Floats

Layer = Literal[
    "picture", "base", "regions", "training", "density", "error_cells", "radius_cells", "lines",
    "worst", "truth", "raw", "refined", "headings",
]  # fmt: skip
LAYERS: tuple[Layer, ...] = get_args(Layer)
"""In the order in which they are drawn, the first at the bottom."""

TITLES: Mapping[Layer, str] = {
    "truth": "Error at the true position", "worst": "Largest errors", "lines": "All error lines",
    "refined": "Refined", "raw": "Network alone", "headings": "Headings",
    "error_cells": "Error by cell", "radius_cells": "Stated radius by cell",
    "density": "Density of photos", "training": "Training photos", "regions": "Regions",
    "base": "Base layer", "picture": "Picture",
}  # fmt: skip
"""In the order in which they are offered."""
DEFAULTS: tuple[Layer, ...] = ("truth", "worst", "regions", "base", "picture")
OPACITY: Mapping[Layer, float] = {
    "picture": 1.0, "base": 1.0, "regions": 0.5, "training": 0.6, "density": 0.6,
    "error_cells": 0.7, "radius_cells": 0.7, "lines": 0.5, "worst": 0.9, "truth": 0.95,
    "raw": 0.9, "refined": 0.9, "headings": 0.8,
}  # fmt: skip

RADIUS = "radius_90_m"
POINTS = "outcomes"
WORST = 25
# Dots that a map draws: more hide one another, and every change of the page sends them again.
MOST_DOTS = 4000
# From this many photos on, dots are smaller.
CROWD = 400
HEADING_M = 11.0

# Upper bounds in metres of all classes of errors but the last.
BOUNDS_M = (5.0, 10.0, 25.0, 100.0)
# From blue to red by way of orange (Okabe and Ito 2008), so that colour-blind readers see an order.
ERROR_COLOURS: dict[Mode, tuple[str, ...]] = {
    "light": ("#0072B2", "#45A0D8", "#E08A00", "#D0480B", "#8C1013"),
    "dark": ("#3D9BE0", "#9AD2F5", "#F5BE41", "#F58534", "#FF5F57"),
}


def error_class(error_m: Floats) -> np.ndarray:
    """Class `(n,)` of errors `(n,)`: 0 is the best, -1 an unknown error."""
    found = np.searchsorted(BOUNDS_M, error_m, side="left")
    return np.where(np.isfinite(error_m), found, -1)


def error_legend(palette: Palette) -> dict[str, str]:
    """Words -> colour of each class of errors."""
    ends = [f"{bound:.0f}" for bound in BOUNDS_M]
    words = [f"up to {ends[0]} m"]
    words += [f"{low}–{high} m" for low, high in pairwise(ends)]
    return dict(zip([*words, f"over {ends[-1]} m"], ERROR_COLOURS[palette.mode], strict=True))


def largest_rows(errors_m: Floats) -> np.ndarray:
    """Rows `(n,)` by their errors, the largest first, unknown ones last."""
    return np.argsort(-np.nan_to_num(errors_m, nan=-1.0), kind="stable")


def drawn_rows(errors_m: Floats) -> np.ndarray:
    """Rows `(k,)` that get a dot, of `n` errors: all, or the largest and evenly chosen others."""
    if len(errors_m) <= MOST_DOTS:
        return np.arange(len(errors_m))
    order = largest_rows(errors_m)
    worst, others = order[: MOST_DOTS // 4], np.sort(order[MOST_DOTS // 4 :])
    chosen = np.linspace(0, len(others) - 1, MOST_DOTS - len(worst)).round().astype(np.int64)
    return np.concatenate([worst, others[chosen]])


def layers_of(
    campus: Backdrop,
    shown: pd.DataFrame,
    palette: Palette,
    *,
    method: Method,
    opacity: Mapping[Layer, float],
) -> list[pdk.Layer]:
    """The layers of an evaluation, the first at the bottom.

    Args:
        campus: What lies behind; its frame is that of the table.
        shown: Rows of `predictions.csv` with a true and a predicted position.
        palette: Colours of the reader's theme.
        method: Which prediction errors are of.
        opacity: What is drawn, each in (0, 1].
    """
    made: list[pdk.Layer] = campus.bottom(
        palette, opacity=opacity.get("base", 0.0), picture=opacity.get("picture", 0.0)
    )
    for layer in LAYERS:
        if layer in opacity and layer in _DRAWERS:
            made += _DRAWERS[layer](campus, shown, palette, method, opacity[layer])
    return made


def _regions(
    campus: Backdrop, _: pd.DataFrame, palette: Palette, __: Method, opacity: float
) -> list[pdk.Layer]:
    return [campus.outlines(palette, opacity=opacity)]


def _training(
    campus: Backdrop, _: pd.DataFrame, palette: Palette, __: Method, opacity: float
) -> list[pdk.Layer]:
    return [faint_photos(campus.ground(), campus.position_m, palette, opacity=opacity)]


def _density(
    campus: Backdrop, _: pd.DataFrame, palette: Palette, __: Method, opacity: float
) -> list[pdk.Layer]:
    """How many training photos there are, place by place: the more, the more opaque."""
    ground = campus.ground()
    near = campus.position_m[~ground.beyond(campus.position_m)]
    cells = gathered(near, side_m(ground))
    counts = cells.counts
    strength = np.sqrt(counts / max(counts.max(initial=1), 1))
    colours = [rgba(palette.refined, 0.15 + 0.85 * float(share)) for share in strength]
    texts = [counted(count, "training photo") for count in counts]
    return [hexagon_layer(ground, "density", cells, colours, texts, opacity=opacity)]


def _error_cells(
    campus: Backdrop, shown: pd.DataFrame, palette: Palette, method: Method, opacity: float
) -> list[pdk.Layer]:
    errors, words = outcomes.error_m(shown, method), "median error"
    return _cells(campus.ground(), "error-cells", shown, errors, words, palette, opacity)


def _radius_cells(
    campus: Backdrop, shown: pd.DataFrame, palette: Palette, _: Method, opacity: float
) -> list[pdk.Layer]:
    if RADIUS not in shown:
        return []
    radii, words = shown[RADIUS].to_numpy(np.float64), "median 90 % radius"
    return _cells(campus.ground(), "radius-cells", shown, radii, words, palette, opacity)


def _cells(
    ground: Ground,
    layer: str,
    shown: pd.DataFrame,
    values: Floats,
    words: str,
    palette: Palette,
    opacity: float,
) -> list[pdk.Layer]:
    truth = outcomes.truth_m(shown)
    near = ~ground.beyond(truth)
    cells = gathered(truth[near], side_m(ground))
    medians = cells.medians(values[near])
    tones = [*ERROR_COLOURS[palette.mode], palette.faint]
    colours = [rgba(tones[one], 1.0) for one in error_class(medians)]
    texts = [
        f"{words} {metres(value) if np.isfinite(value) else 'unknown'}, {counted(count, 'photo')}"
        for value, count in zip(medians, cells.counts, strict=True)
    ]
    return [hexagon_layer(ground, layer, cells, colours, texts, opacity=opacity)]


def _lines(
    campus: Backdrop, shown: pd.DataFrame, palette: Palette, method: Method, opacity: float
) -> list[pdk.Layer]:
    rows = drawn_rows(outcomes.error_m(shown, method))
    return [
        _error_lines(campus.ground(), "errors", shown.iloc[rows], method, palette.faint, opacity)
    ]


def _worst(
    campus: Backdrop, shown: pd.DataFrame, palette: Palette, method: Method, opacity: float
) -> list[pdk.Layer]:
    """Lines of the largest errors, each to its prediction."""
    ground = campus.ground()
    worst = shown.iloc[largest_rows(outcomes.error_m(shown, method))[:WORST]]
    ends = ground.at_border(outcomes.predicted_m(worst, method))
    tone = palette.refined if method == "refined" else palette.prediction
    return [
        _error_lines(ground, "worst-errors", worst, method, palette.text, 0.75 * opacity),
        layers.points(ground, "worst-ends", ends, tone, radius_px=3.5, opacity=opacity,
                      ring=palette.background),
    ]  # fmt: skip


def _error_lines(
    ground: Ground, layer: str, rows: pd.DataFrame, method: Method, tone: str, opacity: float
) -> pdk.Layer:
    truth, predicted = (
        ground.at_border(position_m)
        for position_m in (outcomes.truth_m(rows), outcomes.predicted_m(rows, method))
    )
    return layers.segments(ground, layer, truth, predicted, tone, opacity=opacity, width_px=1.2)


def _truth(
    campus: Backdrop, shown: pd.DataFrame, palette: Palette, method: Method, opacity: float
) -> list[pdk.Layer]:
    """Dots where photos were taken, a layer a class of errors: the largest errors on top."""
    ground, errors = campus.ground(), outcomes.error_m(shown, method)
    rows = drawn_rows(errors)
    classes = error_class(errors)[rows]
    made = []
    for which, tone in enumerate(ERROR_COLOURS[palette.mode]):
        own = shown.iloc[rows[classes == which]]
        layer = f"{POINTS}-{which}"
        made += _dots(ground, layer, own, outcomes.truth_m(own), method, tone, opacity, len(rows))
    return made


def _predicted(which: Method) -> "_Drawer":
    def drawn(
        campus: Backdrop, shown: pd.DataFrame, palette: Palette, method: Method, opacity: float
    ) -> list[pdk.Layer]:
        own = shown.iloc[drawn_rows(outcomes.error_m(shown, method))]
        tone = palette.refined if which == "refined" else palette.prediction
        position_m = campus.ground().at_border(outcomes.predicted_m(own, which))
        layer = f"{POINTS}-{which}"
        return _dots(campus.ground(), layer, own, position_m, which, tone, opacity, len(own))

    return drawn


def _dots(
    ground: Ground,
    layer: str,
    rows: pd.DataFrame,
    position_m: Floats,
    method: Method,
    tone: str,
    opacity: float,
    crowd: int,
) -> list[pdk.Layer]:
    if rows.empty:
        return []
    errors = outcomes.error_m(rows, method)
    names = rows["filename"].tolist()
    texts = [f"{name}: {metres(error)}" for name, error in zip(names, errors, strict=True)]
    radius = 4.5 if crowd < CROWD else 3.0
    return [
        layers.points(
            ground, layer, ground.at_border(position_m), tone, opacity=opacity, radius_px=radius,
            texts=texts, rows=rows.index.tolist(),
        )
    ]  # fmt: skip


def _headings(
    campus: Backdrop, shown: pd.DataFrame, palette: Palette, method: Method, opacity: float
) -> list[pdk.Layer]:
    """Needles from the true position: the true heading and the predicted one."""
    own = shown.iloc[drawn_rows(outcomes.error_m(shown, method))]
    ground, truth = campus.ground(), outcomes.truth_m(own)
    true_deg = np.asarray(own["true_angle"], np.float64)
    tone = palette.refined if method == "refined" else palette.prediction
    return [
        layers.needles(ground, "headings-true", truth, true_deg, palette.truth,
                       length_m=HEADING_M, opacity=opacity),
        layers.needles(ground, "headings-predicted", truth, outcomes.heading_deg(own, method),
                       tone, length_m=HEADING_M, opacity=opacity),
    ]  # fmt: skip


_Drawer = Callable[[Backdrop, pd.DataFrame, Palette, Method, float], Sequence[pdk.Layer]]
_DRAWERS: Mapping[Layer, _Drawer] = {
    "regions": _regions,
    "training": _training,
    "density": _density,
    "error_cells": _error_cells,
    "radius_cells": _radius_cells,
    "lines": _lines,
    "worst": _worst,
    "truth": _truth,
    "raw": _predicted("raw"),
    "refined": _predicted("refined"),
    "headings": _headings,
}
