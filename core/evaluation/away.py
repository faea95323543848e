"""The leak of a report: how many photos stand near a training photo, and the score on the others.

A photo taken where a training photo was taken can be answered from memory. The share of such photos
stands beside every score, and so does the score on the photos that are not.
"""

from typing import Any

import numpy as np

from core.dataset.leak import LEAK_RADII_M, shares_within
from core.evaluation.outcome import Outcomes, figures_of
from core.geo import Floats


def leak_report(nearest_m: Floats, outcomes: Outcomes) -> dict[str, Any]:
    """Shares of photos near a training photo, and the figures of the photos that are not.

    Args:
        nearest_m: Distance of every judged photo to the nearest training photo `(n,)`.
        outcomes: What became of the same photos.

    Returns:
        `within_1m`, `within_5m`, `within_10m`: shares in `[0, 1]`; `nearest_training_m`: the
        median; `away`: by `beyond_1m` and so on, what `figures_of` says about those photos.
    """
    return {
        **shares_within(nearest_m),
        "nearest_training_m": float(np.median(nearest_m)),
        "away": {
            f"beyond_{radius:g}m": figures_of(outcomes, nearest_m > radius)
            for radius in LEAK_RADII_M
        },
    }
