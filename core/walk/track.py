"""The smoothed track of a walk: a hidden Markov model over the cells of a grid.

The hidden state is where the photographer stands, an observation is what one photo alone says
(`core.walk.observation`), and a step is no longer than the speed limit allows (`Motion`). The
forward-backward algorithm gives how probable each cell is given *all* photos of the walk, the
Viterbi algorithm (Rabiner 1989, "A tutorial on hidden Markov models") the most probable path, which
decides between places that look the same. The position of a photo is the mean of its probabilities
near the path, its radius the smallest circle about it that holds 50 % or 90 % of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from core.confidence.schema import LEVELS
from core.geo import Floats, distance_m
from core.walk.observation import Cells, Grid

NEAR_M = 15.0
"""Only this close to the path do probabilities enter the mean: never one across two places."""
_CANDIDATES = 256


@dataclass(frozen=True)
class Motion:
    """How people move while they take photos.

    Attributes:
        limit_mps: Nobody moves faster; 2 m/s is a brisk walk.
        pace_mps: Mean speed, with stops: the mean distance of two photos of a walk grows so.
        slack_m: Photos of one moment may be this far apart, for errors of labels and clocks.
        jump: Probability that a step breaks the limit all the same: a clock that is wrong, or
            photos of two walks.
    """

    limit_mps: float = 2.0
    pace_mps: float = 0.5
    slack_m: float = 5.0
    jump: float = 1e-3

    def reach_m(self, seconds: Floats, resolution_s: float) -> Floats:
        """Longest possible step in a time that is known to the clock's resolution."""
        return self.limit_mps * (seconds + resolution_s) + self.slack_m

    def kernel(self, distance_m: Floats, seconds: float, resolution_s: float) -> Floats:
        """Weight of a step, before it is brought to a sum of 1: falls off, 0 beyond the limit."""
        mean_m = self.pace_mps * seconds + self.slack_m
        within = distance_m <= self.reach_m(np.asarray(seconds), resolution_s)
        return np.where(within, np.exp(-2.0 * distance_m / mean_m), 0.0)


