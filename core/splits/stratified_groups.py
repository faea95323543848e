"""Assignment of whole groups of photos to parts, so that every part has its share of every region.

scikit-learn's StratifiedGroupKFold may leave parts empty or without a region. This greedy rule
weighs both, and `cover_regions` makes sure that part 0, the training part, contains every region.
`calibration_half` sets half of the validation photos aside, by whole groups, for calibration.
"""

import numpy as np

# Groups larger than this share of the smallest part are assigned first, largest first.
LARGE_GROUP_SHARE = 0.1


def assign_groups(
    groups: np.ndarray, regions: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Assign every photo a part, whole groups together.

    Args:
        groups: Group of each photo `(n,)`.
        regions: Region index of each photo `(n,)`.
        shares: Target share of each part `(p,)`, summing to 1.
        rng: Shuffles the order in which groups are assigned.

    Returns:
        Part of each photo `(n,)`, int64.
    """
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(regions.max()) + 1))
    np.add.at(counts, (group, regions), 1.0)
    return np.asarray(_assign(counts, shares, rng)[group], np.int64)


def cover_regions(parts: np.ndarray, groups: np.ndarray, regions: np.ndarray) -> None:
    """Move to part 0 the largest group of every region that part 0 lacks, in place.

    Args:
        parts: Part of each photo `(n,)`, changed where needed.
        groups: Group of each photo `(n,)`.
        regions: Region index of each photo `(n,)`.
    """
    for region in np.setdiff1d(regions, regions[parts == 0]):
        names, sizes = np.unique(groups[regions == region], return_counts=True)
        parts[groups == names[sizes.argmax()]] = 0


def spare_groups(
    groups: np.ndarray, regions: np.ndarray, wanted: float, rng: np.random.Generator
) -> np.ndarray:
    """Choose groups that can be spared: the other photos still cover every region.

    Args:
        groups: Group of each photo `(n,)`.
        regions: Region index of each photo `(n,)`.
        wanted: About how many photos to choose.
        rng: Shuffles the order in which groups are tried.

    Returns:
        `(n,)` whether each photo is chosen; none if no group can be spared.
    """
    chosen = np.zeros(len(groups), bool)
    for group in rng.permutation(np.unique(groups)):
        own = groups == group
        left = ~(chosen | own)
        if np.isin(regions[own], regions[left]).all() and own.sum() <= 1.5 * wanted:
            chosen |= own
        if chosen.sum() >= wanted:
            break
    return chosen


def _assign(counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Assign each group to the part whose squared overshoot, by region and in all, grows least.

    Args:
        counts: Photos by group and region `(g, r)`.
        shares: Target share of each part `(p,)`.
        rng: Shuffles the groups.
    """
    # The last column counts all regions: it fills parts that no single region could.
    counts = np.column_stack([counts, counts.sum(axis=1)])
    target = shares[:, None] * counts.sum(axis=0)
    missing = target.copy()
    parts = np.zeros(len(counts), np.int64)
    for number in _order(counts[:, -1], target[:, -1].min(), rng):
        present = np.flatnonzero(counts[number])
        own = counts[number, present]
        growth = (own * (own - 2.0 * missing[:, present])) / target[:, present]
        part = int(growth.sum(axis=1).argmin())
        parts[number] = part
        missing[part, present] -= own
    return parts


def _order(sizes: np.ndarray, smallest: float, rng: np.random.Generator) -> np.ndarray:
    order = rng.permutation(len(sizes))
    large = np.where(sizes[order] > LARGE_GROUP_SHARE * smallest, -sizes[order], 0.0)
    return np.asarray(order[np.argsort(large, kind="stable")])


FEWEST_PHOTOS = 20
FEWEST_GROUPS = 5
"""A half smaller than this is too noisy to select or calibrate on, as is one of a few walks."""


def calibration_half(
    groups: np.ndarray, regions: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, str | None]:
    """Choose the validation photos to calibrate on.

    Answers for photos that chose the epoch or the refinement are a little too good, so uncertainty
    that is fitted to them is a little too small.

    Args:
        groups: Group of each validation photo `(n,)`, as the protocol keeps them together.
        regions: Region index of each `(n,)`.
        rng: Shuffles the order in which groups are assigned.

    Returns:
        `(n,)` whether each is for calibration, about half; none if a half would be too small.
        In that case also a note that says so, else None.
    """
    aside = assign_groups(groups, regions, np.array([0.5, 0.5]), rng) == 1
    halves = [(int(half.sum()), len(np.unique(groups[half]))) for half in (~aside, aside)]
    if min(photos for photos, _ in halves) >= FEWEST_PHOTOS and (
        min(count for _, count in halves) >= FEWEST_GROUPS
    ):
        return aside, None
    return np.zeros(len(groups), bool), (
        f"{len(groups):,} validation photos in {len(np.unique(groups)):,} groups are too few to "
        f"set half aside (each half needs {FEWEST_PHOTOS:,} photos in {FEWEST_GROUPS:,} groups), "
        "so validation photos must serve for calibration too"
    )
