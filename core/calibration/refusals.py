"""The refusal score: a logistic regression on signals, genuine photos against photos of nowhere."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.calibration.folds import fold_rows
from core.geo import Floats
from core.trust.applied import strangeness
from core.trust.conformal import conformal_quantile
from core.trust.schema import RefusalFit
from core.trust.support import Support

ACCEPTED = 0.95
"""Share of genuine photos that are answered; the others are refused wrongly."""
LEAST_PHOTOS = 40
_PENALTY = 0.02
_TAIL = 0.002


def fit_refusal(
    genuine: Support, negatives: Mapping[str, Support], groups: NDArray[np.int64]
) -> RefusalFit | None:
    """Fit score and threshold; None where there are too few photos to set a threshold.

    Each kind of negative weighs as much as any other, and all of them as much as the genuine
    photos. The threshold is a conformal quantile of cross-fitted scores of genuine photos alone:
    negatives shape the score, they have no say in how many genuine photos are refused.

    Args:
        genuine: Of the calibration photos.
        negatives: Of the photos made of them, by kind.
        groups: `(n,)` as in `Known`.
    """
    names = genuine.names
    if len(genuine.signals) < LEAST_PHOTOS or not names:
        return None
    made = np.concatenate([one.signals for one in negatives.values()])
    counts = {kind: len(one.signals) for kind, one in negatives.items()}
    weight = np.concatenate([np.full(n, 1.0 / (n * len(counts))) for n in counts.values() if n])
    scores = np.empty(len(genuine.signals))
    for train, held in fold_rows(groups):
        fit = _fit(genuine.signals[train], made, weight, names, counts)
        scores[held] = strangeness(fit, genuine.signals[held])
    threshold = conformal_quantile(scores, ACCEPTED)
    if threshold is None:
        return None
    fit = _fit(genuine.signals, made, weight, names, counts)
    return fit.model_copy(update={"threshold": threshold})


def _fit(
    genuine: Floats,
    made: Floats,
    weight: Floats,
    names: tuple[str, ...],
    counts: dict[str, int],
) -> RefusalFit:
    """Weights by penalised maximum likelihood; signals are followed no further than was seen."""
    every = np.concatenate([genuine, made])
    low, high = every.min(axis=0), np.quantile(genuine, 1.0 - _TAIL, axis=0)
    mean = genuine.mean(axis=0)
    std = np.maximum(genuine.std(axis=0), 1e-6)
    x = (np.clip(every, low, high) - mean) / std
    truth = np.concatenate([np.ones(len(genuine)), np.zeros(len(made))])
    share = np.concatenate([np.full(len(genuine), 1.0 / len(genuine)), weight]) / 2.0

    def loss(values: Floats) -> tuple[float, Floats]:
        line = values[0] + x @ values[1:]
        fall = np.logaddexp(0.0, line) - truth * line
        slope = share * (1.0 / (1.0 + np.exp(-line)) - truth)
        penalty = _PENALTY * (values[1:] ** 2).sum() / 2.0
        gradient = np.concatenate([[slope.sum()], x.T @ slope + _PENALTY * values[1:]])
        return float((share * fall).sum() + penalty), gradient

    # No signal may speak for a photo by being low: what is new would pass by being odd enough.
    bounds = [(None, None), *[(0.0, None)] * x.shape[1]]
    found = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return RefusalFit(
        signals=names,
        low=tuple(low.tolist()),
        high=tuple(np.maximum(high, low).tolist()),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        weights=tuple(found[1:].tolist()),
        intercept=float(-found[0]),
        threshold=0.0,
        accepted=ACCEPTED,
        negatives=counts,
    )
