"""Answering only the photos that a model is confident about: error against the share answered."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import share_interval
from core.geo import Floats

MOST_POINTS = 100
"""Points of a curve; one a photo would be as many as a page can hold."""


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """A figure of the photos answered, the most confident first (Geifman and El-Yaniv, 2017).

    Attributes:
        share: `(p,)` of the photos answered, rising to 1.
        doubt: `(p,)` of the least confident photo answered.
        risk: `(p,)` figure of the photos answered.
        best: `(p,)` the same if errors themselves sorted the photos.
        area: Mean risk over all shares (AURC).
        best_area: The same in that best order.
        overall: Figure of all photos, which a random order has at every share.
    """

    share: Floats
    doubt: Floats
    risk: Floats
    best: Floats
    area: float
    best_area: float
    overall: float


def risk_curve(
    error: Floats, doubt: Floats, figure: Callable[[Floats], float] = np.median
) -> RiskCurve | None:
    """Return a figure of the errors against the share of photos answered.

    Args:
        error: `(n,)`; photos with NaN do not count.
        doubt: `(n,)`, greater: less confident; photos with NaN do not count.
        figure: Errors -> the figure, such as their median.

    Returns:
        None if fewer than two photos count.
    """
    known = np.isfinite(error) & np.isfinite(doubt)
    error, doubt = error[known], doubt[known]
    if len(error) < 2:
        return None
    order, ideal = np.argsort(doubt, kind="stable"), np.sort(error)
    counts = np.unique(np.linspace(1, len(error), min(len(error), MOST_POINTS)).round().astype(int))
    risk = np.array([figure(error[order[:count]]) for count in counts], np.float64)
    best = np.array([figure(ideal[:count]) for count in counts], np.float64)
    return RiskCurve(
        share=counts / len(error),
        doubt=doubt[order][counts - 1],
        risk=risk,
        best=best,
        area=float(risk.mean()),
        best_area=float(best.mean()),
        overall=float(figure(error)),
    )


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of about one confidence.

    Attributes:
        low: Least confidence of the bin.
        high: Its upper end, which only the last bin includes.
        n: Answers in it.
        confidence: Their mean confidence.
        right: Share of them that are right.
        interval: 95 % interval of that share.
    """

    low: float
    high: float
    n: int
    confidence: float
    right: float
    interval: tuple[float, float]


def reliability(
    confidence: Floats, right: Floats, groups: NDArray[np.int64] | None = None, bins: int = 10
) -> list[ReliabilityBin]:
    """Group answers by confidence, in bins of equal width; empty bins are left out.

    Args:
        confidence: `(n,)` in `[0, 1]`; photos with NaN do not count.
        right: `(n,)` 1 for a right answer, 0 for a wrong one; photos with NaN do not count.
        groups: `(n,)` visit of each photo, whose photos are right or wrong together; by default
            each photo is its own.
        bins: Number of bins.
    """
    known = np.isfinite(confidence) & np.isfinite(right)
    together = np.arange(len(confidence)) if groups is None else groups
    confidence, right, together = confidence[known], right[known], together[known]
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for index in np.unique(which):
        rows = which == index
        found.append(
            ReliabilityBin(
                low=index / bins,
                high=(index + 1) / bins,
                n=int(rows.sum()),
                confidence=float(confidence[rows].mean()),
                right=float(right[rows].mean()),
                interval=share_interval(right[rows], together[rows]),
            )
        )
    return found
