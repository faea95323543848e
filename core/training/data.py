"""The data of a run: photos, targets and parts, read once and checked, and the batches of an epoch.

Order and augmentation depend on seed, epoch and photo, and on nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.dataset.augment import AugmentConfig, Changes, View, changed, draw_changes, turned
from core.dataset.decode import Pixels
from core.dataset.labels import Dataset, read_dataset
from core.dataset.store import PhotoStore, prepare_dataset, typical_side
from core.dataset.tags import read_tags, tagged
from core.errors import ConfigError
from core.geo import Floats, LocalFrame, heading_unit
from core.inference.network import WHOLE, render_crop
from core.labels import LABELS, PLURALS, Label, absent, listed
from core.model.backbone import preprocess_of
from core.model.card import LeftOutCard
from core.model.losses import Targets
from core.model.normaliser import Normaliser
from core.model.schema import ModelConfig, RetrievalConfig
from core.retrieval.local_features import chosen_kind
from core.splits.parts import PARTS, Part
from core.splits.protocols import split_by
from core.splits.split import Split, as_begun
from core.training.schema import TrainConfig

Rows = NDArray[np.int64]
Task = tuple[int, Rows]
"""An epoch and the rows of one of its steps."""
# Keeps the random streams of order and augmentation apart.
_ORDER, _AUGMENT = 1, 2
XFEAT_SIDE = 448
"""Pixels of a side in which XFeat detects keypoints."""
MOST_BYTES = 4_000_000_000
"""Of the decoded photos, unless an option names their side: 6,600 photos at 448 pixels."""


@dataclass(frozen=True)
class TrainingData:
    """A dataset ready for training; arrays are aligned with `dataset.table`.

    Attributes:
        dataset: Labels.
        split: Which photo is in which part.
        store: Decoded photos.
        frame: The local metres that positions are in.
        position_m: `(n, 2)` `[north_m, east_m]`; NaN without a position.
        heading_deg: `(n,)` in `[0, 360)`; NaN without a heading.
        region: `(n,)` indices into `dataset.regions`; -1 without a region.
        normaliser: Fitted to the training part.
        target: `(n, 2)` float32 normalised positions; NaN if there is no label, or none that is
            believed.
        rows: Row numbers of each part; none for `calibrate` if the split has no such part. Photos
            that a tag leaves out are in no row, though the split has them in its training part.
        left_out: Those photos; None if no tag leaves photos out.
        left_out_now: How many photos of the training part have such a tag today, where that is not
            how it was when the run began; None otherwise.
    """

    dataset: Dataset
    split: Split
    store: PhotoStore
    frame: LocalFrame
    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    normaliser: Normaliser
    target: NDArray[np.float32]
    rows: dict[Part, Rows]
    left_out: LeftOutCard | None = None
    left_out_now: int | None = None

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels that a training photo has: what the model learns."""
        train = self.rows["train"]
        return tuple(label for label in LABELS if self.dataset.labelled(label)[train].any())

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that the model tells apart; none if no photo has one."""
        return self.dataset.regions if "region" in self.labels else ()

    def has_target(self, label: Label) -> NDArray[np.bool_]:
        """Which photos `(n,)` teach a label."""
        if label == "position":
            return np.asarray(np.isfinite(self.target).all(axis=1))
        return np.isfinite(self.heading_deg) if label == "heading" else self.region >= 0

    @property
    def scale_m(self) -> float:
        """Median distance of training photos from their median: the size of the campus."""
        train = self.position_m[self.rows["train"]]
        train = train[np.isfinite(train).all(axis=1)]
        if not len(train):
            return 1.0
        return max(1.0, float(np.median(np.hypot(*(train - np.median(train, axis=0)).T))))

    def positioned_rows(self, part: Part) -> Rows:
        """Return the rows of a part that have a position target."""
        rows = self.rows[part]
        return rows[np.isfinite(self.target[rows]).all(axis=1)]

    @property
    def gallery_rows(self) -> Rows:
        """The training photos that others are compared with: those with a position, if any has."""
        return self.positioned_rows("train") if "position" in self.labels else self.rows["train"]

    def targets(self, rows: Rows, heading_deg: Floats | None = None) -> Targets:
        """Return the targets of photos, with the given headings if augmentation turned them."""
        turned = self.heading_deg[rows] if heading_deg is None else heading_deg
        return Targets(
            torch.from_numpy(self.region[rows]),
            torch.from_numpy(self.target[rows]),
            torch.from_numpy(heading_unit(turned).astype(np.float32)),
        )

    def notes(self, farthest_spreads: float) -> list[str]:
        """Return lines for the log: parts, rows left out, notes on the labels."""
        sizes = ", ".join(
            f"{len(self.rows[part])} {part}" for part in PARTS if len(self.rows[part])
        )
        lines = [
            f"{len(self.dataset):,} photos of {self.dataset.campus.name} in "
            f"{len(self.dataset.regions):,} regions; {self.split.protocol} split: {sizes}",
            f"{len(self.dataset.excluded):,} rows left out",
        ]
        for row in self.dataset.excluded.head(20).itertuples():
            lines.append(f"left out: {row.photo_id}: {row.reason}")
        if self.left_out is not None:
            lines.append(f"{self.left_out.words}; the split is unchanged")
        if self.left_out_now is not None:
            lines.append(
                f"the tags have changed since this run was begun (today {self.left_out_now:,} "
                "photos of the training part have them): it goes on with the photos it was begun "
                "with"
            )
        lines += [*self.dataset.notes, *self.split.notes]
        train = self.rows["train"]
        if absent(self.labels):
            lines.append(
                f"the model learns {listed(self.labels)}: no training photo has "
                f"{' or '.join(f'a {label}' for label in absent(self.labels))}"
            )
        for label in self.labels:
            own = int(self.dataset.labelled(label)[train].sum())
            if own < len(train):
                lines.append(f"{PLURALS[label]} are learnt from {own:,} of {len(train):,} photos")
        placed = np.isfinite(self.position_m[train]).all(axis=1)
        untaught = int((placed & ~np.isfinite(self.target[train]).all(axis=1)).sum())
        if untaught:
            lines.append(
                f"{untaught:,} training photos lie more than {farthest_spreads:g} spreads from the "
                "median; they train region and heading but no position, and no photo is refined by "
                "them"
            )
        return lines


def retrieval_side(config: RetrievalConfig) -> int:
    """Pixels of a side of what the retrieval backbone sees; 0 without one.

    Raises:
        ConfigError: timm does not know the backbone.
    """
    if config.backbone is None:
        return 0
    options = ModelConfig(backbone=config.backbone, input_size=config.input_size)
    return preprocess_of(options).input_size


def store_side(config: TrainConfig, input_size: int) -> int:
    """Side in pixels of the decoded photos that are kept.

    It is the larger input of the networks, unless the options name it or XFeat detects keypoints:
    then up to `XFEAT_SIDE`, but no larger than half of the photos are, and `MOST_BYTES` in all.

    Raises:
        LabelError, FrameError: As `read_dataset`.
        ConfigError: timm does not know the retrieval backbone, or XFeat is not installed.
    """
    least = max(input_size, retrieval_side(config.retrieval))
    if config.store_size is not None:
        return config.store_size
    if not config.gallery_points or chosen_kind(config.local_features) != "xfeat":
        return least
    dataset = read_dataset(config.dataset, allow_missing=config.allow_missing)
    affordable = int((MOST_BYTES / 3 / max(len(dataset), 1)) ** 0.5)
    return max(least, min(XFEAT_SIDE, typical_side(dataset), affordable))


def read_training_data(
    config: TrainConfig,
    input_size: int,
    progress: Callable[[int, int], None] | None = None,
    begun: Split | None = None,
    recorded: LeftOutCard | None = None,
) -> TrainingData:
    """Read labels, decode photos into the store, split, and fit the normaliser.

    Args:
        config: Every option.
        input_size: Pixels of a side of what the network sees.
        progress: Called with photos decoded and photos in all.
        begun: The split that a resumed run was begun with; see `as_begun`.
        recorded: The photos that a resumed run left out by their tags; None: as the tags are now.

    Raises:
        LabelError, FrameError, ImageError, SplitError: See `core.dataset`.
        ConfigError: No photo has a tag that leaves photos out, or all training photos have one.
    """
    size = store_side(config, input_size)
    dataset, store = prepare_dataset(
        config.dataset, size, allow_missing=config.allow_missing, progress=progress
    )
    split = split_by(dataset, config.split)
    if begun is not None:
        split = as_begun(split, begun)
    rows = {part: split.rows(dataset, part) for part in PARTS}
    left_out, now = _left_out(config, dataset, split, recorded)
    if left_out is not None:
        rows["train"] = without_photos(dataset, rows["train"], left_out)
    if dataset.labelled("position").any():
        frame = dataset.local_frame()
        position_m = frame.to_metres(dataset.positions)
    else:
        frame, position_m = LocalFrame(dataset.campus.frame, (0.0, 0.0)), dataset.positions
    normaliser = Normaliser.fit(position_m[rows["train"]], config.model.position_target)
    target = _targets(position_m, rows["train"], normaliser, config.farthest_spreads)
    return TrainingData(
        dataset,
        split,
        store,
        frame,
        position_m,
        dataset.headings_deg,
        dataset.region_index,
        normaliser,
        target,
        rows,
        left_out,
        now,
    )


def left_out_by_tags(tags: Sequence[str], dataset: Dataset, split: Split) -> LeftOutCard | None:
    """The photos of the training part with one of these tags, as the tags are now.

    Raises:
        ConfigError: No photo has one of the tags.
        LabelError: The file of tags is damaged.
    """
    if not tags:
        return None
    photos = tagged(read_tags(dataset.root), tags)
    own = sorted(photo for photo in photos if split.parts.get(photo) == "train")
    return LeftOutCard(tags=tuple(dict.fromkeys(tags)), photos=tuple(own))


def without_photos(dataset: Dataset, rows: Rows, left_out: LeftOutCard) -> Rows:
    """Row numbers of the training part without the photos that tags leave out.

    Raises:
        ConfigError: None remains.
    """
    tagged_here = dataset.table["photo_id"].iloc[rows].isin(left_out.photos).to_numpy(bool)
    kept: Rows = rows[~tagged_here]
    if len(rows) and not len(kept):
        raise ConfigError(
            f"all {len(rows):,} photos of the training part have the tag "
            f"{' or '.join(left_out.tags)}: leave out fewer tags"
        )
    return kept


def _left_out(
    config: TrainConfig, dataset: Dataset, split: Split, recorded: LeftOutCard | None
) -> tuple[LeftOutCard | None, int | None]:
    """The photos that tags leave out, and how many would be today if that differs."""
    if recorded is None:
        return left_out_by_tags(config.leave_out_tags, dataset, split), None
    try:
        now = left_out_by_tags(config.leave_out_tags, dataset, split)
    except ConfigError:
        now = None
    same = now is not None and now.photos == recorded.photos
    return recorded, None if same else len(now.photos) if now else 0


def _targets(
    position_m: Floats, train: Rows, normaliser: Normaliser, farthest_spreads: float
) -> NDArray[np.float32]:
    target = normaliser.normalise(position_m)
    robust = Normaliser.fit(position_m[train], "metres")
    distance = np.abs(robust.normalise(position_m[train])).max(axis=1)
    # One label mistyped by degrees would otherwise drown all others in the squared error.
    target[train[distance > farthest_spreads]] = np.nan
    return target


@dataclass(frozen=True)
class Batch:
    """Photos of one step.

    Attributes:
        rows: `(b,)` row numbers.
        photos: `(b, s, s, 3)` RGB.
        heading_deg: `(b,)` headings, turned where the augmentation turned the view.
        changes: What is still to happen to each photo; none if they are as the network sees them.
    """

    rows: Rows
    photos: NDArray[np.uint8]
    heading_deg: Floats
    changes: tuple[Changes, ...] = ()


def epoch_order(rows: Rows, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Shuffle rows and cut them into steps of nearly equal size: no photo is left out.

    Equal sizes avoid a last batch of one photo, which BatchNorm cannot normalise.
    """
    shuffled = np.random.default_rng([seed, _ORDER, epoch]).permutation(rows)
    return np.array_split(shuffled, steps_per_epoch(len(rows), batch_size))


