"""What the buttons of the review do: they check a typed value and write decisions to repairs.csv.

The buttons are callbacks, so that the page drawn afterwards shows the new state. If a callback
fails, the finding and the typed value stay as they were.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.access import gate
from app.data.review.queue import in_words
from app.widgets import messages
from core.audit.findings import Finding
from core.audit.review import accept_by_rule, decide, take_back, undo_last
from core.audit.rows import LabelRows
from core.dataset.campus import CAMPUS_EXTENT_M
from core.dataset.repairs import Decision, Key
from core.errors import BearingsError, ConfigError
from core.geo import distance_m
from core.tables.numbers import numbers
from core.tables.regions import region_ids
from core.tables.times import minute_of_day

COORDINATES = ("latitude", "longitude", "position")
_AT, _FAULT = "review_at", "review_fault"
# Each decision rewrites the file; of two readers at once, one would lose theirs.
_ONE_AT_A_TIME = threading.Lock()


def checked(rows: LabelRows, row: int | None, column: str, text: str) -> str:
    """Return the value as it will be written; empty text stays empty: the row is left out.

    Args:
        rows: All label rows, which say what regions there are and where the campus lies.
        row: The row that gets the value; None where the file no longer has it.
        column: A finding's column.
        text: What was typed.

    Raises:
        ConfigError: It cannot be a value of that column; says why.
    """
    value = " ".join(text.split())
    if not value:
        return ""
    if column == "angle":
        return _heading(value)
    if column == "Region_ID":
        return _region(value, known_regions(rows))
    if column == "timestamp":
        return _time(value)
    if column in COORDINATES:
        return _position(rows, row, column, value)
    return value


def known_regions(rows: LabelRows) -> tuple[str, ...]:
    """Region ids that the label files name."""
    return tuple(dict.fromkeys(str(region) for region in rows.region if region))


def coordinates(rows: LabelRows, row: int, column: str, value: str) -> tuple[float, float] | None:
    """Latitude and longitude of a row with `value` in a column; None where one is no number.

    Args:
        rows: All label rows.
        row: The row.
        column: `latitude`, `longitude` or `position`; another one leaves the row as it is.
        value: One number, or two with a blank between.
    """
    pair = [float(rows.latitude[row]), float(rows.longitude[row])]
    parts = numbers(pd.Series(value.replace(",", " ").split(), dtype=str)).tolist()
    if column == "position":
        pair = parts
    elif column in COORDINATES:
        pair[COORDINATES.index(column)] = parts[0] if len(parts) == 1 else np.nan
    return (pair[0], pair[1]) if len(pair) == 2 and np.isfinite(pair).all() else None


def _heading(value: str) -> str:
    heading = numbers(pd.Series([value]))[0]
    if not 0.0 <= heading < 360.0:
        raise ConfigError(
            f"{value!r} is not a heading: type degrees from 0 to less than 360, such as 271.5"
        )
    return value


def _region(value: str, known: Sequence[str]) -> str:
    if str(region_ids(pd.Series([value]))[0]) not in known:
        raise ConfigError(f"there is no region {value!r}: choose one of {', '.join(known)}")
    return value


def _time(value: str) -> str:
    if np.isnan(minute_of_day(pd.Series([value]))[0]):
        raise ConfigError(f"{value!r} has no time of day: type it as 15:03")
    return value


def _position(rows: LabelRows, row: int | None, column: str, value: str) -> str:
    if row is None:
        raise ConfigError("the label file no longer has this row: check the labels again")
    pair = coordinates(rows, row, column, value)
    if pair is None:
        wanted = "pair of latitude and longitude" if column == "position" else column
        raise ConfigError(f"{value!r} is not a {wanted}: type it in the unit of the label file")
    place = rows.extent.place(np.array([pair]))[0]
    away = float(distance_m(place, np.zeros(2)))
    if rows.frame is not None and away > CAMPUS_EXTENT_M:
        raise ConfigError(
            f"{value!r} is {rows.extent.length(away)} from the centre of the campus: check the "
            "digits and the sign"
        )
    return " ".join(value.replace(",", " ").split()) if column == "position" else value


def at() -> Key | None:
    """The finding on the page; None for the first of the queue."""
    return st.session_state.get(_AT)


def show_fault() -> None:
    """Show the error of the last button, once."""
    words = st.session_state.pop(_FAULT, None)
    if words is not None:
        messages.show_error(words)


def go_to(key: Key | None) -> None:
    """Show this finding on the next page."""
    st.session_state[_AT] = key


def settle(
    folder: Path,
    finding: Finding,
    decision: Decision,
    following: Key | None,
    typed: Callable[[], str],
    place: tuple[LabelRows, int | None],
) -> None:
    """Accept or reject a finding, then go to the one that follows.

    Args:
        folder: The dataset folder.
        finding: What is decided about.
        decision: How.
        following: Where to go then.
        typed: Gives the new value as it stands in the field.
        place: The label rows, and the row that gets the value.
    """

    def act() -> str:
        gate.need("operator")
        new = typed() if decision == "accepted" else finding.proposal
        if new != finding.proposal:
            new = checked(place[0], place[1], finding.column, new)
        if new and new == finding.value:
            raise ConfigError(
                "this is already the value in the file: change it, or reject the finding"
            )
        words = in_words(decide(folder, finding, decision, new=new))
        go_to(following)
        return words

    _done(act)


def undo(folder: Path) -> None:
    """Take the last decision back and show its finding."""

    def act() -> str:
        gate.need("operator")
        last = undo_last(folder)
        if last is None:
            return "No decision to take back."
        go_to(last.key)
        return f"Taken back: {in_words(last)}"

    _done(act)


def accept_kind(folder: Path, findings: Sequence[Finding], kind: str, least: float) -> None:
    """Accept every undecided finding of a kind with at least this score."""

    def act() -> str:
        gate.need("operator")
        return f"Accepted by rule: {len(accept_by_rule(folder, findings, [kind], least)):,}."

    _done(act)


def forget(folder: Path, keys: Collection[Key]) -> None:
    """Take back chosen decisions."""

    def act() -> str:
        gate.need("operator")
        return f"Taken back: {take_back(folder, keys):,}."

    _done(act)


def _done(act: Callable[[], str]) -> None:
    try:
        with _ONE_AT_A_TIME:
            messages.later(act())
    except BearingsError as error:
        st.session_state[_FAULT] = str(error)
