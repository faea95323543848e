"""Cross-validation: the folds, each a job and an ordinary run, then their report.

Whatever stops the process, `cross_validate(config, resume=True)` goes on: finished folds are left
alone, folds at work go on as exactly as a training run does.
"""

from core.audit.review import doubts
from core.crossval.aggregate import aggregate
from core.crossval.answers import write_answers
from core.crossval.figures import CrossvalReport
from core.crossval.folder import begin, check_free, fold_run, go_on, same_labels
from core.crossval.folds import OnEpoch, stopped, train_folds
from core.crossval.guard import fold_split, is_judged
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset, labels_hash
from core.dataset.store import prepare_dataset
from core.errors import ConfigError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.jobs.conductor import Heartbeat, Place
from core.locks import hold
from core.model.backbone import preprocess_of
from core.model.card import read_card
from core.training.interrupt import Interruption, recorded
from core.training.launched import launched_count
from core.training.run_folder import RunFolder


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
    if is_judged(config, run):
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
    write_answers(found.out, found.scored.prediction, found.baselines, card)
    RunFolder(path=config.out).log(f"fold {number} finished")
