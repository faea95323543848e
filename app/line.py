"""Lines before expensive work: few work at once, the others wait in order and see their place.

One visitor must not keep a shared server from all others. So each line lets one piece of work of a
visitor at a time go on, however many tabs they open, and refuses more once many wait. Who closes
the page leaves the line.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.access import roles
from core.errors import AccessError

MOST_WAITING = 100
"""Visitors that wait in one line; the next one is asked to come again."""
_LOOK_S = 0.5


@dataclass(eq=False)
class _Ticket:
    owner: str


class Line:
    """Work of one kind; safe from any thread."""

    def __init__(self, what: str, at_once: int, *, most_waiting: int = MOST_WAITING) -> None:
        """Start empty.

        Args:
            what: The work in the plural, for sentences.
            at_once: How many go on at the same moment, each of another owner.
            most_waiting: How many may wait.
        """
        self.what, self.at_once, self.most_waiting = what, at_once, most_waiting
        self._waiting: list[_Ticket] = []
        self._working: list[_Ticket] = []
        self._moved = threading.Condition()

    @contextmanager
    def turn(self, owner: str, tell: Callable[[int], None]) -> Iterator[None]:
        """Wait for a turn, and do the work in the block.

        Args:
            owner: Who waits; of each owner one works at a time.
            tell: Called with the number of those before, again and again while waiting; what it
                raises ends the waiting.

        Raises:
            AccessError: Too many wait.
        """
        ticket = _Ticket(owner)
        with self._moved:
            if len(self._waiting) >= self.most_waiting:
                raise AccessError(
                    f"{len(self._waiting)} others wait for {self.what} on this server: try again "
                    "in a minute"
                )
            self._waiting.append(ticket)
        try:
            while not self._starts(ticket):
                tell(self._waiting.index(ticket))
            yield
        finally:
            with self._moved:
                for tickets in (self._waiting, self._working):
                    if ticket in tickets:
                        tickets.remove(ticket)
                self._moved.notify_all()

    def _starts(self, ticket: _Ticket) -> bool:
        """Wait a moment for the turn of a ticket; return whether it came."""
        with self._moved:
            if not self._moved.wait_for(lambda: self._next() is ticket, _LOOK_S):
                return False
            self._waiting.remove(ticket)
            self._working.append(ticket)
            self._moved.notify_all()
            return True

    def _next(self) -> _Ticket | None:
        """The first one that waits and of whose owner nothing goes on; None if all are busy."""
        busy = {ticket.owner for ticket in self._working}
        if len(self._working) >= self.at_once:
            return None
        return next((ticket for ticket in self._waiting if ticket.owner not in busy), None)


predictions = Line("predictions", 2)
explanations = Line("explanations", 1)
audits = Line("checks of labels", 1)


@contextmanager
def turn(line: Line) -> Iterator[None]:
    """Wait on the page for a turn in a line, and do the work in the block.

    Raises:
        AccessError: Too many wait.
    """
    shown: list[DeltaGenerator] = []

    def tell(before: int) -> None:
        if not shown:
            shown.append(st.empty())
        ahead = f"{before} before you" if before else "you are next"
        # Drawing also ends this run if the visitor has left.
        shown[0].info(f"Waiting for {line.what}: {ahead}. {line.at_once} at once on this server.")

    with line.turn(_owner(), tell):
        for place in shown:
            place.empty()
        yield


def _owner() -> str:
    """Who is behind this session: who signed in, in all tabs, or else the session itself."""
    name, context = roles.person().name, get_script_run_ctx()
    return name or ("" if context is None else context.session_id)
