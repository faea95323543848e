"""The stages: what is trained in each, where its steps come from, and cached features.

Stage 1 sees features of the frozen backbone, computed once per augmented view and kept in memory;
stage 2 sees freshly augmented photos.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.dataset.augment import View
from core.geo import Floats
from core.inference.network import WHOLE
from core.model.losses import Targets
from core.model.network import UNKNOWN_REGION, BearingsModel
from core.training.data import Augmenter, Batch, Rows, Task, TrainingData, epoch_order, plain
from core.training.device import Compute
from core.training.loading import ProcessLoader, ahead
from core.training.optimiser import Rates
from core.training.processes import ALONE, Processes
from core.training.run_folder import StageName
from core.training.schema import TrainConfig

Watch = Callable[[int, int], None]
DESCRIPTOR_RATE, DESCRIPTOR_WEIGHT_DECAY = 1e-4, 0.01
"""Of AdamW for a descriptor alone; measured in docs/experiments.md."""
# Keeps this random stream apart from those of `data`.
_VIEW, _KNOWN = 3, 4


@dataclass(frozen=True)
class StagePlan:
    """What a stage is to do.

    Attributes:
        name: `heads` or `fine-tune`.
        epochs: At most this many.
        rates: Highest learning rates; parts without one stay frozen.
        last_blocks: How many blocks of the backbone learn: 0 none, None all.
    """

    name: StageName
    epochs: int
    rates: Rates
    last_blocks: int | None

    @property
    def heads_frozen(self) -> bool:
        """Whether the descriptor alone is trained."""
        return self.rates.heads is None


def plan_stages(config: TrainConfig) -> list[StagePlan]:
    """Return the stages of a run, without those that have no epochs."""
    first, second = config.stage1, config.stage2
    if config.zero_training:
        rates = Rates(None, DESCRIPTOR_RATE, DESCRIPTOR_WEIGHT_DECAY)
        tuned = StagePlan("fine-tune", config.stage2_epochs, rates, last_blocks=None)
        return [tuned] if tuned.epochs else []
    heads = StagePlan(
        "heads", config.stage1_epochs, Rates(first.lr, None, first.weight_decay), last_blocks=0
    )
    whole = StagePlan(
        "fine-tune",
        config.stage2_epochs,
        Rates(second.lr_heads, config.lr_backbone, second.weight_decay),
        second.unfreeze,
    )
    return [plan for plan in (heads, whole) if plan.epochs > 0]


@dataclass(frozen=True)
class StepInput:
    """The input of one step.

    Attributes:
        batch: This process's photos.
        features: Their pooled features `(b, width)`, if they are cached.
        draws: `(b, 2)` uniform numbers that decide which metadata is fed as known.
        step_rows: Row numbers of all processes' photos of this step.
    """

    batch: Batch
    features: Tensor | None
    draws: NDArray[np.float32]
    step_rows: Rows

    def first(self, photos: int) -> "StepInput":
        """Return a step of the first photos alone, in a single process."""
        batch = self.batch
        part = Batch(
            batch.rows[:photos],
            batch.photos[:photos],
            batch.heading_deg[:photos],
            batch.changes[:photos],
        )
        features = None if self.features is None else self.features[:photos]
        return StepInput(part, features, self.draws[:photos], self.step_rows[:photos])


class StepSource(Protocol):
    """Yields the inputs of a stage's steps."""

    def of_epoch(self, epoch: int, first_step: int) -> Generator[StepInput]:
        """Yield the steps of an epoch from `first_step` on."""


