"""Half of the validation photos set aside, by whole groups, to calibrate on.

A photo that helped to choose the epoch or the refinement is answered a little too well, so
uncertainty that is fitted to it promises a little too much.
"""

import numpy as np

from core.dataset.assign import assign_groups

FEWEST_PHOTOS = 20
FEWEST_GROUPS = 5
"""Below these a half neither selects nor calibrates; nor with one walk that decides alone."""


def halve_val(
    groups: np.ndarray, regions: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, str | None]:
    """Choose the validation photos to calibrate on.

    Args:
        groups: Group of each validation photo `(n,)`, as the protocol keeps them together.
        regions: Region index of each `(n,)`.
        rng: Decides the order in which groups are dealt.

    Returns:
        `(n,)` whether each is for calibration, about half; none where a half would be too small.
        Then also the note that says so, else None.
    """
    aside = assign_groups(groups, regions, np.array([0.5, 0.5]), rng) == 1
    halves = [(int(half.sum()), len(np.unique(groups[half]))) for half in (~aside, aside)]
    if min(photos for photos, _ in halves) >= FEWEST_PHOTOS and (
        min(count for _, count in halves) >= FEWEST_GROUPS
    ):
        return aside, None
    return np.zeros(len(groups), bool), (
        f"{len(groups)} validation photos in {len(np.unique(groups))} groups are too few to set "
        f"half aside (each half needs {FEWEST_PHOTOS} photos in {FEWEST_GROUPS} groups), so "
        "validation photos must serve for calibration too"
    )
