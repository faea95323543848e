"""The reader's filter of photos on a page: its controls, its chips, and charts that change it.

There is one filter for all pages, kept in the session and in the address (`app.selection.address`).
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.selection import address, saved_views, selection
from app.selection.filter_fields import Area, PhotoFacts, Span, outline
from app.selection.photo_filter import PARAMETERS, PhotoFilter
from app.widgets import figure_files, messages
from core.geo import LocalFrame

_STATE = "photo_filter"
_NOTES, _COUNTS = f"{_STATE}_notes", f"{_STATE}_counts"
# Sectors that a reader can choose by name, centred on the points of the compass.
POINTS: dict[str, Span] = {
    name: ((45.0 * index - 22.5) % 360.0, 45.0 * index + 22.5)
    for index, name in enumerate(("N", "NE", "E", "SE", "S", "SW", "W", "NW"))
}
_EITHER = {
    "refused": {True: "Refused only", False: "Without refused"},
    "outside": {True: "No", False: "Yes"},
}
SelectionMode = Literal["points", "box", "lasso"]


def current() -> PhotoFilter:
    """The filter of the session, or of the address where that counts more."""
    query = address.arrived(_STATE, PARAMETERS)
    if query is not None:
        made, notes = PhotoFilter.from_query(query)
        _set(made)
        st.session_state[_NOTES] = notes
    made = held()
    address.write(_STATE, PARAMETERS, made.to_query())
    return made


def held() -> PhotoFilter:
    """The filter of the session; for callbacks."""
    made: PhotoFilter = st.session_state.get(_STATE, PhotoFilter())
    return made


def keep(made: PhotoFilter) -> None:
    """Filter by this from now on; for callbacks."""
    _set(made)
    st.session_state[_NOTES] = []
    address.changed(_STATE)


def keep_field(name: str, value: Any) -> None:  # noqa: ANN401 - of any field
    """Set one field of the filter; for callbacks."""
    keep(held().having(name, value))


def bar(page: str, facts: PhotoFacts, names: Mapping[str, str]) -> PhotoFilter:
    """Draw the controls of the filter, what is selected, and how many photos that leaves.

    Args:
        page: Short name of the page.
        facts: Of all photos of the page.
        names: Display name by region id.

    Returns:
        What the page can apply of the filter.
    """
    wanted = current()
    usable, notes = wanted.usable(facts)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Filter photos"):
            # Names of their own: charts of the page are called after fields too.
            _controls(f"{page}_filter", facts, names, wanted)
        saved_views.menu(page, wanted, keep)
        for number, (words, rest) in enumerate(wanted.chips(names)):
            st.button(
                f"{messages.plain(words)} ✕", key=f"{page}_chip_{number}", on_click=keep,
                args=(rest,), help="Clear this filter",
            )  # fmt: skip
        if wanted:
            st.button(
                "Clear all", key=f"{page}_clear", type="tertiary", on_click=keep,
                args=(PhotoFilter(raw=wanted.raw),),
            )  # fmt: skip
            count, of = len(usable.apply(facts)), len(facts.table)
            st.caption(f"{count:,} of {of:,} photos")
    for note in [*st.session_state.get(_NOTES, []), *notes]:
        st.caption(messages.plain(note[:300]))
    return usable


def chart(
    figure: go.Figure,
    name: str,
    field: str,
    value: Callable[[Mapping[str, Any]], Any],
    *,
    alt: str,
    modes: Sequence[SelectionMode] = ("points",),
) -> None:
    """Draw a chart that sets one field of the filter; the same selection again clears it.

    Args:
        figure: The chart. What is selected is drawn by the figure itself.
        name: Short name of the chart.
        field: The field that it sets.
        value: Selection of the chart, as Streamlit reports it -> value of the field; None if
            nothing is selected.
        alt: What the chart shows, for readers who cannot see it.
        modes: How marks can be selected.
    """

    def selected(event: Any) -> None:  # noqa: ANN401 - as Streamlit reports it
        made = value(event)
        if made is None or made == getattr(held(), field):
            keep(held().without(field))
        else:
            keep_field(field, made)

    clickable_chart(figure, name, (field,), selected, alt=alt, modes=modes)


def clickable_chart(
    figure: go.Figure,
    name: str,
    fields: Sequence[str],
    selected: Callable[[Any], None],
    *,
    alt: str,
    modes: Sequence[SelectionMode],
) -> None:
    """Draw a chart that is drawn anew whenever one of some fields of the filter changes.

    One that was clicked keeps its own selection, and would not report the same click again after
    the filter was cleared elsewhere.

    Args:
        figure: The chart. What is selected is drawn by the figure itself.
        name: Short name of the chart.
        fields: The fields that it sets.
        selected: Called with the selection of the chart, as Streamlit reports it.
        alt: What the chart shows, for readers who cannot see it.
        modes: How marks can be selected.
    """
    counts = st.session_state.get(_COUNTS, {})
    key = "_".join([name, *(str(counts.get(field, 0)) for field in fields)])
    st.plotly_chart(
        figure, key=key, on_select=lambda: selected(st.session_state[key].selection),
        selection_mode=modes, alt=alt, config=figure_files.config(name),
    )  # fmt: skip


def rows(
    page: str,
    table: pd.DataFrame,
    names: Sequence[str],
    columns: Mapping[Any, Any] | None = None,
) -> None:
    """Draw a table of photos: one ticked row opens its photo, several can become the filter.

    Args:
        page: Short name of the page whose open photo it is.
        table: What to draw.
        names: The photo of each row.
        columns: As `st.dataframe` takes `column_config`.
    """
    key = f"{page}_rows_{selection.scope(*names)}"

    def ticked() -> None:
        picked = st.session_state[key].selection.rows
        if len(picked) == 1 and picked[0] < len(names):
            selection.choose(page, names[picked[0]])

    event = st.dataframe(
        table, key=key, hide_index=True, on_select=ticked, selection_mode="multi-row", height=280,
        column_config=columns, placeholder=selection.UNKNOWN,
    )  # fmt: skip
    picked = tuple(names[row] for row in event["selection"]["rows"] if row < len(names))
    if len(picked) > 1:
        st.button(
            f"Show only the {len(picked):,} ticked photos", key=f"{page}_rows_only",
            on_click=keep_field, args=("photos", picked),
        )  # fmt: skip


def cell_of(event: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The cell of a confusion matrix whose mark was clicked; its data are both region ids."""
    data = _data(event)
    return tuple(str(one) for one in data[0]) if data else None


