"""Batches prepared while the network trains: by threads, or by processes.

A batch depends on its epoch and its rows alone, and batches come in the order of the steps: both
give the same ones, for any number of workers. Threads need no start and no copy, but share the
interpreter lock, which augmentation holds for a quarter of its time, with the loop that trains.
Processes map the same file of photos and take seconds to start, once a run.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.dataset.augment import Changes
from core.geo import Floats
from core.training.data import Augmenter, Batch, Task

Step = TypeVar("Step")
_START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def ahead(
    prepare: Callable[[Step], Batch], steps: Iterable[Step], workers: int
) -> Generator[Batch]:
    """Prepare the batches of steps in threads while the caller trains; yield them in order.

    As many batches as there are workers are prepared or wait at any time. OpenCV releases the
    interpreter lock, so threads share the work. A batch depends on its rows alone: order and pixels
    are the same for any number of workers.

    Args:
        prepare: Makes the batch of a step; is called by several threads at the same time.
        steps: What each batch is made of.
        workers: Number of threads; 0: the caller's own.

    Raises:
        Exception: What `prepare` raised, where its batch would have been yielded.
    """
    if workers == 0:
        yield from map(prepare, steps)
        return
    upcoming: deque[Future[Batch]] = deque()
    left = iter(steps)
    with _serial_opencv(), ThreadPoolExecutor(workers) as pool:
        upcoming.extend(pool.submit(prepare, step) for step in islice(left, workers))
        while upcoming:
            batch = upcoming.popleft().result()
            upcoming.extend(pool.submit(prepare, step) for step in islice(left, 1))
            yield batch


@contextmanager
def _serial_opencv() -> Iterator[None]:
    """Keep OpenCV from splitting each small photo over all cores, which the workers use."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


class ProcessLoader:
    """Worker processes that stay from epoch to epoch and prepare batches ahead."""

    def __init__(self, augmenter: Augmenter, workers: int) -> None:
        """Prepare by `workers` processes, which start with the first epoch.

        They are forks of a server that has no GPU and imports what they need once; where there are
        no forks, each starts anew. With `augmenter.pinned` a thread of this process pins what they
        give.
        """
        context = multiprocessing.get_context(_START)
        context.set_forkserver_preload([__name__])
        self._tasks: list[Task] = []
        self._loader: DataLoader[Any] = DataLoader(
            _Prepared(augmenter),
            batch_size=None,
            sampler=self._tasks,  # Iterated anew in each epoch.
            num_workers=workers,
            collate_fn=_as_given,
            pin_memory=augmenter.pinned,
            worker_init_fn=_begin_worker,
            multiprocessing_context=context,
            persistent_workers=True,
            # Of its own, as it draws a number an epoch, which dropout would miss.
            generator=torch.Generator(),
        )

    def batches(self, tasks: Sequence[Task]) -> Generator[Batch]:
        """Yield the batch of each task, in order.

        Raises:
            RuntimeError: A worker was killed, or failed; the message holds its error.
        """
        self._tasks[:] = tasks
        prepared: Iterable[tuple[Tensor, Floats, Sequence[Changes]]] = self._loader
        for (_, rows), (photos, heading_deg, changes) in zip(tasks, prepared, strict=True):
            yield Batch(rows, photos.numpy(), heading_deg, tuple(changes))


class _Prepared(Dataset[Any]):
    """The batch of any task, as a worker sends it: photos in shared memory."""

    def __init__(self, augmenter: Augmenter) -> None:
        # Only the process that trains has a GPU to pin memory for.
        self._augmenter = replace(augmenter, pinned=False)

    def __getitem__(self, task: Task) -> tuple[Tensor, Floats, tuple[Changes, ...]]:
        batch = self._augmenter(task)
        return torch.from_numpy(batch.photos), batch.heading_deg, batch.changes


def _as_given(batch: Any) -> Any:  # noqa: ANN401 - passed on
    return batch


def _begin_worker(number: int) -> None:
    """Keep to one thread, and leave a stop request to the process that trains."""
    cv2.setNumThreads(1)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
