"""Does any training photo show the view of a photo? A probability from how the search went.

Whoever stands where nobody photographed gets neighbours as well, but they are less similar, share
fewer inliers, stick out less from the other candidates and agree less about the place.
"""

import numpy as np
from numpy.typing import NDArray

from core.confidence.evidence import Evidence
from core.confidence.ood import BEST_POINTS
from core.confidence.schema import OverlapFit
from core.geo import Floats

_PENALTY = 0.005
_TAIL = 0.01
SIGNALS = (
    "nearest", "near_5", "near_all", "agree_view", "agree_place", "moved", BEST_POINTS, "points",
)  # fmt: skip
"""Signals that are read, if the model measures them."""
CONTRASTS = {
    "nearest_contrast": ("nearest", "near_all"),
    "points_contrast": (BEST_POINTS, "points"),
}
"""Signals less others: the best neighbours against the query's other candidates."""

UNSEEN_FROM = 2.0 / 3.0
"""Probability from which the answer says so: twice as likely as not."""
UNSEEN_NOTE = (
    "No training photo seems to show this view, so the answer rests on less similar photos and its "
    "areas are wider."
)


def fit_overlap(
    evidence: Evidence, left_out: NDArray[np.bool_], weight: Floats
) -> OverlapFit | None:
    """Fit the probability by logistic regression; None if no signal is measured.

    Args:
        evidence: Of n answers.
        left_out: `(n,)` whether the training photos around the photo were left out.
        weight: `(n,)` of each answer, positive.
    """
    names = tuple(
        name
        for name in (*SIGNALS, *CONTRASTS)
        if all(part in evidence.names for part in CONTRASTS.get(name, (name,)))
    )
    if not names:
        return None
    clues = _clues(evidence, names)
    low, high = np.quantile(clues, (_TAIL, 1.0 - _TAIL), axis=0)
    x = np.clip(clues, low, high)
    mean, std = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    share = np.where(left_out, weight * left_out / max((weight * left_out).sum(), 1e-12),
                     weight * ~left_out / max((weight * ~left_out).sum(), 1e-12)) / 2.0  # fmt: skip
    # Every signal is greater where a training photo overlaps.
    from core.confidence.logistic import logistic_weights  # scipy.optimize, only to fit

    values = logistic_weights((x - mean) / std, ~left_out, share, _PENALTY)
    return OverlapFit(
        signals=names,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        weights=tuple(values[1:].tolist()),
        intercept=float(values[0]),
    )


def unseen_probability(fit: OverlapFit, evidence: Evidence) -> Floats:
    """Probability `(n,)` that no training photo shows what a photo shows, at even odds before."""
    x = np.clip(_clues(evidence, fit.signals), fit.low, fit.high)
    line = fit.intercept + (x - np.asarray(fit.mean)) / np.asarray(fit.std) @ np.asarray(
        fit.weights
    )
    return np.asarray(0.5 * (1.0 - np.tanh(line / 2.0)))


def signals_of(fit: OverlapFit) -> set[str]:
    """The signals of `Evidence` that a fit reads."""
    return {part for name in fit.signals for part in CONTRASTS.get(name, (name,))}


def _clues(evidence: Evidence, names: tuple[str, ...]) -> Floats:
    column = {name: evidence.signals[:, row] for row, name in enumerate(evidence.names)}
    clues = [
        column[CONTRASTS[name][0]] - column[CONTRASTS[name][1]]
        if name in CONTRASTS
        else column[name]
        for name in names
    ]
    return np.nan_to_num(np.stack(clues, axis=1))
