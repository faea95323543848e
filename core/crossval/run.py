"""Run a cross-validation: train the folds as jobs, evaluate each, then write the report.

The folds are jobs of a queue in the folder of the cross-validation. On this machine each takes a
device of its own while there are free slots; on a cluster all of them are submitted at once.

After any interruption `cross_validate(config, resume=True)` continues: finished folds stay as they
are, the others resume as exactly as a training run does.
"""

import time
from collections.abc import Callable

from core.audit.review import doubts
from core.crossval.fold_result import fold_split, is_evaluated, write_fold_predictions
from core.crossval.folder import begin, check_free, fold_run, go_on, is_trained, same_labels
from core.crossval.pooled import aggregate
from core.crossval.report import CrossvalReport
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset, labels_hash
from core.dataset.store import prepare_dataset
from core.errors import ConfigError, RunError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.jobs.conductor import Conductor, Heartbeat, Place
from core.jobs.job import Job
from core.jobs.state import UNFINISHED
from core.jobs.summary import RunSummary, summarise
from core.locks import hold
from core.model.backbone import preprocess_of
from core.model.card import read_card
from core.training.interrupt import Interruption, TrainingInterrupted, recorded
from core.training.launched import launched_count
from core.training.report import EpochReport
from core.training.run_folder import RunFolder

OnEpoch = Callable[[int, EpochReport], None]
_POLL_S = 0.5


def cross_validate(
    config: CrossvalConfig,
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
    place: Place | None = None,
) -> CrossvalReport:
    """Train and judge every fold, then write the report; returns it.

    Args:
        config: Every option; `config.out` names the folder.
        resume: Go on with the cross-validation in that folder.
        on_epoch: Called with the fold's number and every epoch's report.
        place: Where the folds are trained, and how many at a time; none: here, one after another.

    Raises:
        RunError: The folder is taken, busy or damaged, or a fold failed.
        LeakError: A fold has learnt from its test part.
        TrainingInterrupted: It was asked to stop; everything is saved.
        BearingsError: Data, model or options do not fit; see the other rooms.
    """
    if launched_count() > 1:
        raise ConfigError(
            "a cross-validation is one process: start it without torchrun, or train its folds with "
            "torchrun -m core train ... --fold N"
        )
    job = RunFolder(path=config.out)
    if not resume:
        check_free(config.out)
    with hold(config.out) as lock:
        go_on(config) if resume else begin(config)
        job.forget_stop(lock)
        with recorded(job), Interruption(job) as asked:
            heartbeat = Heartbeat(job, steps=config.folds)
            heartbeat.beat()
            dataset = read_labels(config)
            same_labels(config.out, labels_hash(dataset))
            # A protocol that does not fit says so before hours of training, for every fold.
            for number in range(config.folds):
                fold_split(config, dataset, number)
            train_folds(config, place or Place(), asked, heartbeat, on_epoch)
            for number in range(config.folds):
                _judge(config, number, asked, heartbeat)
            heartbeat.beat(stage="pooling", step=config.folds, eta_s=None)
            report = aggregate(config, dataset)
            job.log(f"pooled {report.pooled.n} photos of {config.folds} folds")
            return report


def aggregate_folder(config: CrossvalConfig) -> CrossvalReport:
    """Write the report of finished folds again, training nothing.

    Raises:
        RunError: Folds are missing, by number, or another process is at work.
        LeakError: A fold has learnt from its test part.
    """
    with hold(config.out):
        dataset = read_labels(config)
        same_labels(config.out, labels_hash(dataset))
        return aggregate(config, dataset)


def read_labels(config: CrossvalConfig) -> Dataset:
    """The photos that the folds are made of: those that can be decoded, as training sees them."""
    size = config.store_size or preprocess_of(config.model).input_size
    dataset, _ = prepare_dataset(config.dataset, size, allow_missing=config.allow_missing)
    return dataset


def _judge(config: CrossvalConfig, number: int, asked: Interruption, heartbeat: Heartbeat) -> None:
    """Evaluate a trained fold on its test part, unless that was done for its checkpoint."""
    run = fold_run(config.out, number)
    if is_evaluated(config, run):
        return
    heartbeat.beat(stage=f"evaluating fold {number + 1} of {config.folds}", eta_s=None)

    def go_on(done: int, total: int) -> None:
        heartbeat.beat()
        if asked.wanted():
            raise stopped(config, str(asked.reason))

    go_on(0, 0)
    how = EvaluateConfig(
        run=run.path,
        dataset=config.dataset,
        device=config.device,
        allow_missing=config.allow_missing,
        plots=config.plots,
    )
    found = evaluate(how, go_on, doubts(config.dataset))
    card = read_card(run.best)
    write_fold_predictions(found.out, found.scored.prediction, found.baselines, card)
    RunFolder(path=config.out).log(f"fold {number} finished")


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
