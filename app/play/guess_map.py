"""The map of the game: a plan of the campus that takes a click anywhere.

deck.gl reports clicked objects only, so the plan is a plotly figure with a grid of points that
nobody sees; a click reports the nearest one.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
import plotly.graph_objects as go

from app.maps.backdrop import grid_step_m, places
from app.maps.base_map import TONES, clipped_to
from app.maps.ground import Ground
from app.maps.layers import label_offsets
from app.play.rounds import Outcome
from app.theme import Palette, css
from core.dataset.base_layer import KINDS, BaseLayer, Shape
from core.geo import Floats, LocalFrame, heading_unit

HEIGHT_PX = 400
_CELLS = 140
# Share of the height below the campus, for the scale bar.
_BELOW = 0.08
_NEEDLE_M, _MOST_DOTS = 24.0, 1500
# Height of the names, and the usual width of a letter as a part of it.
_NAME_PX, _LETTER = 11, 0.6


def click_step_m(ground: Ground) -> int:
    """Whole metres between the points that take a click."""
    south, west, north, east = ground.extent_m
    return max(1, round(max(north - south, east - west) / _CELLS))


def campus_plan(
    frame: LocalFrame,
    position_m: Floats,
    region: Sequence[str],
    order: Sequence[str],
    names: Mapping[str, str],
    base: BaseLayer | None,
    palette: Palette,
) -> tuple[go.Figure, Ground]:
    """Draw the campus without any answer: base layer or photos as dots, names, a scale bar.

    Args:
        frame: The local metres.
        position_m: `(n, 2)` labelled photos, which say where the campus is.
        region: Region of each photo.
        order: All regions.
        names: Display name by region.
        base: Buildings, ways, lawns and water, if there are any.
        palette: Colours of the reader's theme.
    """
    ground = Ground.around(frame, position_m)
    figure = go.Figure()
    clipped = clipped_to(ground, base)
    if clipped is not None and clipped.shapes:
        for kind in KINDS:
            own = [shape for shape in clipped.shapes if shape.kind == kind]
            _draw_shapes(figure, own, TONES[palette.mode][kind], ground)
    else:
        near = position_m[~ground.beyond(position_m)]
        dots = near[:: max(1, -(-len(near) // _MOST_DOTS))]
        figure.add_scattergl(
            x=dots[:, 1], y=dots[:, 0], mode="markers", hoverinfo="skip",
            marker={"size": 3, "color": palette.faint, "opacity": 0.5},
        )  # fmt: skip
    # A trace, as annotations would hide the pins.
    named = places(position_m, region, names, order)
    words = [one.name for one in named]
    middles = _apart(np.array([one.middle_m for one in named]).reshape(-1, 2), words, ground)
    figure.add_scatter(
        x=middles[:, 1], y=middles[:, 0], mode="text", text=[_text(word) for word in words],
        hoverinfo="skip", textfont={"size": _NAME_PX, "color": palette.text},
    )  # fmt: skip
    _add_scale(figure, ground, palette)
    south, west, north, east = ground.extent_m
    figure.update_layout(
        height=HEIGHT_PX, margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False,
        dragmode=False, uirevision="campus", plot_bgcolor=palette.surface, hoverdistance=30,
    )  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[west, east], constrain="domain", **hidden)
    low = south - _BELOW * (north - south)
    figure.update_yaxes(range=[low, north], scaleanchor="x", constrain="domain", **hidden)
    return figure, ground


def add_clicks(figure: go.Figure, ground: Ground) -> None:
    """Lay the points that take a click over a plan."""
    south, west, north, east = ground.extent_m
    step = click_step_m(ground)
    x, y = np.meshgrid(np.arange(west, east, step), np.arange(south, north, step))
    figure.add_scattergl(
        x=x.ravel().astype(np.float32), y=y.ravel().astype(np.float32), mode="markers",
        hoverinfo="none", marker={"size": 6, "opacity": 0},
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip


def add_guess(figure: go.Figure, position_m: Floats, heading_deg: float, palette: Palette) -> None:
    """Draw the person's place and heading."""
    _pin(figure, position_m, heading_deg, palette.evidence, palette, "circle")


def add_outcome(figure: go.Figure, outcome: Outcome, palette: Palette) -> None:
    """Draw both answers and the truth, with a line to each answer and the model's radius."""
    truth, human, model = outcome.truth_m, outcome.human.position_m, outcome.model.position_m
    if isfinite(outcome.radius_m):
        turn = np.deg2rad(np.arange(0, 361, 5))
        ring = model + outcome.radius_m * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        figure.add_scatter(
            x=ring[:, 1], y=ring[:, 0], mode="lines", fill="toself", hoverinfo="skip",
            line={"color": palette.refined, "width": 1}, fillcolor=css(palette.refined, 0.15),
        )  # fmt: skip
    for place, tone in ((human, palette.evidence), (model, palette.refined)):
        figure.add_scatter(
            x=[truth[1], place[1]], y=[truth[0], place[0]], mode="lines", hoverinfo="skip",
            line={"color": tone, "width": 2, "dash": "dot"},
        )  # fmt: skip
    _pin(figure, human, outcome.human.heading_deg, palette.evidence, palette, "circle")
    _pin(figure, model, outcome.model.heading_deg, palette.refined, palette, "square")
    _pin(figure, truth, outcome.truth_deg, palette.truth, palette, "star")
    _show_all(figure, np.stack([truth, human, model]))


