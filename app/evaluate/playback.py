"""Photos by the time of day on a map: a range of hours, and playback from the first to the last."""

from collections.abc import Callable
from math import ceil, floor, inf

import numpy as np
import pandas as pd
import streamlit as st

from app.evaluate.photos import EvaluationView
from app.selection import filters, selection
from app.selection.filter_fields import Span
from core.geo import Floats

STEP_S = 1.0
"""Seconds between two steps: each sends the map again."""
STEPS, WIDTH = 48, 4
"""Steps of a playback; how many of them the map shows together."""
_RANGE, _PLAYED = "map_time", "map_time_played"
Draw = Callable[[pd.DataFrame], None]


def show(view: EvaluationView, draw: Draw) -> None:
    """Draw a map of the photos, with a slider over their time and a button that plays it.

    Without times, only the map is drawn.

    Args:
        view: The photos.
        draw: Draws the map of some rows.
    """
    rows = view.beside("hours")
    hours = view.hours(rows)
    known = np.zeros(0) if hours is None else hours.dropna().to_numpy(np.float64)
    if not len(known) or known.max() - known.min() < 1 / 60:
        draw(view.shown)
        return
    assert hours is not None
    ends = (floor(known.min() * 4) / 4, ceil(known.max() * 4 + 1e-9) / 4)
    low, high = view.wanted.hours or ends
    within = (max(low, ends[0]), min(high, ends[1]))
    playing = st.session_state.get(_PLAYED) is not None
    if playing:
        st.fragment(_step, run_every=STEP_S)(rows, hours, within, selection.held(), draw)
    else:
        draw(view.shown)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if playing:
            st.button("Stop", on_click=_stop, args=(within,))
        else:
            st.button("Play", on_click=_play, args=(within,), disabled=within[0] >= within[1],
                      help="Shows the photos in the order of their time of day.")  # fmt: skip
        st.session_state[_RANGE] = tuple(float(np.clip(end, *ends)) for end in within)
        st.slider(
            "Time of day (hours)", *ends, step=0.25, key=_RANGE, disabled=playing,
            on_change=_take, args=(ends,),
        )  # fmt: skip


def window(within: Span, step: int) -> Span:
    """The hours that a step of a playback shows."""
    length = (within[1] - within[0]) / STEPS
    first = within[0] + length * step
    return first, min(first + length * WIDTH, within[1])


def _step(
    rows: pd.DataFrame, hours: pd.Series, within: Span, opened: str | None, draw: Draw
) -> None:
    """Draw one step; runs every second in place of the page, until a click opens a photo."""
    step = st.session_state.get(_PLAYED)
    if step is None or step > STEPS - WIDTH or selection.held() != opened:
        st.session_state[_PLAYED] = None
        # The rest of the page shows what the map stopped at.
        st.rerun()
    low, high = window(within, step)
    shown = _between(rows, hours, low, high)
    draw(shown)
    st.progress((step + WIDTH) / STEPS, f"{_clock(low)} to {_clock(high)}: {len(shown):,} photos")
    st.session_state[_PLAYED] = step + 1


def _between(
    rows: pd.DataFrame, hours: "pd.Series[float]", low: float, high: float
) -> pd.DataFrame:
    values: Floats = hours.to_numpy(np.float64)
    return rows[(values >= low) & (values < high)]


def _clock(hour: float) -> str:
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _play(within: Span) -> None:
    st.session_state[_PLAYED] = 0


def _stop(within: Span) -> None:
    """Stop, and filter by the hours that the map showed."""
    step = st.session_state.pop(_PLAYED, None)
    if step:
        filters.keep_field("hours", window(within, step - 1))


def _take(ends: Span) -> None:
    low, high = st.session_state[_RANGE]
    if low <= ends[0] and high >= ends[1]:
        filters.keep_field("hours", None)
    else:
        filters.keep_field("hours", (low, inf if high >= ends[1] else high))
