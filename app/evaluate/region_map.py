"""Errors region by region: a map in the colours of one figure, arrows of the shift, a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st

from app.evaluate import outcomes
from app.evaluate.map_layers import BOUNDS_M, ERROR_COLOURS, RADIUS
from app.evaluate.outcomes import Method
from app.maps import layers
from app.maps.backdrop import Backdrop
from app.maps.ground import deck
from app.selection import selection
from app.theme import Palette
from app.widgets import messages
from app.wording import degrees, level, metres
from core.evaluation.intervals import group_photos
from core.evaluation.region_errors import NEAR_M, RegionErrors, errors_by_region
from core.geo import heading_from_unit

_INSIDE = "in_region_90"
# The longest arrow of a shift, as a share of the map.
_ARROW = 0.1
_BELOW_PX = 22.0


@dataclass(frozen=True)
class Figure:
    """A figure of a region that can colour the map.

    Attributes:
        title: Its name.
        value: The figure; None or NaN if unknown.
        shown: In words.
        bounds: Ends of all classes but the worst, the best first.
        higher_is_better: Whether a value above a bound is in the better class.
    """

    title: str
    value: Callable[[RegionErrors], float | None]
    shown: Callable[[float], str]
    bounds: Sequence[float]
    higher_is_better: bool = False

    def class_of(self, value: float) -> int:
        """Class of a value, 0 the best."""
        sign = -1.0 if self.higher_is_better else 1.0
        return int(np.searchsorted(sign * np.array(self.bounds), sign * value, side="left"))

    def legend(self, palette: Palette) -> dict[str, str]:
        """Words -> colour of each class."""
        ends = [self.shown(bound).replace(".0", "") for bound in self.bounds]
        first, last = ("at least", "below") if self.higher_is_better else ("up to", "over")
        words = [*(f"{first} {end}" for end in ends), f"{last} {ends[-1]}"]
        return dict(zip(words, ERROR_COLOURS[palette.mode], strict=True))


FIGURES = (
    Figure("Median error", lambda one: one.median_m, metres, BOUNDS_M),
    Figure(f"Within {NEAR_M:.0f} m", lambda one: one.near_share, level, (0.9, 0.7, 0.5, 0.25),
           higher_is_better=True),
    Figure("Shift", lambda one: float(np.hypot(*one.shift_m)), metres, (2.0, 5.0, 10.0, 25.0)),
    Figure("Heading error", lambda one: one.heading_deg, degrees, (5.0, 10.0, 20.0, 45.0)),
    Figure("Coverage", lambda one: one.coverage, level, (0.9, 0.85, 0.8, 0.7),
           higher_is_better=True),
)  # fmt: skip


def region_errors(table: pd.DataFrame, method: Method) -> list[RegionErrors]:
    """Errors of each true region of `predictions.csv`."""
    truth = outcomes.truth_m(table)
    visits = table["visit"].to_numpy(np.int64) if "visit" in table else None
    grouping = group_photos(truth, visits, None, None)
    groups = np.arange(len(table)) if grouping is None else grouping.groups
    inside = table[_INSIDE].to_numpy(np.float64) if _INSIDE in table else None
    return errors_by_region(
        table["true_region"].tolist(), truth, outcomes.predicted_m(table, method),
        outcomes.heading_error_deg(table, method), inside, groups,
    )  # fmt: skip


def region_deck(
    campus: Backdrop,
    found: Sequence[RegionErrors],
    figure: Figure,
    palette: Palette,
    *,
    online: bool,
) -> pdk.Deck:
    """Regions in the colours of a figure, with its value under each name, and shift arrows.

    A click on a region reports its id as `r`.
    """
    ground, values = campus.ground(), known_values(found, figure)
    tones = ERROR_COLOURS[palette.mode]
    fills = {region: tones[figure.class_of(value)] for region, value in values.items()}
    texts = {one.region: described(one, campus.names.get(one.region, one.region)) for one in found}
    words = {region: figure.shown(value) for region, value in values.items()}
    drawn = [
        *campus.bottom(palette),
        campus.outlines(palette, fills=fills, texts=texts, opacity=0.8),
    ]
    scale = arrow_scale(campus, found)
    for layer, clear, opacity in (("shift", True, 1.0), ("shift-chance", False, 0.35)):
        own = [one for one in found if one.shift_is_clear == clear]
        off_m = np.array([one.shift_m for one in own]).reshape(-1, 2)
        # Below the name and its figure.
        start = np.array([one.middle_m for one in own]).reshape(-1, 2)
        start -= [_BELOW_PX * ground.metres_per_pixel, 0.0]
        drawn.append(
            layers.arrows(
                ground, layer, start, heading_from_unit(off_m), palette.text,
                length_m=scale * np.hypot(*off_m.T), opacity=opacity,
            )
        )  # fmt: skip
    return deck(ground, [*drawn, campus.names_layer(palette, words)], palette, online=online)


def known_values(found: Sequence[RegionErrors], figure: Figure) -> dict[str, float]:
    """The figure by region, where it is known."""
    values = {one.region: figure.value(one) for one in found}
    return {
        region: value for region, value in values.items() if value is not None and isfinite(value)
    }


def arrow_scale(campus: Backdrop, found: Sequence[RegionErrors]) -> int:
    """How many times as long as on the ground arrows are drawn, at least once."""
    south, west, north, east = campus.ground().extent_m
    longest = max((float(np.hypot(*one.shift_m)) for one in found), default=0.0)
    room = _ARROW * max(north - south, east - west)
    return max(1, int(room / longest)) if longest > 0 else 1


def described(one: RegionErrors, name: str) -> str:
    """The figures of a region in lines of plain text."""
    lines = [f"{name}: {one.n:,} photos", f"median error {metres(one.median_m)}"]
    if one.median_interval is not None:
        lines[-1] += f" ({metres(one.median_interval[0])} to {metres(one.median_interval[1])})"
    lines.append(f"{level(one.near_share)} within {NEAR_M:.0f} m")
    chance = "" if one.shift_is_clear else ", may be chance"
    lines.append(f"shift {metres(float(np.hypot(*one.shift_m)))}{chance}")
    if isfinite(one.heading_deg):
        lines.append(f"heading error {degrees(one.heading_deg)}")
    if one.coverage is not None:
        lines.append(f"{level(one.coverage)} inside the 90 % area")
    return "\n".join(lines)


def figures_table(found: Sequence[RegionErrors], names: Mapping[str, str]) -> pd.DataFrame:
    """One row a region, the largest median error first, with 95 % intervals."""
    rows = [
        {
            "Region": names.get(one.region, one.region),
            "Photos": one.n,
            "Median error": metres(one.median_m) + _span(one.median_interval, metres),
            f"Within {NEAR_M:.0f} m": level(one.near_share) + _span(one.near_interval, level),
            "Shift": _shift(one),
            "Heading error": degrees(one.heading_deg) if isfinite(one.heading_deg) else None,
            "In 90 % area": None if one.coverage is None
            else level(one.coverage) + _span(one.coverage_interval, level),
        }
        for one in worst_first(found)
    ]  # fmt: skip
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def worst_first(found: Sequence[RegionErrors]) -> list[RegionErrors]:
    """Regions by their median error, the largest first."""
    return sorted(found, key=lambda one: -one.median_m)


def _span(interval: tuple[float, float] | None, words: Callable[[float], str]) -> str:
    return "" if interval is None else f" ({words(interval[0])}–{words(interval[1])})"


def _shift(one: RegionErrors) -> str:
    north, east = one.shift_m
    parts = [f"{abs(north):.1f} m {'north' if north >= 0 else 'south'}",
             f"{abs(east):.1f} m {'east' if east >= 0 else 'west'}"]  # fmt: skip
    return ", ".join(parts) + ("" if one.shift_is_clear else " (may be chance)")


def show(
    campus: Backdrop,
    table: pd.DataFrame,
    palette: Palette,
    *,
    online: bool,
    browse: Callable[[str], None],
) -> None:
    """Draw the map beside the table; a click on a region or a row opens its photos.

    Args:
        campus: What lies behind.
        table: `predictions.csv`.
        palette: Colours of the reader's theme.
        online: Whether a background is fetched from another host.
        browse: Shows the photos of a region from the next run on.
    """
    with st.container(horizontal=True):
        found = worst_first(region_errors(table, outcomes.pick_method()))
        offered = [figure for figure in FIGURES if known_values(found, figure)]
        titles = [figure.title for figure in offered]
        title = st.segmented_control(
            "Colour by", titles, default=titles[0], required=True, key="map_region_figure"
        )
    figure = offered[titles.index(title) if title in titles else 0]

    def clicked() -> None:
        objects = st.session_state["map_regions"].selection.objects
        regions = [entry["r"] for layer in objects.values() for entry in layer if "r" in entry]
        if regions:
            browse(str(regions[0]))

    def ticked() -> None:
        rows = st.session_state["map_region_table"].selection.rows
        if rows and rows[0] < len(found):
            browse(found[rows[0]].region)

    st.pydeck_chart(
        region_deck(campus, found, figure, palette, online=online), key="map_regions",
        on_select=clicked, height=selection.MAP_HEIGHT_PX,
        alt=f"{figure.title} of each region, with arrows of the mean shift",
    )  # fmt: skip
    messages.legend(figure.legend(palette))
    scale = arrow_scale(campus, found)
    longer = "" if scale == 1 else f", drawn {scale} times as long"
    radius = " The 90 % area is that of the refined prediction." if RADIUS in table else ""
    st.caption(
        f"Arrows: mean shift from the true to the predicted position{longer}; faint if it may be "
        f"chance. Brackets: 95 % intervals over whole visits or spots.{radius} Click a region or a "
        "row to see its photos."
    )
    st.dataframe(
        figures_table(found, campus.names), key="map_region_table", hide_index=True,
        on_select=ticked, selection_mode="single-row", placeholder=selection.UNKNOWN,
    )  # fmt: skip
