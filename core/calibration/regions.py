"""The temperature of region probabilities, and how honest they are."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from core.calibration.folds import fold_rows
from core.geo import Floats
from core.trust.applied import tempered
from core.trust.honesty import honesty
from core.trust.schema import RegionFit

_BOUNDS = (-2.0, 2.5)
"""Of the logarithm: temperatures from 0.14 to 12."""


def fit_regions(
    probabilities: Floats, region: NDArray[np.int64], groups: NDArray[np.int64]
) -> RegionFit:
    """Choose the temperature with the least negative log-likelihood.

    Photos of regions that the model does not know say nothing about temperature and are left out.

    Args:
        probabilities: `(n, R)`, with the neighbours' votes.
        region: `(n,)` true regions.
        groups: `(n,)` as in `Known`.
    """
    known = region < probabilities.shape[1]
    shares, truth, groups = probabilities[known], region[known], groups[known]
    if len(truth) == 0:
        return RegionFit(temperature=1.0, before={}, after={})
    crossed = np.empty_like(shares)

    for train, held in fold_rows(groups):
        crossed[held] = tempered(shares[held], _temperature(shares[train], truth[train]))
    return RegionFit(
        temperature=_temperature(shares, truth),
        before=honesty(shares, truth),
        after=honesty(crossed, truth),
    )


def _temperature(shares: Floats, truth: NDArray[np.int64]) -> float:
    def loss(log_temperature: float) -> float:
        chosen = tempered(shares, float(np.exp(log_temperature)))[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-300)).mean())

    found = minimize_scalar(loss, bounds=_BOUNDS, method="bounded")
    return float(np.exp(found.x))
