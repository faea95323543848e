"""Run a cross-validation: train the folds as jobs, evaluate each, then write the report.

The folds are jobs of a queue in the folder of the cross-validation. On this machine each takes a
device of its own while there are free slots; on a cluster all of them are submitted at once.

After any interruption `cross_validate(config, resume=True)` continues: finished folds stay as they
are, the others resume as exactly as a training run does.
"""

import hashlib
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
from core.dataset.tags import read_tags, tagged
from core.errors import BearingsError, ConfigError, RunError, SplitError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.jobs.conductor import ComputeTarget, Conductor, Heartbeat
from core.jobs.job import Job
from core.jobs.state import UNFINISHED
from core.jobs.summary import RunSummary, summarise
from core.locks import hold
from core.model.backbone import preprocess_of
from core.model.card import read_card
from core.training.data import store_side
from core.training.environment import launched_count
from core.training.interrupt import Interruption, TrainingInterrupted, recorded
from core.training.run_folder import EpochReport, RunFolder

OnEpoch = Callable[[int, EpochReport], None]
_POLL_S = 0.5


def cross_validate(
    config: CrossvalConfig,
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
    target: ComputeTarget | None = None,
) -> CrossvalReport:
    """Train and evaluate every fold, then write and return the report.

    Args:
        config: Every option; `config.out` names the folder.
        resume: Continue the cross-validation in that folder.
        on_epoch: Called with the fold's number and every epoch's report.
        target: Where the folds are trained, and how many at a time; None: here, one by one.

    Raises:
        RunError: The folder is not empty, in use or damaged, or a fold failed.
        LeakError: A fold was trained on photos of its test part.
        TrainingInterrupted: There was a stop request; everything is saved.
        BearingsError: Data, model or options do not fit.
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
        with recorded(job), Interruption(job) as stop:
            heartbeat = Heartbeat(job, steps=config.folds)
            heartbeat.beat()
            dataset = read_labels(config)
            same_labels(config.out, data_hash(config, dataset))
            # A protocol that does not fit the data fails before hours of training.
            for number in range(config.folds):
                _check_fold(config, dataset, number)
            train_folds(config, target or ComputeTarget(), stop, heartbeat, on_epoch)
            _evaluate_folds(config, stop, heartbeat)
            heartbeat.beat(stage="pooling", step=config.folds, eta_s=None)
            report = aggregate(config, dataset)
            job.log(f"pooled {report.pooled.n:,} photos of {config.folds} folds")
            return report


def aggregate_folder(config: CrossvalConfig) -> CrossvalReport:
    """Write the report of finished folds again, training nothing.

    Raises:
        RunError: Folds are missing, by number, or another process is at work.
        LeakError: A fold was trained on photos of its test part.
    """
    with hold(config.out):
        dataset = read_labels(config)
        same_labels(config.out, data_hash(config, dataset))
        return aggregate(config, dataset)


def data_hash(config: CrossvalConfig, dataset: Dataset) -> str:
    """Hash of the labels, and of the tagged photos if tags leave photos out of training."""
    found = labels_hash(dataset)
    if not config.leave_out_tags:
        return found
    photos = tagged(read_tags(dataset.root), config.leave_out_tags)
    return hashlib.sha256("\n".join([found, *sorted(photos)]).encode()).hexdigest()


def read_labels(config: CrossvalConfig) -> Dataset:
    """The photos that the folds are made of: those that can be decoded, as training sees them."""
    size = store_side(config, preprocess_of(config.model).input_size)
    dataset, _ = prepare_dataset(config.dataset, size, allow_missing=config.allow_missing)
    return dataset


def _check_fold(config: CrossvalConfig, dataset: Dataset, number: int) -> None:
    """Refuse a fold that the labels do not allow, such as one without a test photo, by number."""
    try:
        fold_split(config, dataset, number)
    except SplitError as error:
        hint = "" if "fewer" in str(error) else ", or ask for fewer folds"
        raise SplitError(f"fold {number} of {config.folds}: {error}{hint}") from error


def _evaluate_folds(config: CrossvalConfig, stop: Interruption, heartbeat: Heartbeat) -> None:
    """Evaluate every trained fold; a fold that cannot be evaluated does not cost the others."""
    failures = []
    for number in range(config.folds):
        try:
            _evaluate(config, number, stop, heartbeat)
        except TrainingInterrupted:
            raise
        except BearingsError as error:
            failures.append(f"fold {number} cannot be evaluated: {error}")
    if failures:
        raise RunError(f"{'; '.join(failures)}. Correct that and resume: the others are kept")


def _evaluate(
    config: CrossvalConfig, number: int, stop: Interruption, heartbeat: Heartbeat
) -> None:
    """Evaluate a trained fold on its test part, unless that was done for its checkpoint."""
    run = fold_run(config.out, number)
    if is_evaluated(config, run):
        return
    heartbeat.beat(stage=f"evaluating fold {number + 1} of {config.folds}", eta_s=None)

    def go_on(done: int, total: int) -> None:
        heartbeat.beat()
        if stop.wanted():
            raise stopped(config, str(stop.reason))

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
    target: ComputeTarget,
    stop: Interruption,
    heartbeat: Heartbeat,
    on_epoch: OnEpoch | None,
) -> None:
    """Queue every fold that is not trained, and wait until all of them have ended.

    Args:
        config: The cross-validation; the caller holds its folder.
        target: Where, and how many at a time.
        stop: Notices stop requests.
        heartbeat: That of the cross-validation.
        on_epoch: Called with the fold's number and every new epoch's report.

    Raises:
        RunError: A fold failed; names each, with the reason. The others are trained to their end.
        TrainingInterrupted: There was a stop request; all folds are saved.
    """
    numbers = [n for n in range(config.folds) if not is_trained(fold_run(config.out, n))]
    if not numbers:
        return
    run, began = RunFolder(path=config.out), time.monotonic()
    reported = {number: len(fold_run(config.out, number).events()) for number in numbers}
    conducting = Conductor(
        run, config.out, target, heartbeat, device=config.device, threads=config.threads
    )
    with conducting as conductor:
        for number in numbers:
            job, begun = _job(config, number, target), fold_run(config.out, number).last.exists()
            conductor.submit(fold_run(config.out, number).path, job)
            run.log(f"fold {number} {'continues' if begun else 'begins'}")
        while True:
            conductor.step()
            for number in numbers:
                reported[number] = _report_epochs(
                    config, number, reported[number], heartbeat, on_epoch
                )
            folds = [summarise(fold_run(config.out, number).path) for number in numbers]
            busy = [fold for fold in folds if fold.state in UNFINISHED]
            trained = config.folds - len(numbers) + len(folds) - len(busy)
            heartbeat.beat(step=trained, eta_s=_left_s(began, len(folds), len(busy)))
            if stop.wanted():
                raise stopped(config, str(stop.reason))
            if not busy:
                break
            time.sleep(_POLL_S)
    _require_finished(folds)


def stopped(config: CrossvalConfig, reason: str) -> TrainingInterrupted:
    """The error that ends a cross-validation on a stop request: what happened, how to continue."""
    trained = sum(is_trained(fold_run(config.out, n)) for n in range(config.folds))
    return TrainingInterrupted(
        f"cross-validation stopped by {reason} with {trained:,} of {config.folds:,} folds trained; "
        f"everything is saved in {config.out}. Continue with: python -m core crossval --out "
        f"{config.out} --resume"
    )


def _job(config: CrossvalConfig, number: int, target: ComputeTarget) -> Job:
    out, dataset = config.out.resolve(), config.dataset.resolve()
    absolute = config.model_copy(update={"run": out, "dataset": dataset})
    return target.job(Job.training(absolute.of_fold(number)))


def _report_epochs(
    config: CrossvalConfig,
    number: int,
    reported: int,
    heartbeat: Heartbeat,
    on_epoch: OnEpoch | None,
) -> int:
    """Report the epochs of a fold that are new; returns the number reported so far."""
    events = fold_run(config.out, number).events()
    for event in events[reported:]:
        report = EpochReport.from_json(event)
        stage = f"fold {number + 1} of {config.folds}, epoch {report.epoch:,} of {report.epochs:,}"
        heartbeat.beat(stage=stage)
        if on_epoch is not None:
            on_epoch(number, report)
    return max(reported, len(events))


def _left_s(began: float, folds: int, busy: int) -> float | None:
    """Seconds until the last fold ends, by the pace of those that ended here."""
    ended = folds - busy
    return (time.monotonic() - began) / ended * busy if ended else None


def _require_finished(folds: list[RunSummary]) -> None:
    lost = [fold for fold in folds if fold.state != "finished"]
    if lost:
        reasons = "; ".join(f"{fold.name} is {fold.state}: {fold.message}" for fold in lost)
        raise RunError(f"{reasons}. Mend that and resume: the others are kept")
