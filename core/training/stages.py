"""The two stages: what learns in each, how fast, and how a stage's batches become losses."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.model.losses import Targets
from core.model.network import UNKNOWN_REGION, BearingsModel
from core.training.batches import Batch, ahead, augmented, epoch_order
from core.training.data import TrainingData
from core.training.device import Compute
from core.training.feature_cache import FeatureViews
from core.training.optimiser import Rates
from core.training.report import StageName
from core.training.schema import TrainConfig


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
        second.epochs,
        Rates(second.lr_heads, config.lr_backbone, second.weight_decay),
        second.unfreeze,
    )
    return [plan for plan in (heads, whole) if plan.epochs > 0]


@dataclass(frozen=True)
class Lesson:
    """One step's photos, ready for the network: pooled features `(b, width)` on demand."""

    batch: Batch
    features: Tensor | None


class Lessons(Protocol):
    """Where a stage's steps come from."""

    def of_epoch(self, epoch: int, first_step: int) -> Generator[Lesson]:
        """The steps of an epoch from `first_step` on."""


@dataclass(frozen=True)
class CachedLessons:
    """Steps on cached features of a frozen backbone."""

    views: FeatureViews
    config: TrainConfig

    def of_epoch(self, epoch: int, first_step: int) -> Generator[Lesson]:
        """The steps of an epoch from `first_step` on."""
        places = np.arange(len(self.views.rows))
        view = self.views.view_of(self.config.seed, epoch)
        nothing = np.empty((0, 0, 0, 3), np.uint8)
        order = epoch_order(places, self.config.batch_size, self.config.seed, epoch)
        for part in order[first_step:]:
            features = torch.from_numpy(self.views.features[view[part], part])
            heading_deg = self.views.heading_deg[view[part], part]
            yield Lesson(Batch(self.views.rows[part], nothing, heading_deg), features)


@dataclass(frozen=True)
class PhotoLessons:
    """Steps on freshly augmented photos."""

    data: TrainingData
    input_size: int
    config: TrainConfig

    def of_epoch(self, epoch: int, first_step: int) -> Generator[Lesson]:
        """The steps of an epoch from `first_step` on."""
        config = self.config
        order = epoch_order(self.data.rows["train"], config.batch_size, config.seed, epoch)
        batches = (
            augmented(self.data, rows, config.augment, self.input_size, config.seed, epoch)
            for rows in order[first_step:]
        )
        for batch in ahead(batches, config.workers):
            yield Lesson(batch, None)


def lesson_features(lesson: Lesson, model: BearingsModel, compute: Compute) -> Tensor:
    """Pooled features `(b, width)`: the cached ones, or a pass through the backbone."""
    if lesson.features is not None:
        return lesson.features.to(compute.device)
    return compute.features(model, lesson.batch.photos)


def known_metadata(targets: Targets, p_known: float) -> tuple[Tensor, Tensor]:
    """Choose for each photo what it may know: regions `(n,)` or -1, headings `(n, 2)` or NaN.

    Region and heading are drawn apart, so that the heads meet all four combinations. Drawn on the
    CPU, so that one seed means one draw whatever the device.
    """
    draw = torch.rand(len(targets.region), 2).to(targets.region.device)
    region = torch.where(draw[:, 0] < p_known, targets.region, UNKNOWN_REGION)
    heading = torch.where(draw[:, 1:] < p_known, targets.heading, torch.nan)
    return region, heading
