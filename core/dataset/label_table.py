"""Label values in their final form: headings of one turn, fields of view, regions in order."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from core.geo import Floats, wrap_heading_deg
from core.labels import INTEGER_REGION
from core.tables.numbers import is_placeholder, read_column


def wrapped_headings(table: pd.DataFrame, notes: list[str]) -> Floats:
    """Bring headings into `[0, 360)` and note how many were outside, with the first three."""
    heading = table["heading_deg"].to_numpy(np.float64)
    outside = (heading < 0.0) | (heading >= 360.0)
    wrapped = wrap_heading_deg(heading)
    if outside.any():
        shown = [
            f"{table['filename'].iloc[row]} {heading[row]:g} -> {wrapped[row]:g}"
            for row in np.flatnonzero(outside)[:3]
        ]
        notes.append(
            f"{int(outside.sum()):,} headings outside [0, 360) were taken modulo 360: "
            f"{', '.join(shown)}{_more(outside, shown)}"
        )
    return wrapped


def fields_of_view(table: pd.DataFrame, notes: list[str]) -> Floats:
    """Parse horizontal fields of view; NaN where unknown, noted where not between 10 and 170."""
    hfov = read_column(table["hfov_deg"]).settled(",")
    wrong = ~is_placeholder(table["hfov_deg"]) & ~((hfov > 10.0) & (hfov < 170.0))
    if wrong.any():
        shown = table["filename"].to_numpy()[wrong][:3].tolist()
        notes.append(
            f"{int(wrong.sum())} fields of view are not between 10 and 170 degrees and count as "
            f"unknown: {', '.join(shown)}{_more(wrong, shown)}"
        )
    return np.where(wrong, np.nan, hfov)


def same_value_notes(positions: Floats, headings_deg: Floats) -> list[str]:
    """Say that all positions `(n, 2)` or all headings `(n,)` that are known are the same one."""
    notes = []
    for label, values in (("position", positions), ("heading", headings_deg[:, None])):
        known = values[np.isfinite(values).all(axis=1)]
        if len(known) > 1 and (known == known[0]).all():
            value = ", ".join(f"{number:g}" for number in known[0])
            notes.append(
                f"all {len(known):,} photos that have a {label} have the same one ({value}): "
                "make sure that it is no default value or rounded; a model cannot learn from it"
            )
    return notes


def _more(flags: np.ndarray, shown: list[str]) -> str:
    return ", ..." if int(flags.sum()) > len(shown) else ""


# Region ids are text inside, in one stable order, and integers again in files where all are.


# A longer row of digits is a name: a float would lose some of them, and Python reads 4300 at most.


def natural_order(regions: Iterable[str]) -> tuple[str, ...]:
    """Order distinct region ids: whole numbers by size, then text by its letters."""
    return tuple(sorted(set(regions), key=_key))


def _key(region: str) -> tuple[bool, int, str]:
    number = INTEGER_REGION.fullmatch(region)
    return (number is None, int(region) if number else 0, region)
