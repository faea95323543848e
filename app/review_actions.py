"""What the buttons of the review queue do: each writes to repairs.csv, or says why it could not.

They are callbacks, so that the page that follows shows what is true after them. Whatever fails
leaves the finding, and what was typed, as they were.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import streamlit as st

from app import notices
from app.review_queue import in_words
from app.review_values import checked
from core.audit.findings import Finding
from core.audit.review import accept_by_rule, decide, take_back, undo_last
from core.audit.rows import LabelRows
from core.dataset.repairs import Decision, Key
from core.errors import BearingsError, ConfigError

_AT, _FAULT = "review_at", "review_fault"
# Each decision rewrites the file; of two readers at once, one would lose theirs.
_ONE_AT_A_TIME = threading.Lock()


def at() -> Key | None:
    """What the reader looks at; None at the head of the queue."""
    return st.session_state.get(_AT)


def show_fault() -> None:
    """Say why the last button did nothing, once."""
    words = st.session_state.pop(_FAULT, None)
    if words is not None:
        st.error(words)


def go_to(key: Key | None) -> None:
    """Look at a finding."""
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
        new = typed() if decision == "accepted" else finding.proposal
        if new != finding.proposal:
            new = checked(place[0], place[1], finding.column, new)
        if new and new == finding.value:
            raise ConfigError("that is the value that the file has: change it, or reject it")
        words = in_words(decide(folder, finding, decision, new=new))
        go_to(following)
        return words

    _done(act)


def undo(folder: Path) -> None:
    """Take the last decision back and look at it again."""

    def act() -> str:
        last = undo_last(folder)
        if last is None:
            return "There is nothing to take back."
        go_to(last.key)
        return f"Taken back: {in_words(last)}"

    _done(act)


def accept_kind(folder: Path, findings: Sequence[Finding], kind: str, least: float) -> None:
    """Accept every undecided finding of a kind that is sure enough."""

    def act() -> str:
        return f"{len(accept_by_rule(folder, findings, [kind], least)):,} accepted by rule."

    _done(act)


def forget(folder: Path, keys: Collection[Key]) -> None:
    """Take back chosen decisions."""
    _done(lambda: f"{take_back(folder, keys):,} taken back.")


def _done(act: Callable[[], str]) -> None:
    try:
        with _ONE_AT_A_TIME:
            notices.later(act())
    except BearingsError as error:
        st.session_state[_FAULT] = str(error)
