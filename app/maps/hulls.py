"""The outline of a cloud of photos: where a region lies, drawn from nothing but its photos."""

import numpy as np
from numpy.typing import ArrayLike

from core.geo import Floats

KEPT_SHARE = 0.97


def outline(position_m: ArrayLike) -> Floats:
    """Convex hull `(k, 2)` of positions `(n, 2)`, without the few farthest from their median.

    A single photo with a wrong label would otherwise stretch its region over the campus.
    """
    points = np.asarray(position_m, np.float64)
    away = np.hypot(*(points - np.median(points, axis=0)).T)
    return convex_hull(points[away <= np.quantile(away, KEPT_SHARE)])


def convex_hull(points: ArrayLike) -> Floats:
    """Corners `(k, 2)` of the convex hull, in order (Andrew's monotone chain, 1979).

    Fewer than three corners where the points are one, or lie on a line.
    """
    ordered = np.unique(np.asarray(points, np.float64), axis=0)
    if len(ordered) < 3:
        return ordered
    lower, upper = _chain(ordered), _chain(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(ordered: Floats) -> list[Floats]:
    chain: list[Floats] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(first: Floats, second: Floats, third: Floats) -> float:
    """Twice the signed area of a triangle: positive where the path turns left."""
    one, two = second - first, third - first
    return float(one[0] * two[1] - one[1] * two[0])
