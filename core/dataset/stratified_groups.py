"""Deal whole groups of photos into parts so that every part has its share of every region.

scikit-learn's StratifiedGroupKFold may leave parts empty or without a region; this greedy rule
weighs both, and `teach_regions` makes sure that part 0, which trains, knows every region.
"""

import numpy as np

# A group larger than this share of the smallest part is dealt before the order is left to chance.
LARGE_GROUP_SHARE = 0.1


def assign_groups(
    groups: np.ndarray, regions: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Assign every photo a part, whole groups together.

    Args:
        groups: Group of each photo `(n,)`.
        regions: Region index of each photo `(n,)`.
        shares: Wished share of each part `(p,)`, summing to 1.
        rng: Decides the order in which groups are dealt.

    Returns:
        Part of each photo `(n,)`, int64.
    """
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(regions.max()) + 1))
    np.add.at(counts, (group, regions), 1.0)
    return np.asarray(_deal(counts, shares, rng)[group], np.int64)


def teach_regions(parts: np.ndarray, groups: np.ndarray, regions: np.ndarray) -> None:
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
    """Choose groups that can be spared: what is left still knows every region.

    Args:
        groups: Group of each photo `(n,)`.
        regions: Region index of each photo `(n,)`.
        wanted: How many photos to choose, about.
        rng: Decides the order in which groups are tried.

    Returns:
        `(n,)` whether each photo is chosen; none where no group can be spared.
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


def _deal(counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put each group where the squared overshoot, by region and in all, grows least.

    Args:
        counts: Photos by group and region `(g, r)`.
        shares: Wished share of each part `(p,)`.
        rng: Shuffles the groups.
    """
    # The last column counts all regions: it fills parts that no single region could.
    counts = np.column_stack([counts, counts.sum(axis=1)])
    wished = shares[:, None] * counts.sum(axis=0)
    wanting = wished.copy()
    parts = np.zeros(len(counts), np.int64)
    for number in _dealing_order(counts[:, -1], wished[:, -1].min(), rng):
        present = np.flatnonzero(counts[number])
        own = counts[number, present]
        growth = (own * (own - 2.0 * wanting[:, present])) / wished[:, present]
        part = int(growth.sum(axis=1).argmin())
        parts[number] = part
        wanting[part, present] -= own
    return parts


def _dealing_order(sizes: np.ndarray, smallest: float, rng: np.random.Generator) -> np.ndarray:
    order = rng.permutation(len(sizes))
    large = np.where(sizes[order] > LARGE_GROUP_SHARE * smallest, -sizes[order], 0.0)
    return np.asarray(order[np.argsort(large, kind="stable")])


# Half of the validation photos set aside, by whole groups, to calibrate on.
#
# A photo that helped to choose the epoch or the refinement is answered a little too well, so
# uncertainty that is fitted to it promises a little too much.


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
