"""The photos that are evaluated: a part of the split that is stored with the checkpoint."""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.dataset.labels import Dataset
from core.errors import SplitError
from core.evaluation.place import in_frame
from core.evaluation.report import SplitReport
from core.evaluation.schema import Part
from core.evaluation.scores import Truth, read_truth
from core.geo import distance_m, heading_error_deg
from core.inference.stored_split import load_split
from core.model.card import Card
from core.retrieval.gallery import Gallery
from core.splits.parts import Part as SplitPart
from core.splits.split import Split
from core.splits.visits import GAP_MINUTES, find_visits

if TYPE_CHECKING:
    from core.inference.predictor import Predictor  # torch, which planning does without

# The same photo has the same label; a corrected one may have moved.
_SAME_PLACE_M = 1.0
_SAME_HEADING_DEG = 1.0


@dataclass(frozen=True)
class Selection:
    """The photos to judge.

    Attributes:
        rows: `(n,)` rows of the dataset.
        truth: Their labels.
        seen: `(n,)` whether the checkpoint was trained on the photo.
        split: The split, as the report describes it.
        notes: What a reader of the report must know.
        visits: `(n,)` number of the walk on which each photo was taken; None where neither the
            label file nor the clock tells.
        radius_m: Photos this close share a spot of the split; None where it has no such rule.
    """

    rows: NDArray[np.int64]
    truth: Truth
    seen: NDArray[np.bool_]
    split: SplitReport
    notes: tuple[str, ...]
    visits: NDArray[np.int64] | None = None
    radius_m: float | None = None

    @property
    def own_ids(self) -> list[str | None]:
        """The id of each photo that was trained on, which must not find itself; else None."""
        pairs = zip(self.truth.photo_ids, self.seen, strict=True)
        return [name if seen else None for name, seen in pairs]


def select(dataset: Dataset, predictor: "Predictor", part: Part) -> Selection:
    """Choose the photos of `part`.

    Raises:
        SplitError: The dataset is not the one that the stored split belongs to, the part is empty,
            or its photos have no label that the model predicts. `all` needs no split and takes
            every photo.
    """
    dataset, notes = with_regions_of(predictor.card, dataset)
    if part == "all":
        every = np.arange(len(dataset))
        truth = read_truth(dataset, every, predictor.card)
        _check_labels(truth, predictor.card, dataset)
        seen = _in_gallery(truth, predictor.gallery)
        visits = visits_of(dataset, every, GAP_MINUTES)
        notes += _seen_notes(seen)
        return Selection(every, truth, seen, _whole(truth), notes, visits)
    split = load_split(predictor.folder)
    rows = _rows(dataset, predictor, split, part)
    truth = read_truth(dataset, rows, predictor.card)
    _check_labels(truth, predictor.card, dataset)
    seen = np.full(len(rows), part == "train")
    if (left_out := predictor.card.left_out) is not None:
        seen &= ~dataset.table["photo_id"].iloc[rows].isin(left_out.photos).to_numpy()
    size = sum(1 for name in split.parts.values() if name == part)
    notes += _partial_notes(part, len(rows), size) + _seen_notes(seen) + split.notes
    visits = visits_of(dataset, rows, split.gap_minutes or GAP_MINUTES)
    about = _described(split, part, len(rows), size)
    return Selection(rows, truth, seen, about, notes, visits, split.radius_m)


