"""What the reference learns from: the same photos, parts and pixels as our own training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.reference_recipe.networks import Task
from benchmarks.reference_recipe.views import RECIPES, reference_view
from core.dataset.augment import resize_photo
from core.geo import Floats, heading_unit
from core.model.backbone import Preprocess, normalise, preprocess_of
from core.model.losses import Targets
from core.model.normaliser import Normaliser
from core.training.data import Rows, TrainingData, epoch_order, read_training_data
from core.training.schema import TrainConfig

# Keeps these random numbers apart from those of our own training with the same seed.
_STREAM = 11


@dataclass(frozen=True)
class Lessons:
    """Photos and labels as the reference sees them.

    Attributes:
        data: Photos, labels and split, as our own training reads them.
        scaler: The [0, 1] scaling of positions, fitted to the training part.
        preprocess: Size and channel statistics of the backbone's input.
        config: Options of the run.
    """

    data: TrainingData
    scaler: Normaliser
    preprocess: Preprocess
    config: TrainConfig

    def rows(self, task: Task, part: str) -> Rows:
        """Photos of a part; positions that our own training does not believe teach none here."""
        if task == "position" and part == "train":
            return self.data.positioned_rows("train")
        return self.data.rows[part]  # type: ignore[index]

    def epoch(self, task: Task, epoch: int) -> Iterator[tuple[Tensor, Targets]]:
        """Augmented images and targets of an epoch, step by step."""
        rows = self.rows(task, "train")
        for step in epoch_order(rows, self.config.batch_photos, self.config.seed, epoch):
            photos, heading = self._views(task, step, epoch)
            yield self._images(photos), self.targets(step, heading)

    def plain(self, rows: Rows) -> Iterator[tuple[slice, Tensor]]:
        """Images of photos as evaluation sees them, with the places that they fill."""
        size = self.preprocess.input_size
        for start in range(0, len(rows), 64):
            place = slice(start, min(start + 64, len(rows)))
            photos = [resize_photo(self.data.store.photos[row], size) for row in rows[place]]
            yield place, self._images(np.stack(photos))

    def targets(self, rows: Rows, heading_deg: Floats | None = None) -> Targets:
        """True regions, scaled positions and heading vectors of photos."""
        turned = self.data.heading_deg[rows] if heading_deg is None else heading_deg
        return Targets(
            torch.from_numpy(self.data.region[rows]),
            torch.from_numpy(self.scaler.normalise(self.data.position_m[rows])),
            torch.from_numpy(heading_unit(turned).astype(np.float32)),
        )

    def _views(self, task: Task, rows: Rows, epoch: int) -> tuple[NDArray[np.uint8], Floats]:
        size, recipe = self.preprocess.input_size, RECIPES[task]
        photos, heading = np.empty((len(rows), size, size, 3), np.uint8), np.empty(len(rows))
        for place, row in enumerate(rows):
            rng = np.random.default_rng([self.config.seed, _STREAM, epoch, int(row)])
            photo, true_deg = self.data.store.photos[row], float(self.data.heading_deg[row])
            photos[place], heading[place] = reference_view(photo, true_deg, recipe, rng, size)
        return photos, heading

    def _images(self, photos: NDArray[np.uint8]) -> Tensor:
        images = normalise(photos, self.preprocess.mean, self.preprocess.std)
        return images.contiguous(memory_format=torch.channels_last)


def read_lessons(config: TrainConfig) -> Lessons:
    """Read the dataset of `config` with its split, and fit the [0, 1] scaling.

    Raises:
        LabelError, FrameError, ImageError, SplitError, ConfigError: As the rooms say.
    """
    preprocess = preprocess_of(config.model)
    data = read_training_data(config, preprocess.input_size)
    scaler = Normaliser.fit(data.position_m[data.positioned_rows("train")], "unit_box")
    return Lessons(data, scaler, preprocess, config)
