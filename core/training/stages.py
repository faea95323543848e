"""The two stages: what learns in each, how fast, and how a stage's batches become losses."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.model.losses import Targets
from core.model.network import UNKNOWN_REGION, BearingsModel
from core.training.batches import Batch, ahead, augmented, epoch_order
from core.training.data import Rows, TrainingData
from core.training.device import Compute
from core.training.feature_cache import FeatureViews
from core.training.optimiser import Rates
from core.training.processes import ALONE, Processes
from core.training.report import StageName
from core.training.schema import TrainConfig

# Keeps this stream of random numbers apart from those of `batches` and `feature_cache`.
_KNOWN = 4


@dataclass(frozen=True)
class StagePlan:
    """What a stage is to do.

    Attributes:
        name: `heads` or `fine-tune`.
        epochs: At most this many.
        rates: Highest learning rates; without a backbone rate it stays frozen.
        last_blocks: How many blocks of the backbone learn: 0 none, None all.
    """

    name: StageName
    epochs: int
    rates: Rates
    last_blocks: int | None


def plan_stages(config: TrainConfig) -> list[StagePlan]:
    """The stages of a run; one without epochs is left out."""
    first, second = config.stage1, config.stage2
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
class Lesson:
    """One step's photos, ready for the network.

    Attributes:
        batch: This process's photos.
        features: Their pooled features `(b, width)`, where they were computed before.
        draws: `(b, 2)` uniform numbers that decide which metadata is known.
        step_rows: Row numbers of all processes' photos of this step.
    """

    batch: Batch
    features: Tensor | None
    draws: NDArray[np.float32]
    step_rows: Rows


class Lessons(Protocol):
    """Where a stage's steps come from."""

    def of_epoch(self, epoch: int, first_step: int) -> Generator[Lesson]:
        """The steps of an epoch from `first_step` on."""


@dataclass(frozen=True)
class CachedLessons:
    """Steps on cached features of a frozen backbone."""

    views: FeatureViews
    config: TrainConfig
    processes: Processes = ALONE

    def of_epoch(self, epoch: int, first_step: int) -> Generator[Lesson]:
        """The steps of an epoch from `first_step` on."""
        places = np.arange(len(self.views.rows))
        view = self.views.view_of(self.config.seed, epoch)
        nothing = np.empty((0, 0, 0, 3), np.uint8)
        order = epoch_order(
            places, self.config.photos_per_step(len(places)), self.config.seed, epoch
        )
        for step, whole in enumerate(order[first_step:], first_step):
            part = self.processes.share(whole)
            features = torch.from_numpy(self.views.features[view[part], part])
            batch = Batch(self.views.rows[part], nothing, self.views.heading_deg[view[part], part])
            draws = _draws(self.config.seed, epoch, step, len(whole), self.processes)
            yield Lesson(batch, features, draws, self.views.rows[whole])


@dataclass(frozen=True)
class PhotoLessons:
    """Steps on freshly augmented photos."""

    data: TrainingData
    input_size: int
    config: TrainConfig
    processes: Processes = ALONE

    def of_epoch(self, epoch: int, first_step: int) -> Generator[Lesson]:
        """The steps of an epoch from `first_step` on."""
        config = self.config
        rows = self.data.rows["train"]
        order = epoch_order(rows, config.photos_per_step(len(rows)), config.seed, epoch)
        batches = (
            augmented(
                self.data,
                self.processes.share(whole),
                config.augment,
                self.input_size,
                config.seed,
                epoch,
            )
            for whole in order[first_step:]
        )
        for step, batch in enumerate(ahead(batches, config.workers), first_step):
            draws = _draws(config.seed, epoch, step, len(order[step]), self.processes)
            yield Lesson(batch, None, draws, order[step])


def lesson_features(lesson: Lesson, model: BearingsModel, compute: Compute) -> Tensor:
    """Pooled features `(b, width)`: the cached ones, or a pass through the backbone."""
    if lesson.features is None:
        return compute.features(model, lesson.batch.photos)
    return lesson.features.to(compute.device)


def _draws(
    seed: int, epoch: int, step: int, photos: int, processes: Processes
) -> NDArray[np.float32]:
    """This process's share `(b, 2)` of a step's draws, which do not depend on the processes."""
    rng = np.random.default_rng([seed, _KNOWN, epoch, step])
    return processes.share(rng.random((photos, 2), np.float32))


def known_metadata(
    targets: Targets, draws: NDArray[np.float32], p_known: float
) -> tuple[Tensor, Tensor]:
    """Choose for each photo what it may know: regions `(n,)` or -1, headings `(n, 2)` or NaN.

    Region and heading have draws `(n, 2)` of their own, so that the heads meet all four
    combinations.
    """
    draw = torch.from_numpy(np.ascontiguousarray(draws)).to(targets.region.device)
    region = torch.where(draw[:, 0] < p_known, targets.region, UNKNOWN_REGION)
    heading = torch.where(draw[:, 1:] < p_known, targets.heading, torch.nan)
    return region, heading
