"""Region labels that the surrounding photos contradict."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from core.amounts import percent
from core.audit.findings import HABIT_SHARE, NOTATION_SCORE, Finding, row_finding
from core.audit.positions import find_walk_neighbours
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig

KINDS = {
    "region_neighbours": "a region that hardly any photo around has",
    "region_empty": "a row without a region",
}
# At the border of two regions neighbours are of both; only rows deep in another region are odd.
OWN_AT_MOST = 0.05
OTHER_AT_LEAST = 0.8
FEWEST_VOTES = 3


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Let the nearest rows in space vote on the region of each row."""
    empty = rows.region == ""
    if empty.all():
        # Nobody labelled regions.
        return
    extent = rows.extent
    # Of a row far from its walk the position is wrong, and says nothing about its region.
    placed = np.isfinite(extent.gap) & ~extent.on_island & ~find_walk_neighbours(rows).leapt
    on = np.flatnonzero(placed & ~empty)
    # In a small file thirty neighbours are not of one place.
    votes = min(config.neighbours, len(on) // 20)
    yield from _without_region(rows, np.flatnonzero(empty), on, votes)
    if votes < FEWEST_VOTES:
        return
    away, near = cKDTree(extent.position[on]).query(extent.position[on], k=votes + 1)
    names, region = np.unique(rows.region[on].astype(str), return_inverse=True)
    # The row itself is not always first: photos of one spot lie at one point.
    voters = _without_self(near)
    count = np.zeros((len(on), len(names)))
    np.add.at(count, (np.arange(len(on))[:, None], region[voters]), 1.0 / votes)
    own = count[np.arange(len(on)), region]
    other = count.argmax(axis=1)
    share = count.max(axis=1)
    for index in np.flatnonzero((own <= OWN_AT_MOST) & (share >= OTHER_AT_LEAST)):
        meant = str(names[other[index]])
        evidence = (
            f"{percent(share[index])} of the {votes:,} nearest photos, within "
            f"{extent.length(float(away[index, -1]))}, are of region {meant} and "
            f"{percent(own[index])} of region {names[region[index]]}"
        )
        score = share[index] * (1.0 - 5.0 * own[index])
        yield row_finding(
            rows, int(on[index]), "region_neighbours", "Region_ID", meant, score, evidence
        )


def _without_region(
    rows: LabelRows, empty: np.ndarray, on: np.ndarray, votes: int
) -> Iterator[Finding]:
    """Name rows without a region; the nearest rows propose one if they agree.

    Where many rows have none and nothing can be proposed, it is said once.

    Args:
        rows: All rows.
        empty: Rows without a region.
        on: Rows with a region and a plausible position.
        votes: How many of them vote.
    """
    said = "the row names no region; it counts for the labels that it has"
    many = len(empty) > HABIT_SHARE * len(rows)
    untold = 0
    tree = cKDTree(rows.extent.position[on]) if votes >= FEWEST_VOTES else None
    for row in empty.tolist():
        proposal, evidence = "", said
        if tree is not None and np.isfinite(rows.extent.position[row]).all():
            near = on[tree.query(rows.extent.position[row], k=votes)[1]]
            names, counts = np.unique(rows.region[near].astype(str), return_counts=True)
            share = float(counts.max()) / votes
            if share >= OTHER_AT_LEAST:
                proposal = str(names[counts.argmax()])
                evidence = (
                    f"{said}; {percent(share)} of the {votes:,} nearest photos are of region "
                    f"{proposal}"
                )
        if many and not proposal:
            untold += 1
            continue
        score = 1.0 if proposal else NOTATION_SCORE
        yield row_finding(rows, row, "region_empty", "Region_ID", proposal, score, evidence)
    if untold:
        files = ", ".join(file.path.name for file in rows.files)
        evidence = (
            f"{untold:,} of {len(rows):,} rows name no region, and the photos around propose none; "
            "they count for the labels that they have"
        )
        yield Finding(files, "region_empty", "Region_ID", "", "", NOTATION_SCORE, evidence)


def _without_self(near: np.ndarray) -> np.ndarray:
    """Neighbours `(n, k)` of `(n, k + 1)` found ones, the row itself or else the last left out."""
    rows = np.arange(len(near))
    drop = near == rows[:, None]
    drop[~drop.any(axis=1), -1] = True
    return np.asarray(near[~drop].reshape(len(near), -1))
