"""Augmented batches: order and augmentation depend on seed, epoch and photo, on nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.dataset.augment import AugmentConfig, View, augment_photo
from core.geo import Floats
from core.inference.crops import WHOLE, see
from core.training.data import Rows, TrainingData

# Keeps the streams of order and augmentation apart.
_ORDER, _AUGMENT = 1, 2


@dataclass(frozen=True)
class Batch:
    """Photos of one step.

    Attributes:
        rows: `(b,)` row numbers.
        photos: `(b, s, s, 3)` RGB.
        heading_deg: `(b,)` headings, turned where the augmentation turned the view.
    """

    rows: Rows
    photos: NDArray[np.uint8]
    heading_deg: Floats


def epoch_order(rows: Rows, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Shuffle rows and cut them into steps of nearly equal size: no photo is left out.

    Equal sizes spare BatchNorm a last batch of one photo.
    """
    shuffled = np.random.default_rng([seed, _ORDER, epoch]).permutation(rows)
    return np.array_split(shuffled, steps_per_epoch(len(rows), batch_size))


def steps_per_epoch(photos: int, batch_size: int) -> int:
    """How many steps an epoch of `photos` has."""
    return -(-photos // batch_size)


def augmented(
    data: TrainingData, rows: Rows, config: AugmentConfig, size: int, seed: int, epoch: int
) -> Batch:
    """Augment photos as epoch `epoch` (or view `epoch`) shows them."""
    photos = np.empty((len(rows), size, size, 3), np.uint8)
    heading_deg = np.empty(len(rows))
    for place, row in enumerate(rows):
        rng = np.random.default_rng([seed, _AUGMENT, epoch, int(row)])
        photos[place], heading_deg[place] = augment_photo(
            data.store.photos[row],
            float(data.heading_deg[row]),
            float(data.store.hfov_deg[row]),
            config,
            rng,
            size,
        )
    return Batch(rows, photos, heading_deg)


def plain(data: TrainingData, rows: Rows, size: int, crop: View = WHOLE) -> Batch:
    """Photos, or a crop of each, as evaluation and prediction see them."""
    photos = np.stack([see(data.store.photos[row], crop, size) for row in rows])
    return Batch(rows, photos, data.heading_deg[rows])


def ahead(batches: Iterator[Batch], workers: int) -> Iterator[Batch]:
    """Prepare the next batch in a thread while the caller learns from this one.

    OpenCV and torch let go of the interpreter lock, so one thread hides the augmentation; which
    batch comes out does not depend on it.
    """
    if workers == 0:
        yield from batches
        return
    with ThreadPoolExecutor(workers) as pool:
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield batch
