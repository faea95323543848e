"""Which photos train, which choose and which test: named, seeded, hashed protocols.

`random` compares with published figures; `spot` keeps photos of one standing point together, so
that a test photo is not known from its neighbour; `visit` keeps photos of one walk together, for a
known place on another day; `region` holds whole regions out; `official` is the folder's own.
Assignment sees photos in the order of their ids, never in that of the file.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np

from core.dataset.assign import assign_groups, spare_groups, teach_regions
from core.dataset.labels import Dataset
from core.dataset.spots import spots_below
from core.dataset.visits import GAP_MINUTES, find_visits
from core.errors import SplitError

Protocol = Literal["official", "random", "spot", "visit", "region"]
Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
VAL_SHARE = 0.1
TEST_SHARE = 0.1
_SHARES = np.array([1.0 - VAL_SHARE - TEST_SHARE, VAL_SHARE, TEST_SHARE])


@dataclass(frozen=True)
class Split:
    """Every photo of a dataset in exactly one part.

    Attributes:
        protocol: The rule that made it.
        seed: What seeded the rule.
        fold: Which fold is the test part, or None.
        folds: How many folds, or None.
        parts: Part by photo_id.
        radius_m: Photos this close share a part, where the protocol keeps spots together.
        gap_minutes: Photos this soon after one another share a part, where the clock tells visits.
        notes: What the rule had to assume, with counts.
    """

    protocol: str
    seed: int
    fold: int | None
    folds: int | None
    parts: dict[str, Part]
    radius_m: float | None = None
    gap_minutes: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Reject unknown and empty parts."""
        sizes = Counter(self.parts.values())
        if set(sizes) - set(PARTS):
            raise SplitError(f"a split has parts {', '.join(PARTS)}, not {sorted(sizes)}")
        empty = [part for part in PARTS if not sizes[part]]
        if empty:
            raise SplitError(
                f"the {self.protocol} split of {len(self.parts)} photos leaves no photo for "
                f"{' and '.join(empty)}: bring more photos, or choose the random protocol"
            )

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the protocol and every photo's part: equal hashes are equal splits."""
        lines = [f"{photo}\t{part}" for photo, part in sorted(self.parts.items())]
        return hashlib.sha256("\n".join([self.protocol, *lines]).encode()).hexdigest()

    def check(self, dataset: Dataset) -> None:
        """Refuse a dataset with photos that this split does not know.

        Raises:
            SplitError: Names how many and the first three.
        """
        strangers = [photo for photo in dataset.table["photo_id"] if photo not in self.parts]
        if strangers:
            raise SplitError(
                f"{len(strangers)} of {len(dataset)} photos of {dataset.root} are not in the "
                f"stored {self.protocol} split: {', '.join(strangers[:3])}. Use the dataset that "
                "the run was trained on, or evaluate all photos (--split all)"
            )

    def absent(self, dataset: Dataset) -> int:
        """How many photos of the split the dataset lacks (a demo rendered in part, say)."""
        return len(self.parts.keys() - set(dataset.table["photo_id"]))

    def rows(self, dataset: Dataset, part: Part) -> np.ndarray:
        """Row numbers `(k,)`, int64, of the photos of a part, in the order of the table.

        Raises:
            SplitError: The dataset has photos that the split does not know.
        """
        if part not in PARTS:
            raise SplitError(f"a split has parts {', '.join(PARTS)}, not {part!r}")
        self.check(dataset)
        chosen = [self.parts[photo] == part for photo in dataset.table["photo_id"]]
        return np.flatnonzero(chosen)

    def to_json(self) -> dict[str, Any]:
        """Return the split as JSON, photos listed by part."""
        listed = {part: sorted(p for p, q in self.parts.items() if q == part) for part in PARTS}
        return {
            "protocol": self.protocol,
            "seed": self.seed,
            "fold": self.fold,
            "folds": self.folds,
            "radius_m": self.radius_m,
            "gap_minutes": self.gap_minutes,
            "notes": list(self.notes),
            "hash": self.hash,
            "parts": listed,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            SplitError: A key is missing, a photo is in two parts, or the hash does not fit.
        """
        try:
            listed = value["parts"]
            parts = {photo: part for part, photos in listed.items() for photo in photos}
            known = {key: value[key] for key in ("protocol", "seed", "fold", "folds")}
            stored = value["hash"]
        except (KeyError, TypeError, AttributeError) as error:
            raise SplitError(f"the stored split is damaged: {error!r}") from error
        if len(parts) != sum(len(photos) for photos in listed.values()):
            raise SplitError("the stored split is damaged: a photo is in it twice")
        known |= {name: value.get(name) for name in ("radius_m", "gap_minutes")}
        split = cls(**known, parts=parts, notes=tuple(value.get("notes", ())))
        if split.hash != stored:
            raise SplitError(
                "the stored split is damaged: its photos do not fit its hash; restore split.json "
                "from the run that wrote it"
            )
        return split


def make_split(
    dataset: Dataset,
    protocol: Protocol,
    seed: int,
    *,
    fold: int | None = None,
    folds: int = 5,
    gap_minutes: float = GAP_MINUTES,
) -> Split:
    """Split a dataset by a named protocol.

    Without a fold, 80 % train, 10 % val and 10 % test, as near as groups and regions allow. With
    one, fold `fold` of `folds` is the test part and val, 10 % of all, is carved from the rest by
    the same rule; where no visit can be spared for val, by `spot`. A region that one group holds
    alone is trained in every fold, tested in none.

    `region` exists as folds only; its val part is carved from the trained regions by `spot`.
    `official` takes the parts of the folder: without a test file, the official val part is the
    test part; a missing val part is carved from train by `spot`.

    Raises:
        SplitError: The protocol does not fit the dataset, a part would be empty, or a val or test
            region would not be trained (`region` apart, whose test regions must not be).
    """
    _check_request(dataset, protocol, fold, folds)
    order = np.argsort(dataset.table["photo_id"].to_numpy().astype(str), kind="stable")
    regions = dataset.region_index[order]
    official = dataset.table["official"].to_numpy()[order]
    small, rule = _groups(dataset, order, protocol, gap_minutes)
    groups = regions if protocol == "region" else small
    if protocol == "official":
        parts = _official(official, regions, small, seed)
    elif fold is None:
        parts = assign_groups(groups, regions, _SHARES, np.random.default_rng([seed]))
    else:
        equal = np.full(folds, 1.0 / folds)
        numbers = assign_groups(groups, regions, equal, np.random.default_rng([seed]))
        parts = np.where(numbers == fold, 2, 0)
        # Whole regions for val would leave even fewer trained; their spots serve as well.
        rng = np.random.default_rng([seed, fold])
        _carve_val(parts, small, regions, rng)
        if protocol == "visit":
            rule["notes"] += _carve_spots(parts, dataset, order, regions, rng)
    if protocol in ("random", "spot", "visit"):
        teach_regions(parts, groups, regions)
    photo_ids = dataset.table["photo_id"].to_numpy()[order].astype(str).tolist()
    named = {photo: PARTS[part] for photo, part in zip(photo_ids, parts, strict=True)}
    split = Split(protocol, seed, fold, folds if fold is not None else None, named, **rule)
    _check_regions(split, dataset, parts, regions)
    return split


def _groups(
    dataset: Dataset, order: np.ndarray, protocol: str, gap_minutes: float
) -> tuple[np.ndarray, dict[str, Any]]:
    """Photos that must not be parted, `(n,)` in the order given, and the rule that found them."""
    own_parts = protocol == "official" and set(dataset.table["official"]) == set(PARTS)
    if protocol == "random" or own_parts:
        return np.arange(len(order)), {}
    position_m = dataset.local_frame().to_metres(dataset.positions[order])
    if protocol == "visit":
        table = dataset.table.iloc[order].reset_index(drop=True)
        visits = find_visits(table, position_m, gap_minutes)
        return visits.groups, {"gap_minutes": visits.gap_minutes, "notes": visits.notes}
    spots, radius_m = spots_below(position_m)
    return spots, {"radius_m": radius_m}


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
                f"{len(dataset.regions)} regions cannot be {folds} folds of regions: ask for fewer"
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
    teach_regions(carved, groups[train], regions[train])
    if not carved.any():
        # Few, large groups: every one that was dealt to val was needed to teach a region.
        spare = spare_groups(groups[train], regions[train], share * len(train), rng)
        carved[spare] = 1
    parts[train] = carved


def _carve_spots(
    parts: np.ndarray,
    dataset: Dataset,
    order: np.ndarray,
    regions: np.ndarray,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """Move spots from train to val, in place, where no visit was spared; returns the note."""
    if (parts == 1).any():
        return ()
    spots, _ = spots_below(dataset.local_frame().to_metres(dataset.positions[order]))
    _carve_val(parts, spots, regions, rng)
    return (
        "no trained visit can be spared for validation without leaving a region untaught: "
        "validation photos are spots of trained visits",
    )


def _check_regions(split: Split, dataset: Dataset, parts: np.ndarray, regions: np.ndarray) -> None:
    trained = set(regions[parts == 0])
    held = {"val": set(regions[parts == 1]), "test": set(regions[parts == 2])}
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
