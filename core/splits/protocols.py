"""The split protocols: named, seeded rules that assign photos to parts.

`random` compares with published figures; `spot` keeps photos of one standing point together, so
that a test photo is not recognised from its neighbour; `visit` keeps photos of one walk together,
for a known place on another day; `block` holds cells of ground out, with a buffer, for a place
between the photographed ones; `region` holds whole regions out; `official` is the folder's own.
Views of one panorama share a part, but where the folder or regions decide. Photos are taken in the
order of their ids, never in that of the file.

A photo without a position is a spot of its own. Where no photo has one, photos of one walk take
the place of those of one spot; where the walks are unknown too, photos are taken one by one.
"""

from typing import get_args

import numpy as np

from core.dataset.labels import Dataset
from core.errors import SplitError
from core.splits.schema import Protocol, SplitConfig
from core.splits.spatial_groups import (
    BUFFER,
    RADII_M,
    cells_of,
    joined_groups,
    keep_apart,
    spot_groups,
    spots_below,
)
from core.splits.split import Place, Split
from core.splits.stratified_groups import (
    assign_groups,
    calibration_half,
    cover_regions,
    spare_groups,
)
from core.splits.visits import GAP_MINUTES, Visits, find_visits

VAL_SHARE = 0.1
TEST_SHARE = 0.1
_SHARES = np.array([1.0 - VAL_SHARE - TEST_SHARE, VAL_SHARE, TEST_SHARE])
# What each protocol keeps together.
_GROUPS = {"random": "photos", "spot": "spots", "visit": "visits", "block": "cells",
           "region": "regions", "official": "spots"}  # fmt: skip
CELL_M: float = SplitConfig.model_fields["cell_m"].default
BUFFER_M: float = SplitConfig.model_fields["buffer_m"].default
_CODES: tuple[Place, ...] = ("train", "val", "test", "calibrate", "buffer")
"""Part by its number during assignment."""
_NO_VISIT_SPARED = (
    "no training visit can be spared for validation without leaving a region without training "
    "photos: validation photos are spots of training visits"
)


def split_by(dataset: Dataset, config: SplitConfig) -> Split:
    """Split a dataset by the options of a run; see `make_split`."""
    return make_split(
        dataset,
        config.protocol,
        config.seed,
        fold=config.fold,
        folds=config.folds,
        gap_minutes=config.gap_minutes,
        cell_m=config.cell_m,
        buffer_m=config.buffer_m,
    )


def make_split(
    dataset: Dataset,
    protocol: Protocol,
    seed: int,
    *,
    fold: int | None = None,
    folds: int = 5,
    gap_minutes: float = GAP_MINUTES,
    cell_m: float = CELL_M,
    buffer_m: float = BUFFER_M,
) -> Split:
    """Split a dataset by a named protocol.

    Without a fold, 80 % train, 10 % val and 10 % test, as near as groups and regions allow. With
    one, fold `fold` of `folds` is the test part and val, 10 % of all, is carved from the rest by
    the same rule; if no visit can be spared, by `spot`. A region that only one group contains is
    in the training part of every fold. Last, half of val becomes calibrate, by whole groups
    (`calibration_half`).

    `region` exists as folds only; its val part is carved from the trained regions by `spot`.
    `official` takes the parts of the folder: without a test file, the official val part is the
    test part; a missing val part is carved from train by `spot`. `block` holds out square cells of
    `cell_m`, and leaves photos within `buffer_m` of a held-out one out of training (`keep_apart`).

    Raises:
        SplitError: The protocol does not fit the dataset, a part would be empty, or a val or test
            region would not be trained (`region` apart, whose test regions must not be).
    """
    _check_request(dataset, protocol, fold, folds)
    order = np.argsort(dataset.table["photo_id"].to_numpy().astype(str), kind="stable")
    regions = _strata(dataset)[order]
    protocol, unplaced = _possible(dataset, order, protocol, gap_minutes)
    grid = (cell_m, buffer_m, seed)
    small, rule, notes = _groups(dataset, order, protocol, gap_minutes, grid)
    small = _with_views(small, dataset, order)
    parts, small, more_notes = _assign(dataset, order, protocol, small, seed, fold, folds)
    if protocol == "block":
        parts, more_notes = _apart(parts, small, dataset, order, buffer_m)
    notes = (*unplaced, *notes, *more_notes, *_move_to_calibrate(parts, small, regions, seed, fold))
    if fold is None and protocol != "block" and not (parts == 2).any():
        _explain_lone_groups(protocol, small, regions)
    of = folds if fold is not None else None
    named = _named(dataset, order, parts)
    split = Split(protocol, seed, fold, of, named, **rule, notes=notes)
    _check_regions(split, dataset, parts, regions)
    return split


