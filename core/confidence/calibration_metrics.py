"""How honest probabilities are: log-likelihood, expected calibration error, Brier score."""

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats

BINS = 15


def calibration_metrics(probabilities: Floats, truth: NDArray[np.int64]) -> dict[str, float]:
    """Return `nll`, `ece` and `brier` of probabilities `(n, R)` against true indices `(n,)`.

    A true index beyond R is a region that the model does not know: no share was given to it.
    The expected calibration error is that of the most probable region, in 15 bins of equal width
    (Guo et al. 2017); the Brier score sums over regions (Brier 1950), from 0 to 2.
    """
    n, regions = probabilities.shape
    known = truth < regions
    given = np.where(known, probabilities[np.arange(n), np.minimum(truth, regions - 1)], 0.0)
    hit = probabilities.argmax(axis=1) == truth
    squares = (probabilities**2).sum(axis=1) - 2.0 * given + 1.0
    return {
        "nll": float(-np.log(np.maximum(given, 1e-12)).mean()),
        "ece": calibration_error(probabilities.max(axis=1), hit),
        "brier": float(squares.mean()),
    }


def calibration_error(confidence: Floats, hit: NDArray[np.bool_]) -> float:
    """Mean gap between confidence `(n,)` and share of hits, bin by bin, weighted by photos."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, confidence, BINS) - np.bincount(bins, hit.astype(np.float64), BINS)
    return float(np.abs(sums).sum() / max(counts.sum(), 1))
