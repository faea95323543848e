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
