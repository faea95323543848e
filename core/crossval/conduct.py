"""Folds side by side: each a job of its own, in a queue that lies in the folder of the whole.

On this machine the queue gives every fold a device, so folds run at once where there are several
GPUs; on a cluster all of them are submitted, and the cluster shares its machines out.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.crossval.folder import fold_run, is_trained
from core.crossval.schema import CrossvalConfig
from core.errors import RunError
from core.jobs.job import LOCAL, Job
from core.jobs.queue import cancel, enqueue_job, requeue
from core.jobs.start import ensure_runner
from core.jobs.state import RESUMABLE, UNFINISHED
from core.jobs.summary import RunSummary, is_run, summarise
from core.training.interrupt import Interruption

_POLL_S = 0.5


@dataclass(frozen=True)
class Place:
    """Where folds are trained side by side.

    Attributes:
        on: `local`, or the address of a cluster.
        wishes: What each fold asks of the cluster; see `Job.wishes`.
    """

    on: str = LOCAL
    wishes: Mapping[str, float | bool] = field(default_factory=dict)


def train_side_by_side(
    config: CrossvalConfig, place: Place, asked: Interruption, tell: Callable[[int], None]
) -> None:
    """Queue every fold that is not trained, and wait until all of them have ended.

    Returns early, all folds saved, where somebody asked to stop.

    Args:
        config: The cross-validation; the caller holds its folder.
        place: Where.
        asked: Knows of requests to stop.
        tell: Told again and again how many folds are trained.

    Raises:
        RunError: A fold failed; names each, with the reason.
    """
    waiting = [n for n in range(config.folds) if not is_trained(fold_run(config.out, n))]
    for number in waiting:
        _queue(config, number, place)
    stopped = False
    while busy := [fold for fold in _folds(config, waiting) if fold.state in UNFINISHED]:
        if asked.wanted() and not stopped:
            for fold in busy:
                cancel(fold.path)
            stopped = True
        if not stopped:
            # Another one where the runner was killed; nothing where it is at work.
            ensure_runner(config.out)
        tell(sum(is_trained(fold_run(config.out, n)) for n in range(config.folds)))
        time.sleep(_POLL_S)
    lost = [fold for fold in _folds(config, waiting) if fold.state != "finished"]
    if lost and not asked.wanted():
        reasons = "; ".join(f"{fold.name} is {fold.state}: {fold.message}" for fold in lost)
        raise RunError(f"{reasons}. Mend that and resume: the others are kept")


def _queue(config: CrossvalConfig, number: int, place: Place) -> None:
    out = config.out.resolve()
    absolute = config.model_copy(update={"run": out, "dataset": config.dataset.resolve()})
    job = Job.training(absolute.of_fold(number), place.on)
    job = job.model_copy(update={"wishes": dict(place.wishes)})
    folder = fold_run(out, number).path
    state = summarise(folder).state if is_run(folder) else None
    if state in RESUMABLE:
        requeue(folder, job)
    elif state not in UNFINISHED:
        enqueue_job(folder, job)


def _folds(config: CrossvalConfig, numbers: list[int]) -> list[RunSummary]:
    return [summarise(fold_run(config.out, number).path) for number in numbers]
