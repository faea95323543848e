"""Regions of freshly gathered photos: clusters of positions, or the folders that they came in."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from core.geo import CoordinateFrame, Floats, LocalFrame

PHOTOS_PER_REGION = 50
MOST_REGIONS = 15
_LOOSE = "(top folder)"


def usual_count(photos: int) -> int:
    """How many regions are made where nobody says: one per 50 photos, at most 15."""
    return int(np.clip(round(photos / PHOTOS_PER_REGION), 1, MOST_REGIONS))


def regions_by_place(position_deg: Floats, count: int, seed: int) -> NDArray[np.int64]:
    """Divide positions `(n, 2)` in degrees into regions 1 to `count` by k-means on local metres.

    Regions are numbered by their centres from north to south: the same photos in another order get
    the same numbers. There are never more regions than different positions.
    """
    from sklearn.cluster import KMeans  # heavy, and needed once

    metres = LocalFrame.about(CoordinateFrame("degrees"), position_deg).to_metres(position_deg)
    # k-means starts from drawn rows, so rows are drawn from a fixed order, each place once.
    places, weight = np.unique(metres.round(3), axis=0, return_counts=True)
    count = min(count, len(places))
    fitted = KMeans(count, n_init=10, random_state=seed).fit(places, sample_weight=weight)
    centres = np.asarray(fitted.cluster_centers_, np.float64)
    number = np.empty(count, np.int64)
    number[np.lexsort((centres[:, 1], -centres[:, 0]))] = np.arange(1, count + 1)
    return np.asarray(number[fitted.predict(metres)])


def regions_by_folder(relative: Sequence[str]) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Number the folders of relative paths `(n,)` in the order of their names.

    Returns:
        Region `(n,)` of every photo, and the name of each region.
    """
    folders = [str(PurePosixPath(path).parent) for path in relative]
    named = [_LOOSE if folder == "." else folder for folder in folders]
    numbers = {name: number for number, name in enumerate(sorted(set(named)), start=1)}
    return (
        np.array([numbers[name] for name in named], np.int64),
        {number: name for name, number in numbers.items()},
    )
