"""Features of the frozen backbone, computed once per augmented view and kept in memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.dataset.augment import View
from core.geo import Floats
from core.inference.crops import WHOLE
from core.model.network import BearingsModel
from core.training.batches import Batch, augmented, plain
from core.training.data import Rows, TrainingData
from core.training.device import Compute
from core.training.schema import TrainConfig

Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class FeatureViews:
    """Features of `v` augmented views of `n` photos.

    Attributes:
        rows: `(n,)` row numbers.
        features: `(v, n, width)` float32.
        heading_deg: `(v, n)` headings, turned where a view was turned.
    """

    rows: Rows
    features: NDArray[np.float32]
    heading_deg: Floats

    def view_of(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Which view of every photo an epoch learns from `(n,)`: drawn anew each epoch."""
        return np.random.default_rng([seed, 3, epoch]).integers(
            len(self.features), size=len(self.rows)
        )


def compute_features(
    model: BearingsModel,
    compute: Compute,
    rows: Rows,
    batch_size: int,
    load: Callable[[Rows], Batch],
    watch: Watch | None = None,
) -> tuple[NDArray[np.float32], Floats]:
    """Run the backbone in evaluation mode; return features `(n, width)` and headings `(n,)`.

    Several processes share the rows, and each of them gets the features of all photos. All of them
    call `watch` equally often.
    """
    model.eval()
    processes = compute.processes
    parts = np.array_split(rows, processes.count)  # the first one is the longest
    features, headings = [np.empty((0, model.width), np.float32)], [np.empty(0)]
    with torch.no_grad():
        for start in range(0, len(parts[0]), batch_size):
            if watch is not None:
                watch(start // batch_size, -(-len(parts[0]) // batch_size))
            part = parts[processes.rank][start : start + batch_size]
            if len(part):
                batch = load(part)
                features.append(compute.features(model, batch.photos).cpu().numpy())
                headings.append(batch.heading_deg)
    return (
        np.concatenate(processes.exchange(np.concatenate(features))),
        np.concatenate(processes.exchange(np.concatenate(headings))),
    )


def cache_views(
    model: BearingsModel,
    compute: Compute,
    data: TrainingData,
    config: TrainConfig,
    watch: Watch | None = None,
) -> FeatureViews:
    """Compute `config.stage1.views` augmented views of the training part."""
    rows = data.rows["train"]
    views = [
        compute_features(
            model,
            compute,
            rows,
            config.batch_size,
            lambda part, view=view: augmented(  # type: ignore[misc]
                data, part, config.augment, model.input_size, config.seed, view
            ),
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
) -> NDArray[np.float32]:
    """Features `(n, width)` of photos, or of a crop of each, as evaluation sees them."""
    features, _ = compute_features(
        model,
        compute,
        rows,
        batch_size,
        lambda part: plain(data, part, model.input_size, crop),
        watch,
    )
    return features
