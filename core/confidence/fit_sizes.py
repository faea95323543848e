"""Fit how large a radius, wedge or area must be, by the chance that its view is unseen.

One quantile for all photos would hold those that are surely seen too rarely and the others too
often: their scores differ more than the expected error tells. So a quantile is taken in each of
several ranges of the chance (Mondrian conformal prediction, Vovk et al. 2005, section 4.5), and
sizes grow beyond that where views are probably unseen.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.confidence.apply import log_odds
from core.confidence.schema import LEVELS, Curves, Pair, SizeCurve
from core.geo import Floats

STEEPEST = math.log(16.0)
"""Most that the logarithm of a radius or wedge grows where no photo of the range was seen."""
STEEPEST_MASS = math.log(400.0)
"""The same of an area, whose growth is that of a squared radius."""
PHOTOS_A_RANGE = 30
"""Fewest photos of a range of the chance; with fewer than twice as many all are one range."""
MOST_RANGES = 8
SPARE = {0.5: 0.01, 0.9: 0.02}
"""Coverage beyond a level that photos near training photos may get, so that others are held."""
SHORT = 0.03
"""Coverage below a level that photos without their surroundings may get, of all radii together."""
STARTS = tuple(np.arange(-2.0, 1.51, 0.5).tolist())
"""Log-odds of an unseen view from which sizes may grow; one further they have grown."""
_NEARLY = 0.95
"""A start must leave views that look seen this share of the size that the best one leaves them."""
_STEPS_OF_GROWTH = 48
_LEAST_SCORE = 1e-6
_KNOTS = np.array([*STARTS, *(start + 1.0 for start in STARTS[-2:])])
"""Log-odds at which sizes are stored, beside the middles of the ranges."""


def conformal_quantile(scores: ArrayLike, level: float, photos: int | None = None) -> float | None:
    """Value that a new score does not exceed with probability `level` or more.

    The `ceil((n + 1) level)`-th smallest of n exchangeable scores (Vovk et al. 2005; Lei et al.
    2018, "Distribution-free predictive inference for regression", section 2.2). None if n is too
    small: then the bound is infinite.

    Args:
        scores: `(n,)`.
        level: Of the promise.
        photos: Number of photos that the scores are of; by default, one score a photo.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    n = len(ordered) if photos is None else photos
    # Rounding in the product must not raise the rank: (9 + 1) 0.9 is 9.
    rank = math.ceil((n + 1) * level - 1e-9)
    if rank > n:
        return None
    # Several scores a photo are no more certain than one.
    rank = math.ceil(rank * len(ordered) / n)
    return float(ordered[max(rank, 1) - 1])


def fit_sizes(
    scores: Floats,
    unseen: Floats,
    left_out: NDArray[np.bool_],
    farthest: NDArray[np.bool_],
    steepest: float = STEEPEST,
) -> tuple[Pair, Curves | None]:
    """Return the least size at each level, and by what it is multiplied; None: by nothing.

    Photos that were answered with the whole gallery are held in every range of the chance. Then
    sizes grow from a chance on until those without their surroundings are held as well: the photos
    of the largest radius alone, which are the hardest, and nearly (`SHORT`) those of all radii
    together. Of the starts that change the sizes of views that look seen nearly the least, it is
    the one with the smallest sizes of unseen views. If no growth holds them within `SPARE`, the one
    that comes nearest is taken.

    Args:
        scores: `(n,)` what a size must reach to hold the truth.
        unseen: `(n,)` probability of an unseen view.
        left_out: `(n,)` whether the training photos around the photo were left out.
        farthest: `(n,)` whether those within the largest of the radii were.
        steepest: Most that the logarithm of a size grows.
    """
    seen = ~left_out
    low, high = (conformal_quantile(scores[seen], level) for level in LEVELS)
    if not left_out.any() or low is None:
        return (low, high), None
    scores, odds = np.maximum(scores, _LEAST_SCORE), log_odds(unseen)
    order = np.argsort(odds[seen], kind="stable")
    count = int(np.clip(len(order) // PHOTOS_A_RANGE, 1, MOST_RANGES))
    ranges = [np.flatnonzero(seen)[part] for part in np.array_split(order, count)]
    middles = np.array([odds[rows].mean() for rows in ranges])
    knots = np.unique(np.concatenate([middles, _KNOTS]))
    sizes: list[Floats] = []
    for level in LEVELS if high is not None else LEVELS[:1]:
        quantiles = [np.quantile(scores[rows], level) for rows in ranges]
        # Ranges of one chance are one knot.
        once, first = np.unique(middles, return_index=True)
        curve = np.interp(knots, once, np.log(quantiles)[first])
        sizes.append(_grown(scores, odds, knots, curve, (seen, farthest), level, steepest))
    if high is not None:
        # What holds the truth nine times in ten is no smaller than what holds it every other time.
        sizes[1] = np.maximum(sizes[0], sizes[1])
    least = [float(size.min()) for size in sizes]
    curves = tuple(
        SizeCurve(log_odds=tuple(knots.tolist()), log_factor=tuple((size - start).tolist()))
        for size, start in zip(sizes, least, strict=True)
    )
    if high is None:
        return (math.exp(least[0]), None), (*curves, SizeCurve(log_odds=(0.0,), log_factor=(0.0,)))
    return (math.exp(least[0]), math.exp(least[1])), curves


def _grown(
    scores: Floats,
    odds: Floats,
    knots: Floats,
    curve: Floats,
    which: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    level: float,
    steepest: float,
) -> Floats:
    """Logarithm of the size at the knots, made conformal and grown, from its curve before."""
    seen, farthest = which
    photos = int(seen.sum())
    scores = np.log(scores)
    plain = conformal_quantile((scores - np.interp(odds, knots, curve))[seen], level) or 0.0
    curve = curve + plain
    held: list[tuple[float, Floats]] = []
    nearest, best = np.inf, curve
    for start in STARTS:
        for steepness in np.linspace(0.0, steepest, _STEPS_OF_GROWTH):
            grown = curve + steepness * np.clip(knots - start, 0.0, 1.0)
            beyond = scores - np.interp(odds, knots, grown)
            own, more = (
                conformal_quantile(beyond[seen], at) for at in (level, level + SPARE[level])
            )
            others = conformal_quantile(beyond[~seen], level - SHORT, photos)
            if own is None or others is None:
                return curve
            hardest = conformal_quantile(beyond[farthest], level)
            others = others if hardest is None else max(others, hardest)
            # Sizes of views that look seen need not be larger than they were.
            shift = own if more is None else max(own, min(more, 0.0))
            if others - shift < nearest:
                nearest, best = others - shift, grown + shift
            if others <= shift:
                held.append((shift, grown + shift))
                break
    if not held:
        return best
    most = max(shift for shift, _ in held)
    kept = [size for shift, size in held if shift >= most + math.log(_NEARLY)]
    return min(kept, key=lambda size: float(np.interp(odds[~seen], knots, size).mean()))
