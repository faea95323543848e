"""The expected size of an error from clues: a line through logarithms, kept from wild answers."""

import numpy as np

from core.geo import Floats
from core.trust.schema import ScaleFit

_RIDGE = 0.02
_FLOOR = 0.5
"""Added to errors before their logarithm: nobody cares about errors below it (metres, degrees)."""


def fit_scale(error: Floats, clues: Floats) -> ScaleFit:
    """Fit `log(error + 0.5)` by clues `(n, c)`, least squares with a little ridge.

    Slopes below 0 are set to 0 and the rest is fitted again: more doubt must never promise less
    error. Where photos are few, ridge leaves one size for all.
    """
    target = np.log(error + _FLOOR)
    used = np.arange(clues.shape[1])
    slopes = np.zeros(clues.shape[1])
    mean = clues.mean(axis=0)
    std = np.maximum(clues.std(axis=0), 1e-3)
    while len(used):
        x = (clues[:, used] - mean[used]) / std[used]
        gram = x.T @ x / len(x) + _RIDGE * (1.0 + 100.0 / len(x)) * np.eye(len(used))
        found = np.linalg.solve(gram, x.T @ (target - target.mean()) / len(x))
        if (found >= 0.0).all():
            slopes[used] = found / std[used]
            break
        used = used[found >= 0.0]
    intercept = float(target.mean() - mean @ slopes)
    return ScaleFit(intercept=intercept, slopes=tuple(slopes.tolist()))