def regions_of(event: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The regions whose marks were selected; the data of each begin with its region id."""
    return tuple(dict.fromkeys(str(one[0]) for one in _data(event))) or None


def span_of(event: Mapping[str, Any]) -> Span | None:
    """From the least to the greatest end of the selected bars.

    The data of each begin with its two ends; no upper end is -1, which JSON has a number for.
    """
    data = _data(event)
    if not data:
        return None
    highs = [float(one[1]) for one in data]
    return min(float(one[0]) for one in data), inf if min(highs) < 0 else max(highs)


def span_of_sector(event: Mapping[str, Any]) -> Span | None:
    """The clicked sector of a rose; its data begin with both ends, clockwise."""
    data = _data(event)
    return (float(data[0][0]), float(data[0][1]) % 360.0) if data else None


def photos_of(event: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The photos whose marks were selected; the data of each are its id."""
    return tuple(dict.fromkeys(str(one[0]) for one in _data(event))) or None


def area_of(event: Mapping[str, Any], frame: LocalFrame) -> Area | None:
    """The area of a lasso or a box on a plan of metres, as corners in label units."""
    drawn = plane_of(event)
    if drawn is None:
        return None
    labels = frame.to_labels(np.asarray(drawn)[:, ::-1])
    return outline([(float(y), float(x)) for y, x in labels]) or None


def plane_of(event: Mapping[str, Any]) -> Area | None:
    """The area of a lasso or a box on a chart, as corners `(x, y)`."""
    for shape in ("lasso", "box"):
        for drawn in event.get(shape) or ():
            x, y = (np.asarray(drawn[axis], np.float64) for axis in "xy")
            if shape == "box":
                x, y = x[[0, 1, 1, 0]], y[[0, 0, 1, 1]]
            return outline(list(zip(x.tolist(), y.tolist(), strict=True))) or None
    return None


def region_order(regions: pd.Series) -> list[str]:
    """The region ids that occur: numbers by value, then text."""
    return sorted(set(regions) - {""}, key=lambda one: (not one.isdecimal(), one.zfill(9)))


def _data(event: Mapping[str, Any]) -> list[Any]:
    return [point["customdata"] for point in event["points"] if point.get("customdata")]


def _set(made: PhotoFilter) -> None:
    before, counts = held(), dict(st.session_state.get(_COUNTS, {}))
    for name in vars(made):
        if getattr(made, name) != getattr(before, name):
            counts[name] = counts.get(name, 0) + 1
    st.session_state[_STATE], st.session_state[_COUNTS] = made, counts


def _controls(page: str, facts: PhotoFacts, names: Mapping[str, str], wanted: PhotoFilter) -> None:
    """A control for every field that the page knows something about."""
    table = facts.table
    if "region" in table and (regions := region_order(table["region"])):
        _several(page, "regions", "Region", regions, wanted, names)
    if "predicted" in table and (table["predicted"] != "").any():
        key = f"{page}_wrong"
        st.session_state[key] = wanted.wrong
        st.toggle("Wrong region only", key=key, on_change=_take, args=(key, "wrong"))
    for name, title, unit in (("error_m", "Position error", "m"),
                              ("heading_error_deg", "Heading error", "°")):  # fmt: skip
        if name in table and table[name].notna().any():
            largest = max(1, int(np.ceil(table[name].max())))
            _range(page, name, f"{title} ({unit})", largest, getattr(wanted, name))
    if "heading_deg" in table and table["heading_deg"].notna().any():
        key = f"{page}_facing"
        st.session_state[key] = next(
            (point for point, span in POINTS.items() if span == wanted.facing_deg), None
        )
        st.pills("Facing", list(POINTS), key=key, on_change=_take_point, args=(key,))
    if "hour" in table and table["hour"].notna().any():
        _range(page, "hours", "Time of day (hours)", 24, wanted.hours)
    if "confidence" in table:
        _range(page, "confidence", "Confidence of the region (%)", 100, wanted.confidence, 0.01)
    if "radius_m" in table:
        largest = max(1, int(np.ceil(table["radius_m"].max())))
        _range(page, "radius_m", "Stated radius (m)", largest, wanted.radius_m)
    if "similarity" in table:
        _range(page, "similarity", "Similarity of the best training photo (%)", 100,
               wanted.similarity, 0.01)  # fmt: skip
    for name, title in (("outside", "Stated radius holds the position"), ("refused", "Refused")):
        if name in table and table[name].any():
            words = _EITHER[name]
            key = f"{page}_{name}"
            st.session_state[key] = getattr(wanted, name)
            st.selectbox(title, list(words), format_func=words.__getitem__, key=key,
                         placeholder="All photos", on_change=_take, args=(key, name))  # fmt: skip
    for name, title, column in (("parts", "Part of the split", "part"), ("tags", "Tag", "tags")):
        if column in table:
            there = set(table[column]) if column == "part" else set().union(*table[column])
            if options := sorted(there - {""}):
                _several(page, name, title, options, wanted, {})
    key = f"{page}_text"
    st.session_state[key] = wanted.text
    st.text_input("File name contains", key=key, placeholder="img_0001", on_change=_take,
                  args=(key, "text"))  # fmt: skip


def _several(
    page: str, name: str, title: str, options: list[str], wanted: PhotoFilter,
    names: Mapping[str, str],
) -> None:  # fmt: skip
    key = f"{page}_{name}"
    st.session_state[key] = [one for one in getattr(wanted, name) if one in options]
    st.multiselect(
        title, options, format_func=lambda one: names.get(one, one), key=key,
        placeholder="All", on_change=_take_several, args=(key, name),
    )  # fmt: skip


def _range(
    page: str, name: str, title: str, largest: int, span: Span | None, step: float = 1.0
) -> None:
    """Draw a slider of a field; a step of it is `step` of the field."""
    key = f"{page}_{name}"
    low, high = (end / step for end in span or (0.0, inf))
    ends = min(int(low + 1e-6), largest), min(int(np.ceil(min(high, largest) - 1e-6)), largest)
    st.session_state[key] = ends
    st.slider(title, 0, largest, key=key, on_change=_take_range, args=(key, name, largest, step))


def _take(key: str, name: str) -> None:
    keep_field(name, st.session_state[key])


def _take_several(key: str, name: str) -> None:
    keep_field(name, tuple(st.session_state[key]))


def _take_point(key: str) -> None:
    point = st.session_state[key]
    keep_field("facing_deg", None if point is None else POINTS[point])


def _take_range(key: str, name: str, largest: int, step: float) -> None:
    low, high = st.session_state[key]
    if low <= 0 and high >= largest:
        keep_field(name, None)
    else:
        keep_field(name, (low * step, inf if high >= largest else high * step))
