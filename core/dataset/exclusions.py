"""Which rows must be left out, and when that is too many to go on."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.dataset.campus import Campus
from core.errors import LabelError

ALLOWED_SHARE = 0.01
_CONTENT = ["latitude", "longitude", "heading_deg", "region"]


def off_earth_faults(rows: pd.DataFrame, campus: Campus) -> pd.Series:
    """Say for each row whether its position is no place on Earth in the campus's frame."""
    faults = pd.Series("", index=rows.index)
    frame = campus.frame
    if not frame.has_degrees:
        return faults
    scale = frame.scale if frame.kind == "scaled_degrees" else 1.0
    latitude = rows["latitude"] * scale + frame.origin_latitude
    longitude = rows["longitude"] * scale + frame.origin_longitude
    outside = (latitude.abs() > 90.0) | (longitude.abs() > 180.0)
    faults[outside] = [
        f"position {north:g}, {east:g} is no place on Earth"
        for north, east in rows.loc[outside, ["latitude", "longitude"]].to_numpy()
    ]
    return faults


def duplicate_faults(rows: pd.DataFrame) -> pd.Series:
    """Say for each row whether another row labels the same photo.

    Of rows that agree the first is kept; rows that contradict one another are all left out, for
    nothing tells which is right.
    """
    faults = pd.Series("", index=rows.index)
    again = rows["photo_id"].duplicated(keep=False)
    for _, group in rows[again].groupby("photo_id", sort=False):
        if len(group[_CONTENT].drop_duplicates()) == 1:
            faults[group.index[1:]] = "the same row occurs before"
        else:
            faults[group.index] = f"{len(group)} rows label this photo and contradict one another"
    return faults


def check_excluded(
    root: Path,
    rows: pd.DataFrame,
    faults: pd.Series,
    allow_missing: bool,
    folders: Sequence[Path] = (),
) -> pd.DataFrame:
    """Stop when more than 1 % of the rows are left out, unless allowed; always when all are.

    Args:
        root: What was read, for the message.
        rows: All label rows, with `photo_id`.
        faults: Why a row is left out; `""` where it is kept.
        allow_missing: Whether more than 1 % may be left out.
        folders: Where photos were looked for, for the message.

    Returns:
        The rows left out: `photo_id`, `reason`.

    Raises:
        LabelError: Counts by reason, the first photos of each, where they were looked for.
    """
    out = faults != ""
    excluded = pd.DataFrame({"photo_id": rows["photo_id"][out], "reason": faults[out]})
    excluded = excluded.reset_index(drop=True)
    total, left = len(rows), len(rows) - len(excluded)
    share = len(excluded) / total
    if share <= ALLOWED_SHARE or (allow_missing and left):
        return excluded
    advice = "Add the photos or mend the rows"
    if left:
        advice += f"; to go on with the remaining {left}, allow it (--allow-missing)"
    looked = ""
    if folders:
        looked = (
            f" Photos were looked for in {', '.join(map(str, folders))}; they belong beside the "
            "label file in images/ (or images_train/, images_val/ and images_test/)."
        )
    raise LabelError(
        f"{root}: {len(excluded)} of {total} labelled photos ({share:.1%}) cannot be used, more "
        f"than 1 % may be left out.\n{_by_reason(excluded)}\n{advice}.{looked}"
    )


def _by_reason(excluded: pd.DataFrame) -> str:
    """Write one line a kind of reason; what follows a colon or bracket differs by row."""
    kind = excluded["reason"].str.replace(r"[:(].*", "", regex=True).str.strip()
    kind = kind.str.replace(r"[-\d.,]*\d[-\d.,]*", "...", regex=True)
    lines = []
    for reason, group in excluded.groupby(kind, sort=False):
        shown = group["photo_id"].head(3).tolist()
        more = ", ..." if len(group) > len(shown) else ""
        lines.append(f"  {len(group)} x {reason}: {', '.join(shown)}{more}")
    return "\n".join(lines)