@dataclass(frozen=True)
class Smoothed:
    """The track of m photos of a walk, in the order of time.

    Attributes:
        position_m: `(m, 2)`.
        radius_m: `(m, 2)` at each of `LEVELS`.
        jump: `(m,)` whether the step from the photo before breaks the speed limit.
    """

    position_m: Floats
    radius_m: Floats
    jump: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check every shape."""
        m = len(self.jump)
        if self.position_m.shape != (m, 2) or self.radius_m.shape != (m, len(LEVELS)):
            raise ValueError(f"a track of {m} photos needs as many positions and radii")


def smooth(
    cells: Cells, grid: Grid, seconds: Floats, resolution_s: float, motion: Motion
) -> Smoothed:
    """Return the track of m photos, at least one.

    Args:
        cells: `(m, rows, columns)` what each photo alone says, in the order of time.
        grid: Where the cells lie.
        seconds: `(m,)` when each was taken; never falls.
        resolution_s: Of the clock.
        motion: How fast people move.
    """
    pauses = np.diff(seconds)
    share = marginals(cells, grid, pauses, resolution_s, motion)
    path = most_probable_path(cells, share, grid, pauses, resolution_s, motion)
    middles = grid.middles_m
    position, radius = np.empty((len(cells), 2)), np.empty((len(cells), len(LEVELS)))
    for row, cell in enumerate(path):
        flat = share[row].ravel().astype(np.float64)
        weight = np.where(distance_m(middles, middles[cell]) <= NEAR_M, flat, 0.0)
        position[row] = weight @ middles / weight.sum()
        radius[row] = _radii(flat, distance_m(middles, position[row]), grid.step_m)
    step_m = distance_m(position[1:], position[:-1])
    broken = step_m > motion.reach_m(pauses, resolution_s) + grid.step_m
    return Smoothed(position, radius, np.concatenate([[False], broken]))


def _radii(share: Floats, away_m: Floats, step_m: float) -> Floats:
    """Radii that hold `LEVELS` of the shares of cells, at least half a cell."""
    order = np.argsort(away_m, kind="stable")
    filled = np.cumsum(share[order]) / share.sum()
    last = np.minimum(np.searchsorted(filled, LEVELS), len(order) - 1)
    return np.maximum(away_m[order[last]], 0.5 * step_m)


def marginals(
    cells: Cells, grid: Grid, pauses: Floats, resolution_s: float, motion: Motion
) -> Cells:
    """Probability of each cell given all photos `(m, rows, columns)`: forward-backward."""
    m = len(cells)
    step = _Steps(grid, motion, resolution_s)
    forward = np.empty_like(cells)
    forward[0] = cells[0] / cells[0].sum()
    for row in range(1, m):
        ahead = step(forward[row - 1], float(pauses[row - 1])) * cells[row]
        forward[row] = ahead / ahead.sum()
    backward = np.full(grid.shape, 1.0 / np.prod(grid.shape))
    for row in range(m - 2, -1, -1):
        # Steps are as probable one way as the other.
        backward = step(backward * cells[row + 1], float(pauses[row]))
        backward /= backward.sum()
        joint = forward[row] * backward
        forward[row] = joint / joint.sum()
    return forward


class _Steps:
    """Spreads probabilities by one step of the walk; kernels of equal pauses are made once."""

    def __init__(self, grid: Grid, motion: Motion, resolution_s: float) -> None:
        self.grid, self.motion, self.resolution_s = grid, motion, resolution_s
        self.size = [next_fast_len(2 * side - 1, real=True) for side in grid.shape]
        self.away = [np.minimum(np.arange(side), side - np.arange(side)) for side in self.size]
        self.spectra: dict[float, NDArray[np.complex128]] = {}

    def __call__(self, share: NDArray[np.floating], pause_s: float) -> Floats:
        """Shares `(rows, columns)` after a step."""
        rows, columns = self.grid.shape
        spectrum = self.spectra.get(pause_s)
        if spectrum is None:
            away_m = self.grid.step_m * np.hypot(self.away[0][:, None], self.away[1][None])
            kernel = self.motion.kernel(away_m, pause_s, self.resolution_s)
            self.spectra = {pause_s: rfft2(kernel / kernel.sum())}
            spectrum = self.spectra[pause_s]
        wide = irfft2(rfft2(share, self.size) * spectrum, self.size)[:rows, :columns]
        anywhere = share.sum() / share.size
        jump = self.motion.jump
        return np.asarray((1.0 - jump) * np.maximum(wide, 0.0) + jump * anywhere)


def most_probable_path(
    cells: Cells, share: Cells, grid: Grid, pauses: Floats, resolution_s: float, motion: Motion
) -> NDArray[np.int64]:
    """Cell of each photo `(m,)` on the most probable path through its most probable cells."""
    m, count = len(cells), min(_CANDIDATES, share[0].size)
    flat, seen = share.reshape(m, -1), cells.reshape(m, -1)
    kept = np.argpartition(-flat, count - 1, axis=1)[:, :count]
    middles = grid.middles_m
    score = np.log(np.maximum(seen[0, kept[0]], 1e-300))
    before = np.zeros((m, count), np.int64)
    for row in range(1, m):
        away = distance_m(middles[kept[row]][:, None], middles[kept[row - 1]][None])
        pause = float(pauses[row - 1])
        step = (1.0 - motion.jump) * motion.kernel(away, pause, resolution_s)
        step = step / _kernel_sum(grid, motion, pause, resolution_s) + motion.jump / share[0].size
        reached = np.log(step) + score[None]
        before[row] = reached.argmax(axis=1)
        score = reached.max(axis=1) + np.log(np.maximum(seen[row, kept[row]], 1e-300))
    path = np.empty(m, np.int64)
    best = int(score.argmax())
    for row in range(m - 1, -1, -1):
        path[row] = kept[row, best]
        best = int(before[row, best])
    return path


def _kernel_sum(grid: Grid, motion: Motion, pause_s: float, resolution_s: float) -> float:
    """Sum of the weights of all steps from one cell."""
    north, east = (np.arange(1 - side, side) * grid.step_m for side in grid.shape)
    away_m = np.hypot(north[:, None], east[None])
    return float(motion.kernel(away_m, pause_s, resolution_s).sum())
