"""Batches whose every photo depends only on seed, epoch and row, so that a run resumes exactly."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from core.dataset.augment import augment_photo, resize_photo
from core.dataset.augment_schema import AugmentConfig
from core.dataset.decode import Pixels
from core.geo import Floats

# Batches made ahead of the one that is being trained on.
_AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """Photos ready for the network, and the headings that belong to these very views.

    Attributes:
        photos: RGB uint8 `(b, s, s, 3)`.
        heading_deg: Headings `(b,)` in `[0, 360)`, turned where a crop turned the axis.
        rows: Rows of the dataset `(b,)`, for the labels that no view changes.
    """

    photos: Pixels
    heading_deg: Floats
    rows: np.ndarray

    def __post_init__(self) -> None:
        """Check that all describe the same photos."""
        if not len(self.photos) == len(self.heading_deg) == len(self.rows):
            raise ValueError(
                f"a batch of {len(self.rows)} rows has {len(self.photos)} photos and "
                f"{len(self.heading_deg)} headings"
            )


def epoch_order(rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Shuffle rows `(n,)` for an epoch."""
    return np.asarray(np.random.default_rng([seed, epoch]).permutation(rows))


def training_batches(
    photos: Pixels,
    heading_deg: Floats,
    hfov_deg: Floats,
    rows: np.ndarray,
    *,
    config: AugmentConfig,
    seed: int,
    epoch: int,
    batch_size: int,
    input_size: int,
    first_batch: int = 0,
    workers: int = 1,
) -> Iterator[Batch]:
    """Yield the shuffled, augmented batches of one epoch.

    Args:
        photos: RGB uint8 `(n, s, s, 3)` of the whole dataset, such as `PhotoStore.photos`.
        heading_deg: Headings `(n,)` of the whole dataset.
        hfov_deg: Fields of view `(n,)` of the stored squares.
        rows: Which rows to train on `(k,)`.
        config: What may happen to a photo.
        seed: Seed of the run.
        epoch: Number of the epoch.
        batch_size: Photos a batch; the last may be smaller.
        input_size: Side of the network's input in pixels.
        first_batch: Skip this many batches, to go on within an epoch.
        workers: Threads that augment; the result does not depend on their number.
    """
    order = epoch_order(rows, seed, epoch)

    def view(row: int) -> tuple[Pixels, float]:
        rng = np.random.default_rng([seed, epoch, row])
        heading, hfov = float(heading_deg[row]), float(hfov_deg[row])
        return augment_photo(photos[row], heading, hfov, config, rng, input_size)

    def batch(chosen: np.ndarray) -> Batch:
        return _assemble([view(int(row)) for row in chosen], chosen)

    starts = range(first_batch * batch_size, len(order), batch_size)
    yield from _in_order(batch, [order[s : s + batch_size] for s in starts], workers)


def plain_batches(
    photos: Pixels,
    heading_deg: Floats,
    rows: np.ndarray,
    *,
    batch_size: int,
    input_size: int,
    workers: int = 1,
) -> Iterator[Batch]:
    """Yield batches in the order of `rows`, photos resized and otherwise as they are."""

    def batch(chosen: np.ndarray) -> Batch:
        views = [(resize_photo(photos[row], input_size), heading_deg[row]) for row in chosen]
        return _assemble(views, chosen)

    parts = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    yield from _in_order(batch, parts, workers)


def _assemble(views: list[tuple[Pixels, float]], rows: np.ndarray) -> Batch:
    headings = np.array([heading for _, heading in views], np.float64)
    return Batch(np.stack([photo for photo, _ in views]), headings, np.asarray(rows))


def _in_order(
    make: Callable[[np.ndarray], Batch], parts: list[np.ndarray], workers: int
) -> Iterator[Batch]:
    """Make batches in threads, a few ahead, and yield them in order."""
    if workers < 1:
        yield from map(make, parts)
        return
    with ThreadPoolExecutor(min(workers, os.cpu_count() or 1)) as pool:
        waiting = deque(pool.submit(make, part) for part in parts[: workers + _AHEAD])
        try:
            for part in parts[workers + _AHEAD :]:
                yield waiting.popleft().result()
                waiting.append(pool.submit(make, part))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
