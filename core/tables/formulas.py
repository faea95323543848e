"""Cells of exported tables that no spreadsheet takes for a formula.

Excel, LibreOffice and Google Sheets compute a cell of a CSV file that begins with `= + - @`, a tab
or a return (OWASP, "CSV Injection"): a photo called `=HYPERLINK(...)` would be a link. Such text
gets an apostrophe before it; numbers stay numbers. Bearings reads its own tables back without it.

Files that Bearings itself reads as data keep every text as it is: `labels.csv`, `repairs.csv`,
`tags.csv` and `findings.csv` name photos and old values, which must equal those of the labels to
the letter, also for the programs of other people; so does the course's submission table.
"""

import csv
import re
from collections.abc import Iterable
from typing import Any, Literal

_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_GUARD = "'"


def inert_cell(value: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
    """A cell as it is exported: text that a spreadsheet would compute gets an apostrophe.

    Text that has apostrophes before such a sign gets one more, so that `original_cell` is exact.
    """
    if not isinstance(value, str) or not _would_compute(value):
        return value
    return _GUARD + value


def raw_cell(value: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
    """A cell as `--raw` exports it: as it is, a formula too.

    But text that has apostrophes before such a sign gets one more: `original_cell` takes one off.
    """
    guarded = isinstance(value, str) and value.startswith(_GUARD)
    return inert_cell(value) if guarded else value


def original_cell(value: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
    """The text that `inert_cell` or `raw_cell` was given."""
    guarded = isinstance(value, str) and value.startswith(_GUARD) and _would_compute(value)
    return value[1:] if guarded else value


def quoting_of(values: Iterable[Any]) -> Literal[0, 2]:
    """How the csv module must quote values: it leaves a return bare, where readers end the line."""
    bare = any(isinstance(value, str) and "\r" in value for value in values)
    return csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL


def _would_compute(text: str) -> bool:
    bare = text.lstrip(_GUARD)
    # A spreadsheet passes over blanks before a formula.
    start = bare.lstrip(" ")[:1]
    return start in _STARTS and bool(start) and not _NUMBER.fullmatch(bare)
