"""Photos by date or time of day on a map: a slider over both ends, and playback between them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from math import ceil, floor, inf
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.evaluate.photos import EvaluationView
from app.selection import filters, selection
from app.selection.filter_fields import Span, day_text
from core.geo import Floats

STEP_S = 1.0
"""Seconds between two steps: each sends the map again."""
STEPS, WIDTH = 48, 4
"""Steps of a playback; how many of them the map shows together."""
_RANGE, _PLAYED, _BY = "map_time", "map_time_played", "map_time_by"
Draw = Callable[[pd.DataFrame], None]


@dataclass(frozen=True, eq=False)
class Timeline:
    """What photos are played by.

    Attributes:
        field: The field of the filter.
        title: Of the slider.
        rows: Photos that pass all other fields.
        values: Time of each of them.
        ends: Time of the first and of the last photo, on steps of the slider.
        width: How much of the filter's span its last step includes.
        step: Of the slider.
        form: How the slider writes a time.
        mark: A step as the slider holds it.
        number: The reverse of `mark`.
        moment: Any time as text.
    """

    field: str
    title: str
    rows: pd.DataFrame
    values: "pd.Series[float]"
    ends: Span
    width: float
    step: timedelta
    form: str
    mark: Callable[[float], Any]
    number: Callable[[Any], float]
    moment: Callable[[float], str]

    def within(self, span: Span | None) -> Span:
        """The part of the filter's span that the slider can show."""
        first, last = self.ends
        low, high = span or (first, last + self.width)
        low = min(max(low, first), last)
        return low, min(max(high, low + self.width), last + self.width)


def timelines(view: EvaluationView) -> Iterator[Timeline]:
    """By date, if photos are of several days; by time of day, if they have times."""
    rows = view.beside("days")
    days = view.days(rows)
    known = np.zeros(0) if days is None else days.dropna().to_numpy(np.float64)
    if days is not None and len(known) and 1 <= floor(known.max()) - floor(known.min()):
        ends = (float(floor(known.min())), float(floor(known.max())))
        yield Timeline(
            "days", "Date", rows, days, ends, 1.0, timedelta(days=1), "YYYY-MM-DD",
            lambda day: date.fromordinal(int(day)), lambda day: float(day.toordinal()),
            _date_and_clock,
        )  # fmt: skip
    rows = view.beside("hours")
    hours = view.hours(rows)
    known = np.zeros(0) if hours is None else hours.dropna().to_numpy(np.float64)
    if hours is not None and len(known) and known.max() - known.min() >= 1 / 60:
        ends = (floor(known.min() * 4) / 4, ceil(known.max() * 4 + 1e-9) / 4)
        yield Timeline(
            "hours", "Time of day", rows, hours, ends, 0.0, timedelta(minutes=15), "HH:mm",
            _time, lambda at: at.hour + at.minute / 60, _clock,
        )  # fmt: skip


def show(view: EvaluationView, draw: Draw) -> None:
    """Draw a map of the photos, with a slider over their time and a button that plays it.

    Without times, only the map is drawn.

    Args:
        view: The photos.
        draw: Draws the map of some rows.
    """
    found = {one.title: one for one in timelines(view)}
    if not found:
        draw(view.shown)
        return
    line = found.get(st.session_state.get(_BY, "")) or next(iter(found.values()))
    within = line.within(getattr(view.wanted, line.field))
    playing = st.session_state.get(_PLAYED) is not None
    if playing:
        st.fragment(_step, run_every=STEP_S)(line, within, selection.held(), draw)
    else:
        draw(view.shown)
    if len(found) > 1:
        st.segmented_control("Play by", list(found), default=line.title, required=True, key=_BY,
                             disabled=playing)  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if playing:
            st.button("Stop", on_click=_stop, args=(line, within))
        else:
            order = f"Shows the photos in the order of their {line.title.lower()}."
            st.button("Play", on_click=_play, disabled=within[0] >= within[1], help=order)
        key = f"{_RANGE}_{line.field}"
        st.session_state[key] = (line.mark(within[0]), line.mark(within[1] - line.width))
        first, last = map(line.mark, line.ends)
        st.slider(line.title, first, last, step=line.step, format=line.form, key=key,
                  disabled=playing, on_change=_take, args=(line, key))  # fmt: skip


def window(within: Span, step: int) -> Span:
    """The times that a step of a playback shows."""
    length = (within[1] - within[0]) / STEPS
    first = within[0] + length * step
    return first, min(first + length * WIDTH, within[1])


def _step(line: Timeline, within: Span, opened: str | None, draw: Draw) -> None:
    """Draw one step; runs every second in place of the page, until a click opens a photo."""
    step = st.session_state.get(_PLAYED)
    if step is None or step > STEPS - WIDTH or selection.held() != opened:
        st.session_state[_PLAYED] = None
        # The rest of the page shows what the map stopped at.
        st.rerun()
    low, high = window(within, step)
    values: Floats = line.values.to_numpy(np.float64)
    shown = line.rows[(values >= low) & (values < high)]
    draw(shown)
    at = f"{line.moment(low)} to {line.moment(high)}"
    st.progress((step + WIDTH) / STEPS, f"{at}: {len(shown):,} photos")
    st.session_state[_PLAYED] = step + 1


def _clock(hour: float) -> str:
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _date_and_clock(day: float) -> str:
    return f"{day_text(day)} {_clock(min(24.0 * (day - floor(day)), 23.99))}"


def _play() -> None:
    st.session_state[_PLAYED] = 0


def _stop(line: Timeline, within: Span) -> None:
    """Stop, and filter by the times that the map showed."""
    step = st.session_state.pop(_PLAYED, None)
    if step:
        low, high = window(within, step - 1)
        if line.field == "days":
            low, high = float(floor(low)), float(max(ceil(high), floor(low) + 1))
        filters.keep_field(line.field, (low, high))


def _take(line: Timeline, key: str) -> None:
    first, last = st.session_state[key]
    begins, ends = first <= line.mark(line.ends[0]), last >= line.mark(line.ends[1])
    span = (line.number(first), inf if ends else line.number(last) + line.width)
    filters.keep_field(line.field, None if begins and ends else span)


def _time(hour: float) -> time:
    """A quarter of an hour; a day of the clock ends at 23:59."""
    return time(23, 59) if hour >= 24 else time(int(hour), round(hour % 1 * 60))