def _with_views(groups: np.ndarray, dataset: Dataset, order: np.ndarray) -> np.ndarray:
    """Join groups `(n,)` that divide views of one panorama, as these overlap."""
    return joined_groups(groups, dataset.table["panorama_id"].to_numpy()[order])


def _explain_lone_groups(protocol: str, groups: np.ndarray, regions: np.ndarray) -> None:
    """Refuse a split whose regions nearly all have one group, which must train.

    Raises:
        SplitError: Says how many there are.
    """
    lone, count = _lone_regions(groups, regions)
    if 2 * lone > count:
        one = _GROUPS[protocol].removesuffix("s")
        raise SplitError(
            f"{lone:,} of {count:,} regions have one {one} each, which must train, so the "
            f"{protocol} split leaves no photo for test: join regions, or bring more "
            f"{_GROUPS[protocol]} of each region"
        )


def _lone_regions(groups: np.ndarray, regions: np.ndarray) -> tuple[int, int]:
    """How many regions have one group only, and how many regions there are."""
    pairs = np.unique(np.column_stack([groups, regions]), axis=0)
    _, counts = np.unique(pairs[:, 1], return_counts=True)
    return int((counts == 1).sum()), len(counts)


def _assign(
    dataset: Dataset,
    order: np.ndarray,
    protocol: str,
    small: np.ndarray,
    seed: int,
    fold: int | None,
    folds: int,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Assign groups to train (0), val (1) and test (2); also return the groups of val and notes."""
    regions = _strata(dataset)[order]
    if protocol == "official":
        official = dataset.table["official"].to_numpy()[order]
        return _official(official, regions, small, seed), small, ()
    groups, of_val, notes = regions if protocol == "region" else small, small, tuple[str, ...]()
    if fold is None:
        parts = assign_groups(groups, regions, _SHARES, np.random.default_rng([seed]))
    else:
        if len(np.unique(groups)) < folds:
            raise SplitError(
                f"the {protocol} split has {len(np.unique(groups))} {_GROUPS[protocol]}, which "
                f"cannot be {folds} folds: ask for fewer folds"
                + (", or give a smaller split.cell_m" if protocol == "block" else "")
            )
        parts = _tested(groups, regions, fold, folds, seed)
        # Whole regions for val would leave even fewer trained; their spots serve as well.
        rng = np.random.default_rng([seed, fold])
        _carve_val(parts, small, regions, rng)
        if protocol == "visit" and not (parts == 1).any():
            spots, _ = _spots(dataset, order)
            of_val, notes = _with_views(spots, dataset, order), (_NO_VISIT_SPARED,)
            _carve_val(parts, of_val, regions, rng)
    if protocol != "region":
        cover_regions(parts, groups, regions)
    else:
        # Photos without a region are in no fold of regions.
        parts[(regions == len(dataset.regions)) & (parts == 2)] = 0
    return parts, of_val, notes


def _strata(dataset: Dataset) -> np.ndarray:
    """Region index of each photo `(n,)`; photos without a region count as one more."""
    index = dataset.region_index
    return np.where(index < 0, len(dataset.regions), index)


def _possible(
    dataset: Dataset, order: np.ndarray, protocol: Protocol, gap_minutes: float
) -> tuple[Protocol, tuple[str, ...]]:
    """The protocol that the labels allow, and notes that say how photos without position count."""
    unplaced = int((~dataset.labelled("position")).sum())
    if not unplaced or protocol in ("random", "visit"):
        return protocol, ()
    if unplaced < len(dataset):
        return protocol, (
            f"{unplaced:,} photos without a position count as spots of their own: whether they "
            "were taken where photos of another part were is unknown",
        )
    if protocol == "block":
        raise SplitError(
            f"{dataset.root}: no photo has a position, and the block split needs them: choose the "
            "visit or the random split"
        )
    if protocol != "spot":
        return protocol, ()
    why = ""
    try:
        visits = _visits(dataset, order, gap_minutes).groups
        lone, count = _lone_regions(visits, _strata(dataset)[order])
        if 2 * lone > count:
            why = f"{lone:,} of {count:,} regions have one visit each"
    except SplitError as error:
        why = str(error).partition(":")[0]
    if why:
        return "random", (
            "no photo has a position, so photos of one spot cannot be kept together, nor those of "
            f"one visit ({why}): the split is random, and its figures may be too good",
        )
    return "visit", (
        "no photo has a position, so photos of one visit are kept together instead of those of "
        "one spot",
    )


def _spots(dataset: Dataset, order: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Spot of each photo `(n,)` and the radius that made them; each unplaced photo is its own."""
    position_m = _metres(dataset, order)
    placed = np.isfinite(position_m).all(axis=1)
    if placed.all():
        return spots_below(position_m)
    if not placed.any():
        return np.arange(len(order)), None
    groups, radius_m = spots_below(position_m[placed])
    return _with_loners(groups, placed), radius_m


def _with_loners(groups: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """Groups `(n,)` of all photos, from those of the placed ones; the others are alone."""
    spread = np.empty(len(placed), np.int64)
    spread[placed] = groups
    first = int(groups.max()) + 1
    spread[~placed] = np.arange(first, first + int((~placed).sum()))
    return spread


def _visits(dataset: Dataset, order: np.ndarray, gap_minutes: float) -> Visits:
    table = dataset.table.iloc[order].reset_index(drop=True)
    return find_visits(table, _metres(dataset, order), gap_minutes)


def _groups(
    dataset: Dataset,
    order: np.ndarray,
    protocol: str,
    gap_minutes: float,
    grid: tuple[float, float, int],
) -> tuple[np.ndarray, dict[str, float | None], tuple[str, ...]]:
    """Return the group of each photo `(n,)`, kept together, the rule's figures and its notes."""
    if protocol == "random":
        return np.arange(len(order)), {}, ()
    if protocol == "visit":
        visits = _visits(dataset, order, gap_minutes)
        return visits.groups, {"gap_minutes": visits.gap_minutes}, visits.notes
    position_m = _metres(dataset, order)
    placed = np.isfinite(position_m).all(axis=1)
    if protocol == "block":
        cell_m, buffer_m, seed = grid
        cells = cells_of(position_m[placed], cell_m, np.random.default_rng([seed, 5]))
        return _with_loners(cells, placed), {"cell_m": cell_m, "buffer_m": buffer_m}, ()
    parts = {"train", "val", "test"}
    if protocol == "official" and set(dataset.table["official"]) == parts and placed.any():
        # The parts are there; only the halves of val have spots to keep together, where walks
        # do not chain all photos into one.
        return _with_loners(spot_groups(position_m[placed], RADII_M[-1]), placed), {}, ()
    spots, radius_m = _spots(dataset, order)
    return spots, {"radius_m": radius_m}, ()


def _check_request(dataset: Dataset, protocol: str, fold: int | None, folds: int) -> None:
    if protocol not in get_args(Protocol):
        raise SplitError(f"unknown split {protocol!r}: choose {', '.join(get_args(Protocol))}")
    if fold is not None and not (2 <= folds and 0 <= fold < folds):
        raise SplitError(f"fold {fold} of {folds} does not exist: folds count from 0, at least 2")
    if protocol == "official":
        if fold is not None:
            raise SplitError("the official split has no folds: use random, spot, visit or region")
        if set(dataset.table["official"]) <= {"", "train"}:
            raise SplitError(
                f"{dataset.root} has no official split (labels_train.csv with labels_val.csv or "
                "labels_test.csv): use spot or random"
            )
    if protocol == "region":
        if fold is None:
            raise SplitError("the region split exists as folds only: give --fold and --folds")
        if len(dataset.regions) < folds:
            raise SplitError(
                f"{len(dataset.regions):,} regions cannot be {folds} folds of regions: ask for "
                "fewer"
            )


def _official(
    official: np.ndarray, regions: np.ndarray, spots: np.ndarray, seed: int
) -> np.ndarray:
    parts = np.select([official == "train", official == "val"], [0, 1], 2)
    if not (parts == 2).any():
        parts[parts == 1] = 2
    if not (parts == 1).any():
        _carve_val(parts, spots, regions, np.random.default_rng([seed]))
    return parts


def _carve_val(
    parts: np.ndarray, groups: np.ndarray, regions: np.ndarray, rng: np.random.Generator
) -> None:
    """Move groups worth 10 % of all photos from train to val, in place."""
    train = np.flatnonzero(parts == 0)
    share = min(VAL_SHARE * len(parts) / max(len(train), 1), 0.5)
    carved = assign_groups(groups[train], regions[train], np.array([1.0 - share, share]), rng)
    cover_regions(carved, groups[train], regions[train])
    if not carved.any():
        # Few, large groups: every group assigned to val was needed to cover a region.
        spare = spare_groups(groups[train], regions[train], share * len(train), rng)
        carved[spare] = 1
    parts[train] = carved


def _tested(
    groups: np.ndarray, regions: np.ndarray, fold: int, folds: int, seed: int
) -> np.ndarray:
    """Assign groups to folds; the photos of one fold are the test part, all others train."""
    equal = np.full(folds, 1.0 / folds)
    numbers = assign_groups(groups, regions, equal, np.random.default_rng([seed]))
    return np.where(numbers == fold, 2, 0)


def _apart(
    assigned: np.ndarray, cells: np.ndarray, dataset: Dataset, order: np.ndarray, buffer_m: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Put the buffer between held-out cells and the others; return the parts and notes."""
    regions = _strata(dataset)[order]
    parts, returned = keep_apart(assigned, cells, regions, _metres(dataset, order), buffer_m)
    notes: tuple[str, ...] = (
        f"{int((parts == BUFFER).sum()):,} of {len(parts):,} photos are within {buffer_m:g} m of a "
        "test or validation photo of another part and are left out",
    )
    if returned.any():
        lost = np.unique(regions[returned & dataset.labelled("region")[order]])
        names = ", ".join(dataset.regions[region] for region in lost)
        notes += (
            f"{int(returned.sum()):,} photos of held-out cells are used for training, because "
            f"otherwise a region would have no training photo (they are of {names})",
        )
    return parts, notes


def _move_to_calibrate(
    parts: np.ndarray, groups: np.ndarray, regions: np.ndarray, seed: int, fold: int | None
) -> tuple[str, ...]:
    """Move half of val to calibrate, in place, or return a note on why that was not possible."""
    val = np.flatnonzero(parts == 1)
    if len(val) == 0:
        return ()
    rng = np.random.default_rng([seed, 0 if fold is None else fold, 3])
    aside, note = calibration_half(groups[val], regions[val], rng)
    parts[val[aside]] = 3
    return () if note is None else (note,)


def _named(dataset: Dataset, order: np.ndarray, parts: np.ndarray) -> dict[str, Place]:
    photo_ids = dataset.table["photo_id"].to_numpy()[order].astype(str).tolist()
    return {photo: _CODES[part] for photo, part in zip(photo_ids, parts, strict=True)}


def _metres(dataset: Dataset, order: np.ndarray) -> np.ndarray:
    """Local metres `(n, 2)`; NaN for photos without a position."""
    if not dataset.labelled("position").any():
        return np.full((len(order), 2), np.nan)
    return dataset.local_frame().to_metres(dataset.positions[order])


def _check_regions(split: Split, dataset: Dataset, parts: np.ndarray, regions: np.ndarray) -> None:
    trained = {*regions[parts == 0], len(dataset.regions)}
    held = {part: set(regions[parts == code]) for code, part in enumerate(_CODES) if code}
    del held["buffer"]
    if split.protocol == "region":
        held["test"] &= trained
        if held["test"]:
            raise SplitError("a region of the region split is both trained and tested")
    for part, present in held.items():
        lost = [dataset.regions[region] for region in sorted(present - trained)]
        if lost and not (split.protocol == "region" and part == "test"):
            raise SplitError(
                f"regions {', '.join(lost)} are in the {part} part but not in train: give them "
                "more photos, merge them with a neighbour, or choose another split"
            )
