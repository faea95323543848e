"""Whether a goal is met, and where the time goes if it is not."""

import cProfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType

from core.project import PROJECT

_SHOWN = 5


def verdict(
    goal: str, measured: str, *, met: bool, missed_in: Callable[[], object] | None = None
) -> list[str]:
    """Lines that say goal, figure and verdict, and the profile of what misses the goal.

    Args:
        goal: As in "at most 1.5 times a pass of the backbone".
        measured: As in "1.3 times".
        met: Whether the goal is met.
        missed_in: What is run once more under a profiler if the goal is missed.
    """
    line = f"Goal: {goal}. Measured: {measured}. **{'Met' if met else 'Missed'}.**"
    if met or missed_in is None:
        return ["", line]
    return ["", line, "", *profile(missed_in)]


def profile(run: Callable[[], object]) -> list[str]:
    """A table of the functions that take most of the time of a run, callees left out."""
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        run()
    finally:
        profiler.disable()
    entries = profiler.getstats()
    whole = sum(entry.inlinetime for entry in entries)
    longest = sorted(entries, key=lambda entry: -entry.inlinetime)[:_SHOWN]
    rows = [f"| `{_name(entry.code)}` | {entry.inlinetime / whole:.0%} |" for entry in longest]
    return ["| most of the time is in | share |", "|---|---|", *rows]


def _name(code: CodeType | str) -> str:
    """A function as documents name it: built-in ones by their own words, others with a module."""
    if isinstance(code, str):
        return code.strip("<>").removeprefix("built-in method ").removeprefix("method ")
    file = Path(code.co_filename)
    parts = file.parts
    if "site-packages" in parts:
        shown = "/".join(parts[parts.index("site-packages") + 1 :])
    elif file.is_relative_to(PROJECT):
        shown = file.relative_to(PROJECT).as_posix()
    else:
        shown = file.name
    return f"{shown} {code.co_qualname}"
