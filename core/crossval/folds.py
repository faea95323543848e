"""The folds at work: each a job of its own, in a queue that lies in the folder of the whole.

On this machine a fold gets a device of its own, as far as there are so many slots; on a cluster all
of them are submitted, and the cluster shares its machines out.
"""

import time
from collections.abc import Callable

from core.crossval.folder import fold_run, is_trained
from core.crossval.schema import CrossvalConfig
from core.errors import RunError
from core.jobs.conductor import Conductor, Heartbeat, Place
from core.jobs.job import Job
from core.jobs.state import UNFINISHED
from core.jobs.summary import RunSummary, summarise
from core.training.interrupt import Interruption, TrainingInterrupted
from core.training.report import EpochReport
from core.training.run_folder import RunFolder

OnEpoch = Callable[[int, EpochReport], None]
_POLL_S = 0.5


def train_folds(
    config: CrossvalConfig,
    place: Place,
    asked: Interruption,
    heartbeat: Heartbeat,
    on_epoch: OnEpoch | None,
) -> None:
    """Queue every fold that is not trained, and wait until all of them have ended.

    Args:
        config: The cross-validation; the caller holds its folder.
        place: Where, and how many at a time.
        asked: Knows of requests to stop.
        heartbeat: That of the whole.
        on_epoch: Called with the fold's number and every new epoch's report.

    Raises:
        RunError: A fold failed; names each, with the reason. The others go on to their end.
        TrainingInterrupted: Somebody asked to stop; all folds are saved.
    """
    numbers = [n for n in range(config.folds) if not is_trained(fold_run(config.out, n))]
    if not numbers:
        return
    run, began = RunFolder(path=config.out), time.monotonic()
    told = {number: len(fold_run(config.out, number).events()) for number in numbers}
    conducting = Conductor(
        run, config.out, place, heartbeat, device=config.device, threads=config.threads
    )
    with conducting as conductor:
        for number in numbers:
            job, begun = _job(config, number, place), fold_run(config.out, number).last.exists()
            conductor.submit(fold_run(config.out, number).path, job)
            run.log(f"fold {number} {'goes on' if begun else 'begins'}")
        while True:
            conductor.step()
            for number in numbers:
                told[number] = _tell_epochs(config, number, told[number], heartbeat, on_epoch)
            folds = [summarise(fold_run(config.out, number).path) for number in numbers]
            busy = [fold for fold in folds if fold.state in UNFINISHED]
            trained = config.folds - len(numbers) + len(folds) - len(busy)
            heartbeat.beat(step=trained, eta_s=_left_s(began, len(folds), len(busy)))
            if asked.wanted():
                raise stopped(config, str(asked.reason))
            if not busy:
                break
            time.sleep(_POLL_S)
    _require_finished(folds)


def stopped(config: CrossvalConfig, reason: str) -> TrainingInterrupted:
    """The error of a cross-validation that was asked to stop: what happened, how to go on."""
    trained = sum(is_trained(fold_run(config.out, n)) for n in range(config.folds))
    return TrainingInterrupted(
        f"cross-validation stopped by {reason} with {trained} of {config.folds} folds trained; "
        f"everything is saved in {config.out}. Go on with: python -m core crossval --out "
        f"{config.out} --resume"
    )


def _job(config: CrossvalConfig, number: int, place: Place) -> Job:
    out, dataset = config.out.resolve(), config.dataset.resolve()
    absolute = config.model_copy(update={"run": out, "dataset": dataset})
    return place.job(Job.training(absolute.of_fold(number)))


def _tell_epochs(
    config: CrossvalConfig,
    number: int,
    told: int,
    heartbeat: Heartbeat,
    on_epoch: OnEpoch | None,
) -> int:
    """Report the epochs of a fold that are new; returns the number reported so far."""
    events = fold_run(config.out, number).events()
    for event in events[told:]:
        report = EpochReport.from_json(event)
        stage = f"fold {number + 1} of {config.folds}, epoch {report.epoch} of {report.epochs}"
        heartbeat.beat(stage=stage)
        if on_epoch is not None:
            on_epoch(number, report)
    return max(told, len(events))


def _left_s(began: float, folds: int, busy: int) -> float | None:
    """Seconds until the last fold ends, by the pace of those that ended here."""
    ended = folds - busy
    return (time.monotonic() - began) / ended * busy if ended else None


def _require_finished(folds: list[RunSummary]) -> None:
    lost = [fold for fold in folds if fold.state != "finished"]
    if lost:
        reasons = "; ".join(f"{fold.name} is {fold.state}: {fold.message}" for fold in lost)
        raise RunError(f"{reasons}. Mend that and resume: the others are kept")