def with_regions_of(card: Card, dataset: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Return the dataset with regions that can be compared with a model's, and notes.

    If the model's regions were made from positions, every photo with a position is of the region
    whose centre is nearest. If only the dataset's regions were, none of them is the model's: photos
    are of the region whose polygon in the model contains them, and without polygons of none.
    """
    if card.region_centres is not None:
        centres = np.asarray(card.region_centres, np.float64)
        if dataset.campus.frame != card.frame and dataset.labelled("position").any():
            centres = in_frame(centres, card.frame, dataset.campus.frame)
        near = dataset.with_regions_near(centres, card.regions)
        if dataset.regions_from == "positions":
            return near, ()
        note = (
            "The model's regions were made from positions: each photo counts as of the region "
            "whose centre is nearest, whatever region the data set names."
        )
        return near, (note,) if dataset.labelled("region").any() else ()
    if dataset.regions_from != "positions" or "region" not in card.labels:
        return dataset, ()
    if card.areas:
        from core.dataset.region_areas import with_regions_in  # GEOS, and only needed here

        note = "No photo of the data set names a region: each is of that of the model around it."
        return with_regions_in(dataset, card.areas, card.region_names), (note,)
    bare = replace(
        dataset,
        table=dataset.table.assign(region=""),
        regions=(),
        regions_from="labels",
        region_centres=None,
    )
    return bare, ("No photo of the data set names a region: the model's regions are not compared.",)


def _rows(
    dataset: Dataset, predictor: "Predictor", split: Split, part: SplitPart
) -> NDArray[np.int64]:
    """Rows of a part of the stored split, which must be of this dataset and have photos."""
    _check_same_dataset(dataset, predictor)
    rows = split.rows(dataset, part)
    if part == "calibrate" and part not in split.parts.values():
        raise SplitError(
            "the stored split has no calibrate part (too few validation photos, or a checkpoint "
            "from before there was one): use --part val"
        )
    if len(rows) == 0:
        raise SplitError(
            f"none of the {part} photos of the stored {split.protocol} split is in {dataset.root}: "
            "give the dataset that the run was trained on"
        )
    return rows


def _check_labels(truth: Truth, card: Card, dataset: Dataset) -> None:
    """Refuse photos without any label that the model predicts."""
    if not any(truth.labelled(label).any() for label in card.labels):
        many = " or ".join(card.labels)
        raise SplitError(
            f"{dataset.root}: the model predicts {many}, and none of these photos has that label, "
            "so nothing can be compared: give a data set with such labels"
        )


def visits_of(
    dataset: Dataset, rows: NDArray[np.int64], gap_minutes: float
) -> NDArray[np.int64] | None:
    """Visit of each of some photos `(k,)`; None where neither labels nor the clock tell.

    Visits are found among all photos: those of one part alone would fall apart at its gaps.
    """
    position_m = np.full((len(dataset), 2), np.nan)
    if dataset.labelled("position").any():
        position_m = dataset.local_frame().to_metres(dataset.positions)
    try:
        return np.asarray(find_visits(dataset.table, position_m, gap_minutes).groups[rows])
    except SplitError:
        return None


def _described(split: Split, part: str, present: int, size: int) -> SplitReport:
    return SplitReport(
        name=split.protocol,
        hash=split.hash,
        part=part,
        seed=split.seed,
        fold=split.fold,
        folds=split.folds,
        radius_m=split.radius_m,
        photos_present=present,
        photos_in_part=size,
    )


def _whole(truth: Truth) -> SplitReport:
    """A split of its own: equal hashes mean that the same photos were evaluated."""
    digest = hashlib.sha256("\n".join(["all", *sorted(truth.photo_ids)]).encode()).hexdigest()
    n = len(truth)
    return SplitReport("all", digest, "all", photos_present=n, photos_in_part=n)


def _partial_notes(part: str, present: int, size: int) -> tuple[str, ...]:
    if present == size:
        return ()
    return (f"The dataset holds {present:,} of the {size:,} {part} photos of the stored split.",)


def _seen_notes(seen: NDArray[np.bool_]) -> tuple[str, ...]:
    if not seen.any():
        return ()
    return (
        f"{int(seen.sum()):,} of these {len(seen):,} photos were TRAINED ON: figures on them say "
        "how well the model remembers, not how well it knows the place.",
    )


def _in_gallery(truth: Truth, gallery: Gallery | None) -> NDArray[np.bool_]:
    """Whether the very photo is in the gallery: same id and the same labels.

    Names alone prove nothing: `images/img_0001.jpg` exists in every dataset. Labels that only one
    of the two has decide nothing; without positions the region decides.
    """
    seen = np.zeros(len(truth), bool)
    if gallery is None:
        return seen
    rows = np.array([gallery.row_of.get(name, -1) for name in truth.photo_ids])
    shared = rows >= 0
    own = rows[shared]
    apart = distance_m(truth.position_m[shared], gallery.position_m[own])
    turned = heading_error_deg(truth.heading_deg[shared], gallery.heading_deg[own])
    both_named = (truth.region[shared] >= 0) & (gallery.region[own] >= 0)
    renamed = both_named & (truth.region[shared] != gallery.region[own])
    # Comparisons with an unknown (NaN) are false. A photo of a known place may change its region.
    other = (apart >= _SAME_PLACE_M) | (turned >= _SAME_HEADING_DEG) | (renamed & np.isnan(apart))
    seen[shared] = ~other & (np.isfinite(apart) | np.isfinite(turned) | both_named)
    return seen


def other_dataset(dataset: Dataset, card: Card, gallery: Gallery | None) -> str | None:
    """Return why a dataset is not the one that a model was trained on; None if it may be.

    Names of photos alone prove nothing: the gallery's photos must have the same labels.
    """
    seeds = (dataset.campus.demo_seed, card.demo_seed)
    if None not in seeds and seeds[0] != seeds[1]:
        return (
            f"{dataset.root} is the demo campus of seed {seeds[0]}, the run was trained on that of "
            f"seed {seeds[1]}: the stored split does not know its photos"
        )
    if gallery is None:
        return None
    shared = np.flatnonzero([name in gallery.row_of for name in dataset.table["photo_id"]])
    if len(shared) == 0:
        return None
    seen = _in_gallery(read_truth(dataset, shared, card), gallery)
    if seen.mean() >= 0.5:
        return None
    return (
        f"{dataset.root} has photos with the names of the stored split, but {(~seen).sum()} of "
        f"{len(seen):,} training photos lie elsewhere: it is another dataset"
    )


def _check_same_dataset(dataset: Dataset, predictor: "Predictor") -> None:
    reason = other_dataset(dataset, predictor.card, predictor.gallery)
    if reason is not None:
        raise SplitError(f"{reason}; use --part all")