def steps_per_epoch(photos: int, batch_size: int) -> int:
    """How many steps an epoch of `photos` has."""
    return -(-photos // batch_size)


@dataclass(frozen=True)
class Augmenter:
    """Makes the batches of training steps; a worker process gets it without the photos.

    Attributes:
        photos: Stored photos `(n, s, s, 3)`, of which a copy in another process maps the same file.
        heading_deg: `(n,)` headings.
        hfov_deg: `(n,)` horizontal fields of view.
        config: What may happen to a photo.
        size: Side of a view in pixels.
        seed: Seed of all draws, with epoch and row.
        on_device: Whether batches hold photos as they are stored and the changes to be made.
        pinned: Whether photos are put where a GPU can fetch them while the CPU goes on.
    """

    photos: Pixels
    heading_deg: Floats
    hfov_deg: Floats
    config: AugmentConfig
    size: int
    seed: int
    on_device: bool = False
    pinned: bool = False

    @classmethod
    def of(
        cls, data: TrainingData, config: TrainConfig, size: int, *, pinned: bool = False
    ) -> "Augmenter":
        """What augments the photos of a run."""
        return cls(
            data.store.photos,
            data.heading_deg,
            data.store.hfov_deg,
            config.augment,
            size,
            config.seed,
            config.augment_on == "device",
            pinned,
        )

    def __call__(self, task: Task) -> Batch:
        """Augment photos as an epoch, or a view of stage 1, shows them."""
        epoch, rows = task
        side = self.photos.shape[1] if self.on_device else self.size
        # Its memory is the tensor's own.
        shape = (len(rows), side, side, 3)
        photos = torch.empty(shape, dtype=torch.uint8, pin_memory=self.pinned).numpy()
        heading_deg, every = np.empty(len(rows)), []
        for index, row in enumerate(rows):
            rng = np.random.default_rng([self.seed, _AUGMENT, epoch, int(row)])
            changes = draw_changes(self.config, rng, self.size)
            before = float(self.heading_deg[row]), float(self.hfov_deg[row])
            heading_deg[index] = turned(*before, self.config, changes)
            if self.on_device:
                photos[index] = self.photos[row]
                every.append(changes)
            else:
                photos[index] = changed(self.photos[row], changes, self.size)
        return Batch(rows, photos, heading_deg, tuple(every))

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the photos, if they are a whole file."""
        state = dict(vars(self))
        if isinstance(self.photos, np.memmap) and isinstance(self.photos.base, mmap):
            state["photos"] = _PhotoFile(str(self.photos.filename), self.photos.shape)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the file of the photos."""
        if isinstance(state["photos"], _PhotoFile):
            state["photos"] = state["photos"].mapped()
        vars(self).update(state)


@dataclass(frozen=True)
class _PhotoFile:
    name: str
    shape: tuple[int, ...]

    def mapped(self) -> Pixels:
        return np.memmap(self.name, np.uint8, "r", shape=self.shape)


def plain(data: TrainingData, rows: Rows, size: int, crop: View = WHOLE) -> Batch:
    """Photos, or a crop of each, as evaluation and prediction see them."""
    photos = np.stack([render_crop(data.store.photos[row], crop, size) for row in rows])
    return Batch(rows, photos, data.heading_deg[rows])