def _show_all(figure: go.Figure, points_m: Floats) -> None:
    """Widen the plan if an answer of the model lies beyond it."""
    (low_y, high_y), (low_x, high_x) = figure.layout.yaxis.range, figure.layout.xaxis.range
    (south, west), (north, east) = points_m.min(axis=0) - 10.0, points_m.max(axis=0) + 10.0
    figure.update_xaxes(range=[min(low_x, west), max(high_x, east)])
    figure.update_yaxes(range=[min(low_y, south), max(high_y, north)])


def _pin(
    figure: go.Figure,
    position_m: Floats,
    heading_deg: float,
    tone: str,
    palette: Palette,
    symbol: str,
) -> None:
    north, east = position_m
    if isfinite(heading_deg):
        tip = position_m + _NEEDLE_M * heading_unit(heading_deg)
        figure.add_scatter(
            x=[east, tip[1]], y=[north, tip[0]], mode="lines", hoverinfo="skip",
            line={"color": tone, "width": 4},
        )  # fmt: skip
    figure.add_scatter(
        x=[east], y=[north], mode="markers", hoverinfo="skip",
        marker={"size": 15 if symbol == "star" else 13, "symbol": symbol, "color": tone,
                "line": {"color": palette.text, "width": 1.5}},
    )  # fmt: skip


def _draw_shapes(figure: go.Figure, shapes: Sequence[Shape], tone: str, ground: Ground) -> None:
    """Add the features of one kind as one trace of areas, one of lines and one of points."""
    for dimension in (2, 1, 0):
        parts = [part for one in shapes if one.dimension == dimension for part in one.parts]
        if not parts:
            continue
        gap = np.full((1, 2), np.nan)
        joined = np.concatenate([row for part in parts for row in (part, gap)]).round(1)
        style: dict[str, object] = {"mode": "lines", "line": {"color": tone, "width": 0}}
        if dimension == 2:
            style |= {"fill": "toself", "fillcolor": tone}
        elif dimension == 1:
            widths = [one.width_m for one in shapes if one.dimension == 1]
            pixels = float(np.median(widths)) / ground.metres_per_pixel
            style["line"] = {"color": tone, "width": max(1.0, round(pixels, 1))}
        else:
            style = {"mode": "markers", "marker": {"size": 4, "color": tone}}
        figure.add_scatter(x=joined[:, 1], y=joined[:, 0], hoverinfo="skip", **style)


def _add_scale(figure: go.Figure, ground: Ground, palette: Palette) -> None:
    south, west, north, east = ground.extent_m
    step = grid_step_m(max(north - south, east - west))
    low, left = south - _BELOW / 2 * (north - south), west + 0.03 * (east - west)
    figure.add_scatter(
        x=[left, left + step], y=[low, low], mode="lines", hoverinfo="skip",
        line={"color": palette.text, "width": 3},
    )  # fmt: skip
    figure.add_annotation(
        x=left + step, y=low, xshift=4, text=f"{step:,} m", showarrow=False, xanchor="left",
        font={"size": 11, "color": palette.text},
    )  # fmt: skip
    figure.add_annotation(
        x=east, y=north, text="N ↑", showarrow=False, xanchor="right", yanchor="top",
        font={"size": 14, "color": palette.text},
    )  # fmt: skip


def _apart(middles_m: Floats, words: Sequence[str], ground: Ground) -> Floats:
    """Where names `(n, 2)` are written so that none lies on another or beyond the map."""
    south, west, north, east = ground.extent_m
    scale_m = (1 + _BELOW) * (north - south) / HEIGHT_PX
    right, down = label_offsets(middles_m / scale_m * [-1.0, 1.0], words, _NAME_PX).T
    moved = middles_m + scale_m * np.stack([-down, right], axis=1)
    half_m = scale_m * _NAME_PX * _LETTER / 2.0 * np.array([len(word) for word in words])
    # A name wider than the map stands in its middle.
    middle, room = (west + east) / 2.0, np.maximum((east - west) / 2.0 - half_m, 0.0)
    moved[:, 1] = np.clip(moved[:, 1], middle - room, middle + room)
    return moved


def _text(name: str) -> str:
    """A region's name, which plotly would read as markup."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
