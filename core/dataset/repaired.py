"""Label rows with the accepted repairs applied; what was applied, and what was not, is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.dataset.clean import numbers
from core.dataset.repairs import LEFT_OUT, REPAIRS_FILE, TEXT_OF, Repair, standing


@dataclass(frozen=True, eq=False)
class Repaired:
    """Label rows after the repairs.

    Attributes:
        text: The rows as text, accepted values in place.
        left_out: `(n,)` why a repair leaves a row out; `""` where none does.
        applied: Repairs that changed something.
        stale: Accepted repairs whose old value the label file no longer has.
    """

    text: pd.DataFrame
    left_out: pd.Series
    applied: tuple[Repair, ...]
    stale: tuple[Repair, ...]


def apply_repairs(text: pd.DataFrame, labels: str, repairs: Sequence[Repair]) -> Repaired:
    """Apply the decisions that stand to the rows of one label file, in the order of their lines.

    Args:
        text: Rows as `read_columns` gives them.
        labels: The label file, relative to the dataset folder.
        repairs: All decisions of the dataset.
    """
    text = text.copy()
    left_out = pd.Series("", index=text.index)
    applied, stale = list[Repair](), list[Repair]()
    rows_of = text.groupby("filename", sort=False).indices
    for repair in standing(repairs).values():
        if repair.labels != labels or repair.decision != "accepted":
            continue
        named = np.asarray(rows_of.get(repair.filename, []), np.int64)
        rows = named[_still(text.iloc[named], repair)]
        (applied if len(rows) else stale).append(repair)
        if not repair.new:
            # Of rows that repeat one another, leaving out means leaving out the repeats.
            rows = rows[1:] if repair.column == "filename" and len(rows) > 1 else rows
            left_out.iloc[rows] = f"{LEFT_OUT}: {repair.finding}"
        else:
            for name, value in zip(_columns(repair), _values(repair, repair.new), strict=True):
                text.iloc[rows, text.columns.get_loc(name)] = value
    return Repaired(text, left_out, tuple(applied), tuple(stale))


def repair_notes(folder: Path, repairs: Sequence[Repair], done: Sequence[Repaired]) -> list[str]:
    """Say how many repairs count, how many do not, and why."""
    applied = [repair for each in done for repair in each.applied]
    stale = [repair for each in done for repair in each.stale]
    notes = []
    if applied:
        out = sum(repair.leaves_out for repair in applied)
        rule = sum(repair.by == "rule" for repair in applied)
        notes.append(
            f"{len(applied)} repairs of {REPAIRS_FILE} were applied: {len(applied) - out} values "
            f"replaced, {out} rows left out; {rule} decided by rule, {len(applied) - rule} by a "
            "person"
        )
    if stale:
        notes.append(
            f"{len(stale)} accepted repairs were not applied, for the label file no longer has the "
            f"values that they replace: {_shown(stale)}"
        )
    # A rejected finding about a photo without a row, or about a whole file, names no label file.
    about_rows = [repair for repair in standing(repairs).values() if repair.labels]
    lost = [repair for repair in about_rows if not (folder / repair.labels).is_file()]
    if lost:
        notes.append(
            f"{len(lost)} repairs are about label files that are not there: {_shown(lost)}"
        )
    return notes


def _still(rows: pd.DataFrame, repair: Repair) -> np.ndarray:
    """Flag rows whose value is the one that was decided about."""
    same = np.ones(len(rows), bool)
    for name, old in zip(_columns(repair), _values(repair, repair.old), strict=True):
        value = rows[name].str.strip()
        number = numbers(pd.Series([old]))[0]
        same &= (value == old).to_numpy() | (numbers(value) == number)
    return same


def _columns(repair: Repair) -> tuple[str, ...]:
    if repair.column == "position":
        return ("latitude", "longitude")
    return (TEXT_OF[repair.column],) if repair.column else ()


def _values(repair: Repair, value: str) -> tuple[str, ...]:
    """The value by column; a position is written with a blank between."""
    if repair.column == "position":
        north, _, east = value.strip().partition(" ")
        return north, east.strip()
    return (value.strip(),) if repair.column else ()


def _shown(repairs: Sequence[Repair]) -> str:
    shown = [f"{r.filename} ({r.column or r.finding} {r.old})" for r in repairs[:3]]
    return ", ".join(shown) + (", ..." if len(repairs) > len(shown) else "")
