"""Cross-validation: the folds one after another, each an ordinary run, then their report.

Whatever stops the process, `cross_validate(config, resume=True)` goes on: finished folds are left
alone, the fold at work goes on as exactly as a training run does.
"""

import time
from collections.abc import Callable

from core.audit.review import doubts
from core.crossval.aggregate import aggregate
from core.crossval.answers import write_answers
from core.crossval.conduct import Place, train_side_by_side
from core.crossval.folder import begin, check_free, fold_run, go_on, is_trained, same_labels
from core.crossval.guard import fold_split, is_judged
from core.crossval.overseer import Overseer
from core.crossval.schema import CrossvalConfig
from core.dataset.labels import Dataset, labels_hash
from core.dataset.store import prepare_dataset
from core.errors import ConfigError
from core.evaluation.evaluate import evaluate
from core.evaluation.report import Report
from core.evaluation.schema import EvaluateConfig
from core.locks import hold
from core.model.backbone import preprocess_of
from core.model.card import read_card
from core.training.fit import fit
from core.training.interrupt import Interruption, TrainingInterrupted, recorded
from core.training.launched import launched_count
from core.training.report import EpochReport
from core.training.run_folder import RunFolder

OnEpoch = Callable[[int, EpochReport], None]


def cross_validate(
    config: CrossvalConfig,
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
    place: Place | None = None,
) -> Report:
    """Train and judge every fold, then write the report; returns it.

    Args:
        config: Every option; `config.out` names the folder.
        resume: Go on with the cross-validation in that folder.
        on_epoch: Called with the fold's number and every epoch's report.
        place: Train the folds side by side there; none: one after another, in this process.

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
        with recorded(job), Interruption(job) as asked, Overseer(job, config.folds) as overseer:
            dataset = read_labels(config)
            work = _Work(config, job, asked, overseer, on_epoch)
            same_labels(config.out, labels_hash(dataset))
            # A protocol that does not fit says so before hours of training, for every fold.
            for number in range(config.folds):
                fold_split(config, dataset, number)
            if place is not None:
                train_side_by_side(config, place, asked, work.tell_trained)
            for number in range(config.folds):
                work.fold(number)
            overseer.tell(stage="pooling", step=config.folds, eta_s=None)
            report = aggregate(config, dataset)
            job.log(f"pooled {report['pooled']['n']} photos of {config.folds} folds")
            return report


def aggregate_folder(config: CrossvalConfig) -> Report:
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


class _Work:
    """The folds at work."""

    def __init__(
        self,
        config: CrossvalConfig,
        job: RunFolder,
        asked: Interruption,
        overseer: Overseer,
        on_epoch: OnEpoch | None,
    ) -> None:
        self.config, self.job, self.asked = config, job, asked
        self.overseer, self.on_epoch = overseer, on_epoch
        self.seconds: list[float] = []

    def fold(self, number: int) -> None:
        """Bring one fold to its end, from wherever it is."""
        config, run = self.config, fold_run(self.config.out, number)
        self.stop_if_asked(number)
        self.overseer.tell(step=number, stage=f"fold {number + 1} of {config.folds}")
        started = time.monotonic()
        if not is_trained(run):
            self._train(number, run)
        if not is_judged(config, run):
            self._judge(number, run)
            self.seconds.append(time.monotonic() - started)
            self.job.log(f"fold {number} finished")
        left = config.folds - number - 1
        if self.seconds:
            self.overseer.tell(eta_s=left * sum(self.seconds) / len(self.seconds))

    def tell_trained(self, folds: int) -> None:
        """Say how many folds are trained, where they are trained elsewhere."""
        self.overseer.tell(step=folds, stage="folds side by side")

    def stop_if_asked(self, number: int) -> None:
        """Raise TrainingInterrupted where somebody asked the whole to stop."""
        if self.asked.wanted():
            raise self._stopped(number, str(self.asked.reason))

    def _train(self, number: int, run: RunFolder) -> None:
        resume = (run.path / "config.json").exists()
        self.job.log(f"fold {number} {'goes on' if resume else 'begins'}")
        self.overseer.attend(run)
        try:
            for report in fit(self.config.of_fold(number), resume):
                stage = f"fold {number + 1} of {self.config.folds}, epoch {report.epoch}"
                self.overseer.tell(stage=f"{stage} of {report.epochs}")
                if self.on_epoch is not None:
                    self.on_epoch(number, report)
        except TrainingInterrupted as error:
            raise self._stopped(number, self.asked.reason or "a request to stop") from error
        finally:
            self.overseer.attend(None)

    def _judge(self, number: int, run: RunFolder) -> None:
        config = self.config
        asked = EvaluateConfig(
            run=run.path,
            dataset=config.dataset,
            device=config.device,
            allow_missing=config.allow_missing,
            plots=config.plots,
        )
        doubted = doubts(config.dataset)
        found = evaluate(asked, lambda done, total: self.stop_if_asked(number), doubted)
        card = read_card(run.best)
        write_answers(found.out, found.judgement.prediction, found.baselines, card)

    def _stopped(self, number: int, reason: str) -> TrainingInterrupted:
        return TrainingInterrupted(
            f"cross-validation stopped by {reason} in fold {number}; everything is saved in "
            f"{self.job.path}. Go on with: python -m core crossval --out {self.job.path} --resume"
        )
