"""The refusal score: a logistic regression on signals, genuine photos against photos of nowhere."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from core.calibration.folds import fold_rows
from core.geo import Floats
from core.trust.applied import familiarity, strangeness
from core.trust.conformal import conformal_quantile
from core.trust.schema import AppearanceFit, RefusalFit
from core.trust.support import Support

ACCEPTED = 0.95
"""Share of genuine photos that are answered; the others are refused wrongly."""
LEAST_PHOTOS = 40
_PENALTY = 0.02
_TAIL = 0.002
_SHRINK = 0.05


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
    if len(genuine.signals) < LEAST_PHOTOS or not negatives:
        return None
    scores = np.empty(len(genuine.signals))
    for train, held in fold_rows(groups):
        scores[held] = strangeness(_fit(genuine.rows(train), negatives), genuine.rows(held))
    threshold = conformal_quantile(scores, ACCEPTED)
    if threshold is None:
        return None
    return _fit(genuine, negatives).model_copy(update={"threshold": threshold})


def _fit(genuine: Support, negatives: Mapping[str, Support]) -> RefusalFit:
    """Weights by penalised maximum likelihood; signals are followed no further than was seen."""
    look = fit_appearance(genuine.appearance)
    known, made = _signals(genuine, look), [_signals(one, look) for one in negatives.values()]
    every = np.concatenate([known, *made])
    low, high = every.min(axis=0), np.quantile(known, 1.0 - _TAIL, axis=0)
    mean, std = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    share = [np.full(len(known), 0.5 / len(known))]
    share += [np.full(len(one), 0.5 / (len(one) * len(made))) for one in made]
    x = (np.clip(every, low, high) - mean) / std
    found = _weights(x, len(known), np.concatenate(share))
    return RefusalFit(
        appearance=look,
        signals=(*genuine.names, "appearance"),
        low=tuple(low.tolist()),
        high=tuple(np.maximum(high, low).tolist()),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        weights=tuple(found[1:].tolist()),
        intercept=float(-found[0]),
        threshold=0.0,
        accepted=ACCEPTED,
        negatives={kind: len(one.signals) for kind, one in negatives.items()},
    )


def fit_appearance(appearance: Floats) -> AppearanceFit:
    """Fit a normal distribution to numbers `(n, a)`, its correlations shrunk towards none."""
    mean, std = appearance.mean(axis=0), np.maximum(appearance.std(axis=0), 1e-6)
    apart = (appearance - mean) / std
    shrink = max(_SHRINK, apart.shape[1] / (len(apart) + apart.shape[1]))
    correlation = (1.0 - shrink) * (apart.T @ apart) / len(apart)
    precision = np.linalg.inv(correlation + shrink * np.eye(len(mean)))
    return AppearanceFit(
        mean=tuple(mean.round(6).tolist()),
        std=tuple(std.round(7).tolist()),
        precision=tuple(tuple(row) for row in precision.round(4).tolist()),
    )


def _signals(support: Support, look: AppearanceFit) -> Floats:
    glance = familiarity(look, support.appearance)
    return np.concatenate([support.signals, glance[:, None]], axis=1)


def _weights(x: Floats, genuine: int, share: Floats) -> Floats:
    """Intercept and weights `(1 + s,)`, none below 0, of signals `(n, s)`, genuine ones first."""
    truth = (np.arange(len(x)) < genuine).astype(np.float64)

    def loss(values: Floats) -> tuple[float, Floats]:
        line = values[0] + x @ values[1:]
        fall = np.logaddexp(0.0, line) - truth * line
        slope = share * (expit(line) - truth)
        penalty = _PENALTY * (values[1:] ** 2).sum() / 2.0
        gradient = np.concatenate([[slope.sum()], x.T @ slope + _PENALTY * values[1:]])
        return float((share * fall).sum() + penalty), gradient

    # No signal may speak for a photo by being low: what is new would pass by being odd enough.
    bounds = [(None, None), *[(0.0, None)] * x.shape[1]]
    found = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)
