"""Refusal: logistic regression of genuine against synthetic photos on OOD features."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.confidence.apply import familiarity, ood_score
from core.confidence.evidence import Evidence
from core.confidence.fit import fold_rows
from core.confidence.fit_sizes import conformal_quantile
from core.confidence.logistic import logistic_weights
from core.confidence.schema import AppearanceFit, RefusalFit
from core.geo import Floats

ACCEPTED = 0.95
"""Share of genuine photos that are not refused."""
LEAST_PHOTOS = 40
_PENALTY = 0.02
_TAIL = 0.002
_SHRINK = 0.05


def fit_refusal(
    genuine: Evidence, negatives: Mapping[str, Evidence], groups: NDArray[np.int64]
) -> RefusalFit | None:
    """Fit score and threshold; None if there are too few photos to set a threshold.

    Each kind of negative has the same weight, and all negatives together that of the genuine
    photos. The threshold is a conformal quantile of the cross-fitted scores of genuine photos, so
    that the negatives do not change the share of genuine photos that is refused.

    Args:
        genuine: Of the calibration photos.
        negatives: Of the photos made of them, by kind.
        groups: `(n,)` as in `GroundTruth`.
    """
    if len(genuine.signals) < LEAST_PHOTOS or not negatives:
        return None
    scores = np.empty(len(genuine.signals))
    for train, held in fold_rows(groups):
        scores[held] = ood_score(_fit(genuine.rows(train), negatives), genuine.rows(held))
    threshold = conformal_quantile(scores, ACCEPTED)
    if threshold is None:
        return None
    return _fit(genuine, negatives).model_copy(update={"threshold": threshold})


def _fit(genuine: Evidence, negatives: Mapping[str, Evidence]) -> RefusalFit:
    """Weights by penalised maximum likelihood; features are clipped to the range of the photos."""
    look = fit_appearance(genuine.appearance)
    known, made = _features(genuine, look), [_features(one, look) for one in negatives.values()]
    every = np.concatenate([known, *made])
    low, high = every.min(axis=0), np.quantile(known, 1.0 - _TAIL, axis=0)
    mean, std = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    share = [np.full(len(known), 0.5 / len(known))]
    share += [np.full(len(one), 0.5 / (len(one) * len(made))) for one in made]
    x = (np.clip(every, low, high) - mean) / std
    genuine_rows = np.arange(len(x)) < len(known)
    # Every feature is greater for photos of the campus, so a negative weight would be an accident
    # of the negatives and would accept unlike photos.
    coefficients = logistic_weights(x, genuine_rows, np.concatenate(share), _PENALTY)
    return RefusalFit(
        appearance=look,
        signals=(*genuine.names, "appearance"),
        low=tuple(low.tolist()),
        high=tuple(np.maximum(high, low).tolist()),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        weights=tuple(coefficients[1:].tolist()),
        intercept=float(-coefficients[0]),
        threshold=0.0,
        accepted=ACCEPTED,
        negatives={kind: len(one.signals) for kind, one in negatives.items()},
    )


def fit_appearance(appearance: Floats) -> AppearanceFit:
    """Fit a normal distribution to numbers `(n, a)`, with correlations shrunk towards 0."""
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


def _features(evidence: Evidence, look: AppearanceFit) -> Floats:
    appearance = familiarity(look, evidence.appearance)
    return np.concatenate([evidence.signals, appearance[:, None]], axis=1)