@dataclass(frozen=True)
class FeatureViews:
    """Features of `v` augmented views of `n` photos.

    Attributes:
        rows: `(n,)` row numbers.
        features: `(v, n, width)` float32.
        heading_deg: `(v, n)` headings, turned with the view.
    """

    rows: Rows
    features: NDArray[np.float32]
    heading_deg: Floats

    def view_of(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return which view of every photo an epoch uses `(n,)`, drawn anew each epoch."""
        return np.random.default_rng([seed, _VIEW, epoch]).integers(
            len(self.features), size=len(self.rows)
        )


@dataclass(frozen=True)
class CachedSteps:
    """Steps on cached features of a frozen backbone."""

    views: FeatureViews
    config: TrainConfig
    processes: Processes = ALONE

    def of_epoch(self, epoch: int, first_step: int) -> Generator[StepInput]:
        """Yield the steps of an epoch from `first_step` on."""
        indices = np.arange(len(self.views.rows))
        view = self.views.view_of(self.config.seed, epoch)
        nothing = np.empty((0, 0, 0, 3), np.uint8)
        order = epoch_order(
            indices, self.config.photos_per_step(len(indices)), self.config.seed, epoch
        )
        for step, whole in enumerate(order[first_step:], first_step):
            part = self.processes.share(whole)
            features = torch.from_numpy(self.views.features[view[part], part])
            batch = Batch(self.views.rows[part], nothing, self.views.heading_deg[view[part], part])
            draws = _draws(self.config.seed, epoch, step, len(whole), self.processes)
            yield StepInput(batch, features, draws, self.views.rows[whole])


@dataclass(frozen=True)
class PhotoSteps:
    """Steps on freshly augmented photos.

    Attributes:
        data: Photos and targets.
        input_size: Side of a view in pixels.
        config: The options of the run.
        processes: The processes that share each step.
        workers: Threads or processes (`config.loader`) that prepare batches; 0: this thread does.
        pinned: Whether photos are put where a GPU can fetch them while the CPU goes on.
    """

    data: TrainingData
    input_size: int
    config: TrainConfig
    processes: Processes = ALONE
    workers: int = 1
    pinned: bool = False

    def of_epoch(self, epoch: int, first_step: int) -> Generator[StepInput]:
        """Yield the steps of an epoch from `first_step` on."""
        config = self.config
        rows = self.data.rows["train"]
        order = epoch_order(rows, config.photos_per_step(len(rows)), config.seed, epoch)
        tasks = [(epoch, self.processes.share(rows)) for rows in order[first_step:]]
        with closing(self.batches(tasks)) as batches:
            for step, batch in enumerate(batches, first_step):
                draws = _draws(config.seed, epoch, step, len(order[step]), self.processes)
                yield StepInput(batch, None, draws, order[step])

    @cached_property
    def batches(self) -> Callable[[Sequence[Task]], Generator[Batch]]:
        """What prepares the batches of tasks, in their order; processes stay until the run ends."""
        augmenter = Augmenter.of(self.data, self.config, self.input_size, pinned=self.pinned)
        if self.config.loader == "processes" and self.workers:
            return ProcessLoader(augmenter, self.workers).batches
        return lambda tasks: ahead(augmenter, tasks, self.workers)


def step_features(inputs: StepInput, model: BearingsModel, compute: Compute) -> Tensor:
    """Return pooled features `(b, width)`: the cached ones, or those of the backbone."""
    if inputs.features is None:
        return compute.features(model, inputs.batch.photos, inputs.batch.changes)
    return inputs.features.to(compute.device)


def _draws(
    seed: int, epoch: int, step: int, photos: int, processes: Processes
) -> NDArray[np.float32]:
    """Return this process's part `(b, 2)` of a step's draws, which are the same for any count."""
    rng = np.random.default_rng([seed, _KNOWN, epoch, step])
    return processes.share(rng.random((photos, 2), np.float32))


def known_metadata(
    targets: Targets, draws: NDArray[np.float32], p_known: float
) -> tuple[Tensor, Tensor]:
    """Return the metadata fed as known: regions `(n,)` or -1, headings `(n, 2)` or NaN.

    Region and heading are drawn independently, so that the heads see all four combinations.
    """
    draw = torch.from_numpy(np.ascontiguousarray(draws)).to(targets.region.device)
    region = torch.where(draw[:, 0] < p_known, targets.region, UNKNOWN_REGION)
    heading = torch.where(draw[:, 1:] < p_known, targets.heading, torch.nan)
    return region, heading


def compute_features(
    model: BearingsModel,
    compute: Compute,
    rows: Rows,
    batch_size: int,
    prepare: Callable[[Sequence[Rows]], Generator[Batch]],
    watch: Watch | None = None,
    *,
    descriptors: bool = False,
) -> tuple[NDArray[np.float32], Floats]:
    """Run the backbone in evaluation mode; return features `(n, width)` and headings `(n,)`.

    `prepare` yields the batch of each given part of the rows. With `descriptors` the features are
    followed by the other parts of the descriptor.

    Several processes share the rows, and each of them returns the features of all photos. All of
    them call `watch` equally often.
    """
    model.eval()
    processes = compute.processes
    parts = np.array_split(rows, processes.count)  # the first one is the longest
    width = sum(model.descriptor_widths) if descriptors else model.width
    run = compute.descriptors if descriptors else compute.features
    features, headings = [np.empty((0, width), np.float32)], [np.empty(0)]
    with torch.no_grad():
        starts = range(0, len(parts[0]), batch_size)
        own = [parts[processes.rank][start : start + batch_size] for start in starts]
        with closing(prepare([part for part in own if len(part)])) as batches:
            for number, part in enumerate(own):
                if watch is not None:
                    watch(number, len(own))
                if len(part):
                    batch = next(batches)
                    features.append(run(model, batch.photos, batch.changes).cpu().numpy())
                    headings.append(batch.heading_deg)
    return (
        np.concatenate(processes.exchange(np.concatenate(features))),
        np.concatenate(processes.exchange(np.concatenate(headings))),
    )


def cache_views(
    model: BearingsModel, compute: Compute, photos: PhotoSteps, watch: Watch | None = None
) -> FeatureViews:
    """Compute `stage1.views` augmented views of the training part, as `photos` prepares them."""
    rows, config = photos.data.rows["train"], photos.config
    views = [
        compute_features(
            model,
            compute,
            rows,
            config.batch_photos,
            lambda parts, view=view: photos.batches([(view, part) for part in parts]),  # type: ignore[misc]
            watch,
        )
        for view in range(config.stage1.views)
    ]
    return FeatureViews(rows, np.stack([f for f, _ in views]), np.stack([h for _, h in views]))


def plain_features(
    model: BearingsModel,
    compute: Compute,
    data: TrainingData,
    rows: Rows,
    batch_size: int,
    watch: Watch | None = None,
    crop: View = WHOLE,
    *,
    descriptors: bool = False,
) -> NDArray[np.float32]:
    """Return features `(n, width)` of photos, or of a crop of each, without augmentation.

    With `descriptors` the features are followed by the other parts of the descriptor.
    """
    features, _ = compute_features(
        model,
        compute,
        rows,
        batch_size,
        lambda parts: ahead(
            lambda part: plain(data, part, model.input_size, crop), parts, compute.workers
        ),
        watch,
        descriptors=descriptors,
    )
    return features
