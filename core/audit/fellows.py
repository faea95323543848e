"""The fellows of a row: rows of the same walk within a few minutes, which stand where it stood."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from core.audit.rows import LabelRows
from core.geo import Floats

# Nobody walks far in three minutes; fewer fellows than three may be wrong themselves.
WITHIN_MINUTES = 3.0
FEWEST = 3
# What counts as a leap, in long steps of the file and in reaches. A long step is one of the longest
# twentieth: where one row in a hundred is wrong, the longest hundredth would be the faults.
LEAP_STEPS = 4.0
LEAP_REACHES = 1.5
LONG_STEP = 0.95
# A row that is put back must stand beside its fellows, not just within their reach: among the many
# readings of a number, some land within reach by chance.
BESIDE_REACHES = 0.25


@dataclass(frozen=True, eq=False)
class Fellows:
    """For each of n rows, how far its nearest fellow stands.

    Attributes:
        of: Row numbers of each row's fellows; empty arrays where there are too few.
        step: `(n,)` distance to the nearest fellow, in the unit of the ground; NaN where unknown.
        leap: A step that is longer than this is no step.
        beside: A row this close to a fellow stands beside it.
    """

    of: tuple[np.ndarray, ...]
    step: Floats
    leap: float
    beside: float

    @property
    def leapt(self) -> np.ndarray:
        """`(n,)` whether a row stands farther from its fellows than anybody steps."""
        return np.asarray(np.nan_to_num(self.step) > self.leap)


def find_fellows(rows: LabelRows) -> Fellows:
    """Find each row's fellows among the rows on the campus; a row off it may have fellows too."""
    ground = rows.ground
    timed = np.isfinite(rows.minute)
    of = [np.empty(0, np.int64)] * len(rows)
    step = np.full(len(rows), np.nan)
    on = timed & np.isfinite(ground.gap) & ~ground.on_island
    order = np.argsort(rows.walk, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(rows.walk[order])) + 1):
        sound = members[on[members]]
        for row in members[timed[members]]:
            near = sound[np.abs(rows.minute[sound] - rows.minute[row]) <= WITHIN_MINUTES]
            near = near[near != row]
            if len(near) < FEWEST:
                continue
            of[row] = near
            away = ground.position[near] - ground.position[row]
            step[row] = np.hypot(*away.T).min()
    sound_steps = step[on & np.isfinite(step)]
    long = float(np.quantile(sound_steps, LONG_STEP)) if len(sound_steps) else np.inf
    leap = max(LEAP_REACHES * ground.reach, LEAP_STEPS * long)
    beside = max(BESIDE_REACHES * ground.reach, min(long, ground.reach))
    return Fellows(tuple(of), step, leap, beside)


def nearest_fellow(rows: LabelRows, fellows: np.ndarray, places: Floats) -> Floats:
    """Distance `(m,)` from places `(m, 2)` to the nearest of some rows; infinite without any."""
    if not len(fellows):
        return np.full(len(places), np.inf)
    return np.asarray(cKDTree(rows.ground.position[fellows]).query(places)[0], np.float64)
