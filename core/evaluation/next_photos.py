"""Where to photograph next: cells of ground ranked by error, lack of photos and missing headings.

Each of the three is a share in [0, 1], and the score of a cell is their mean. A cell without test
photos has the error of the cells around it, else that of the campus. Only ground that people reach
counts: cells with a photo, and, if they are known, cells with a road or path.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.amounts import counted
from core.geo import CoordinateFrame, Floats, LocalFrame, distance_m
from core.inference.export_files import Waypoint, gpx_text

CELL_M = 20.0
SECTORS = 8
_POINTS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
# Training photos that make a cell half as needy as an empty one, at least.
_FEWEST_USUAL = 4.0
_MOST_SWEEPS, _MOST_STARTS = 20, 25
Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """A cell of ground where photos would help.

    Attributes:
        middle_m: `(north, east)` of a point in it that people reach: the mean of its photos and
            of the points of its ways.
        score: Mean of the three shares below, in [0, 1].
        error: `e / (e + m)`, for its median error e and the median m of all test photos.
        lack: `u / (u + n)`, for its n training photos and the usual number u.
        missing: Share of `SECTORS` sectors that no training photo faces.
        training: Training photos in it.
        tested: Test photos in it.
        median_error_m: Median error of these; NaN without one.
        facing: Points of the compass that no training photo faces.
    """

    middle_m: tuple[float, float]
    score: float
    error: float
    lack: float
    missing: float
    training: int
    tested: int
    median_error_m: float
    facing: tuple[str, ...]


def rank_cells(
    training_m: Floats,
    training_heading_deg: Floats,
    tested_m: Floats,
    error_m: Floats,
    *,
    ways_m: Floats | None = None,
    cell_m: float = CELL_M,
) -> list[Cell]:
    """Rank cells of ground, the neediest first.

    Args:
        training_m: `(n, 2)` `[north_m, east_m]` of training photos; NaN does not count.
        training_heading_deg: `(n,)`, NaN if unknown. If all are, headings do not count.
        tested_m: `(m, 2)` true positions of test photos.
        error_m: `(m,)` their errors, NaN if unknown.
        ways_m: `(k, 2)` points along roads and paths, a few metres apart.
        cell_m: Side of a cell.
    """
    placed = np.isfinite(training_m).all(axis=1)
    train, headings = training_m[placed], training_heading_deg[placed]
    judged = np.isfinite(tested_m).all(axis=1) & np.isfinite(error_m)
    test, errors = tested_m[judged], error_m[judged]
    ways = np.zeros((0, 2)) if ways_m is None else ways_m
    everything = np.concatenate([train, test, ways])
    if not len(everything):
        return []
    grid = np.floor(everything / cell_m).astype(np.int64)
    cells, which = np.unique(grid, axis=0, return_inverse=True)
    which = which.reshape(-1)
    of_train, of_test = which[: len(train)], which[len(train) : len(train) + len(test)]
    photos = np.bincount(of_train, minlength=len(cells))
    medians = _medians(errors, of_test, len(cells))
    error = _error_shares(cells, medians, errors)
    usual = max(_FEWEST_USUAL, float(np.median(photos[photos > 0])) if photos.any() else 0.0)
    lack = usual / (usual + photos)
    seen = _faced(headings, of_train, len(cells))
    missing = 1.0 - seen.mean(axis=1)
    parts = [error, lack, missing] if np.isfinite(headings).any() else [error, lack]
    score = np.mean(parts, axis=0)
    counts = np.bincount(which, minlength=len(cells))
    middles = np.stack(
        [np.bincount(which, everything[:, k], len(cells)) / counts for k in (0, 1)], axis=1
    )
    tested = np.bincount(of_test, minlength=len(cells))
    return [
        Cell(
            (float(middles[k, 0]), float(middles[k, 1])), float(score[k]), float(error[k]),
            float(lack[k]), float(missing[k]), int(photos[k]), int(tested[k]), float(medians[k]),
            tuple(name for name, there in zip(_POINTS, seen[k], strict=True) if not there),
        )
        for k in np.lexsort((middles[:, 1], middles[:, 0], -score.round(9)))
    ]  # fmt: skip


def _medians(errors: Floats, cell: Cells, count: int) -> Floats:
    medians = np.full(count, np.nan)
    for one in np.unique(cell):
        medians[one] = np.median(errors[cell == one])
    return medians


def _error_shares(cells: Cells, medians: Floats, errors: Floats) -> Floats:
    """`e / (e + m)` of each cell, with e of the cells around where its own is unknown."""
    if not len(errors):
        return np.full(len(cells), 0.5)
    usual = max(float(np.median(errors)), 1e-9)
    place = {tuple(cell): number for number, cell in enumerate(cells.tolist())}
    found = np.full(len(cells), usual)
    for number, (row, column) in enumerate(cells.tolist()):
        if np.isfinite(medians[number]):
            found[number] = medians[number]
            continue
        around = [
            medians[place[near]]
            for near in ((row + up, column + right) for up in (-1, 0, 1) for right in (-1, 0, 1))
            if near in place and np.isfinite(medians[place[near]])
        ]
        if around:
            found[number] = np.mean(around)
    return np.asarray(found / (found + usual))


def _faced(heading_deg: Floats, cell: Cells, count: int) -> NDArray[np.bool_]:
    """Which sectors `(count, SECTORS)` some photo of each cell faces; the first is about north."""
    seen = np.zeros((count, SECTORS), bool)
    known = np.isfinite(heading_deg)
    width = 360.0 / SECTORS
    sector = np.floor(np.mod(heading_deg[known] + width / 2, 360.0) / width).astype(np.int64)
    seen[cell[known], sector % SECTORS] = True
    return seen


def pick_stops(cells: Sequence[Cell], count: int, least_m: float = 1.5 * CELL_M) -> list[Cell]:
    """The neediest cells that lie at least so far apart, in the order of a short walk."""
    picked: list[Cell] = []
    for cell in cells:
        if len(picked) == count:
            break
        places = np.array([one.middle_m for one in picked]).reshape(-1, 2)
        if (distance_m(places, np.array(cell.middle_m)) >= least_m).all():
            picked.append(cell)
    places = np.array([one.middle_m for one in picked]).reshape(-1, 2)
    return [picked[row] for row in walk_order(places)]


def walk_order(position_m: Floats) -> NDArray[np.int64]:
    """An order `(n,)` of places that makes a short open walk, wherever it starts."""
    count = len(position_m)
    away = np.asarray(distance_m(position_m[:, None], position_m[None]))
    walks = [_walk_from(start, away) for start in range(min(count, _MOST_STARTS))]
    lengths = [away[walk[1:], walk[:-1]].sum() for walk in walks]
    return np.array(walks[int(np.argmin(lengths))] if walks else [], np.int64)


def _walk_from(start: int, away: Floats) -> list[int]:
    """A walk from one place: each time the nearest follows, then pieces are turned round.

    They are as long as that shortens the walk (2-opt, Croes 1958).
    """
    count = len(away)
    order, left = [start], set(range(count)) - {start}
    while left:
        nearest = min(left, key=lambda one: (away[order[-1], one], one))
        order.append(nearest)
        left.discard(nearest)
    for _ in range(_MOST_SWEEPS):
        shorter = False
        for first in range(1, count - 1):
            for last in range(first + 1, count):
                before, after = order[first - 1], order[last + 1] if last + 1 < count else None
                old = away[before, order[first]]
                new = away[before, order[last]]
                if after is not None:
                    old, new = old + away[order[last], after], new + away[order[first], after]
                if new < old - 1e-9:
                    order[first : last + 1] = order[first : last + 1][::-1]
                    shorter = True
        if not shorter:
            break
    return order


def walk_length_m(position_m: Floats) -> float:
    """Length in metres of the straight lines from place to place `(n, 2)`."""
    return float(distance_m(position_m[1:], position_m[:-1]).sum())


def walk_gpx(cells: Sequence[Cell], frame: LocalFrame) -> str:
    """A GPX 1.1 walk through cells in the given order: a waypoint each, joined to a route.

    Raises:
        FrameError: Positions are planar metres, which GPX cannot hold.
    """
    metres = np.array([cell.middle_m for cell in cells]).reshape(-1, 2)
    degrees = CoordinateFrame("degrees").unwrapped(frame.to_degrees(metres))
    points = [
        Waypoint(float(latitude), float(longitude), f"{number}: photograph here", reason(cell))
        for number, (cell, (latitude, longitude)) in enumerate(
            zip(cells, degrees, strict=True), start=1
        )
    ]
    return gpx_text("Where to photograph next", points, as_route=True)


def reason(cell: Cell) -> str:
    """Why photos of a cell would help, in a sentence."""
    photos = counted(cell.training, "training photo")
    error = f", median error {cell.median_error_m:.0f} m" if cell.tested else ", not tested"
    if not cell.facing:
        return f"{photos}{error}, all directions photographed"
    if len(cell.facing) == SECTORS:
        return f"{photos}{error}, no direction photographed"
    return f"{photos}{error}, nobody faced {', '.join(cell.facing)}"
