"""A study from its beginning, or from where it was left, to its last trial.

Every trial is a job of a queue in the study's folder, and this process is the conductor of that
queue: it alone draws trials, reads their results, prunes them by a stop request and writes their
records. A study that was killed loses no trial and repeats none when it is started again: a trial
is recorded before it begins, and its run resumes exactly.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from optuna.trial import FrozenTrial

from core.errors import RunError, SplitError
from core.jobs.conductor import ComputeTarget, Conductor, Heartbeat
from core.jobs.job import Job
from core.jobs.queue import cancel
from core.jobs.state import UNFINISHED, RunState, run_state
from core.locks import LockHeld, hold
from core.model.backbone import preprocess_of
from core.runs import CONFIG, SPLIT
from core.splits.parts import Part
from core.training.data import TrainingData, read_training_data
from core.training.interrupt import Interruption, TrainingInterrupted, recorded
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from core.training.session import check_monitor
from core.tuning.folder import Identity, StudyFolder
from core.tuning.sampling import draw, first_worse_epoch, frozen
from core.tuning.schema import TuneConfig
from core.tuning.space import with_values
from core.tuning.trials import (
    State,
    Trial,
    TrialReport,
    curve,
    import_journal,
    read_trials,
    report_of,
    write_trial,
)

BACKBONE = "model.backbone"
_POLL_S = 0.5
# Killed twice, a trial has failed: too little memory will be too little again.
_DEADLY = 2
# So many trials in a row that fail for one reason have a cause outside their options.
_HOPELESS = 3
# How a trial fails by its own options: a loss that is no number, memory that did not suffice,
# values that contradict each other. Anything else would fail every trial.
_OWN_FAILURES = (
    "RunError", "RuntimeError", "OutOfMemoryError", "AcceleratorError", "MemoryError",
    "ValueError", "ValidationError", "LinAlgError",
)  # fmt: skip


def conduct(config: TuneConfig, target: ComputeTarget | None = None) -> Iterator[TrialReport]:
    """Search, and report every trial when it has ended; those of earlier starts are not repeated.

    Args:
        config: Every option.
        target: Where trials run; none: here, `config.workers` at a time.

    Raises:
        LockHeld: Another process conducts this study.
        RunError: The folder holds another study, no trial finished, or data has changed.
        TrainingInterrupted: There was a stop request; the study is saved.
        BearingsError: The data or the options do not fit, for this trial or any other.
    """
    folder = StudyFolder.of(config)
    with hold(folder.path) as lock:
        folder.begin(config)
        folder.job.forget_stop(lock)
        with recorded(folder.job), Interruption(folder.job) as stop:
            import_journal(folder.path)
            study = _Study(folder, config, target or ComputeTarget(config.workers), stop)
            study.check_data()
            yield from study.search()


def trial_options(config: TuneConfig, folder: StudyFolder, trial: Trial) -> TrainConfig:
    """Every option of a trial's run.

    Raises:
        ValueError: The drawn values contradict each other.
    """
    own = {
        "run": folder.run(trial.number).path.resolve(),
        "dataset": config.train.dataset.resolve(),
        "monitor": config.monitor,
        "command": f"python -m core tune --study {folder.path}",
        "export_onnx": False,
    }
    return with_values(config.train.model_copy(update=own), config.space, trial.values)


class _Study:
    """A study at work."""

    def __init__(
        self, folder: StudyFolder, config: TuneConfig, target: ComputeTarget, stop: Interruption
    ) -> None:
        self.folder, self.config, self.target, self.stop = folder, config, target, stop
        self.trials = read_trials(folder.path)
        # Curves of trials that ended do not change any more.
        self.ended: dict[int, FrozenTrial] = {}
        # Trials that ended since the last report, and those that began in this process.
        self.unreported: list[Trial] = []
        self.begun: set[int] = set()
        self.looked_at: Counter[int] = Counter()
        self.checked: set[int] = set()
        self.failures: list[str] = []
        self.before = sum(trial.state != "running" for trial in self.trials)
        self.began = time.monotonic()
        self.heartbeat = Heartbeat(folder.job, stage="tuning", steps=config.planned)
        self.heartbeat.beat(step=self.before)

    def check_data(self) -> None:
        """Read the data before any trial is spent on it."""

        def go_on(done: int, total: int) -> None:
            self.heartbeat.beat()
            self._stop_if_asked()

        go_on(0, 0)
        check_data(self.folder, self.config, go_on)

    def search(self) -> Iterator[TrialReport]:
        """Run the trials to the last one, and report each that ends."""
        config = self.config
        self.folder.job.log(
            f"tuning {config.monitor} by {config.sampler}: {self.before:,} of {config.planned} "
            "trials done"
        )
        conducting = Conductor(
            self.folder.job, self.folder.trials, self.target, self.heartbeat,
            device=config.train.device, threads=config.train.threads,
        )  # fmt: skip
        with conducting as conductor:
            self._log_devices(conductor.slots)
            for trial in self._running():
                self._submit(conductor, trial)
            while True:
                self._draw(conductor)
                conductor.step()
                for trial in self._running():
                    self._look(conductor, trial)
                yield from self._reports()
                if not self._running() and len(self.trials) >= config.planned:
                    break
                self._stop_if_asked()
                time.sleep(_POLL_S)
        self._require_a_finished_trial()

    def _running(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.state == "running"]

    def _log_devices(self, slots: tuple[str, ...]) -> None:
        if len(slots) > 1:
            devices = ", ".join(sorted(set(slots)))
            self.folder.job.log(f"{len(slots)} trials at the same time on {devices}")

    def _draw(self, conductor: Conductor) -> None:
        """Record and queue new trials as long as there are slots for them."""
        most = self.target.slots or max(1, len(conductor.slots))
        while len(self._running()) < most and len(self.trials) < self.config.planned:
            self._stop_if_asked()
            known = [self._frozen(trial) for trial in self.trials]
            trial = Trial(number=len(self.trials), values=draw(self.config, known))
            write_trial(self.folder.path, trial)
            self.trials.append(trial)
            self._submit(conductor, trial)

    def _submit(self, conductor: Conductor, trial: Trial) -> None:
        run = self.folder.run(trial.number)
        try:
            job = Job.training(trial_options(self.config, self.folder, trial))
        except ValueError as error:
            self._fail(trial, f"ValueError: {error}")
            return
        if run_state(run.path).state == "finished":
            # It ended, and its conductor was killed before it recorded that.
            return
        begun = (run.path / CONFIG).is_file()
        self.folder.job.log(f"trial {trial.number} {'continues' if begun else 'begins'}")
        conductor.submit(run.path, self.target.job(job))
        self.begun.add(trial.number)

    def _look(self, conductor: Conductor, trial: Trial) -> None:
        """Read the state of a trial; prune it, record its end, or let it continue."""
        run = self.folder.run(trial.number)
        # Before its epochs: those of a run that has ended are all there.
        now = run_state(run.path)
        figures = curve(self.folder.path, trial, self.config.monitor)
        if figures:
            self._check_split(trial, run)
        worse = self._first_worse_epoch(trial, figures)
        if worse is not None:
            self._prune(trial, run, now, worse)
        elif now.state == "finished":
            best = [event for event in run.events() if event["best"]][-1]
            value = float(best["validation"][self.config.monitor])
            self._end(trial, "finished", len(figures), value=value)
        elif now.state == "failed":
            self._handle_failure(trial, now.message)
        elif now.state == "lost" and trial.number in self.begun:
            self._count_death(conductor, trial)
        elif now.state not in UNFINISHED:
            # Cancelled by the user, or by the end of an earlier conductor.
            self._submit(conductor, trial)

    def _first_worse_epoch(self, trial: Trial, figures: dict[int, float]) -> int | None:
        others = [self._frozen(each) for each in self.trials if each.number != trial.number]
        after = self.looked_at[trial.number]
        found = first_worse_epoch(self.config, trial, figures, others, after)
        if found is None:
            self.looked_at[trial.number] = max(figures, default=0)
        return found

    def _prune(self, trial: Trial, run: RunFolder, now: RunState, epoch: int) -> None:
        """Stop a trial that is worse than others were; its run says why it ended."""
        if now.state in UNFINISHED:
            if now.state != "cancelling":
                cancel(run.path)
            return
        reason = f"pruned after epoch {epoch}: others were better at that epoch"
        try:
            with hold(run.path):
                status = run.status()
                if status is not None:
                    ended = {"state": "cancelled", "message": reason}
                    run.write_status(status.model_copy(update=ended))
        except LockHeld:
            # A user has resumed it: its run records how that ends.
            self.folder.job.log(f"the run of trial {trial.number} is in use by another process")
        self._end(trial, "pruned", epoch, reason=reason)

    def _handle_failure(self, trial: Trial, message: str) -> None:
        """Record a failure by the trial's own options; any other one ends the study.

        Raises:
            RunError: Other trials would fail in the same way.
        """
        kind = message.partition(":")[0].rpartition(".")[2]
        if kind not in _OWN_FAILURES:
            raise RunError(message.removeprefix("error: "))
        self._fail(trial, message)

    def _count_death(self, conductor: Conductor, trial: Trial) -> None:
        """Resume a trial whose process was killed; the second time, it has failed."""
        trial = trial.model_copy(update={"killed": trial.killed + 1})
        self._record(trial)
        self.folder.job.log(f"the process of trial {trial.number} was killed")
        if trial.killed < _DEADLY:
            self._submit(conductor, trial)
            return
        self._fail(
            trial,
            f"its process was killed {trial.killed} times, as happens when memory runs out: try a "
            "smaller batch_size, model.input_size or fewer --workers",
        )

    def _fail(self, trial: Trial, reason: str) -> None:
        epochs = len(curve(self.folder.path, trial, self.config.monitor))
        self._end(trial, "failed", epochs, reason=" ".join(reason.split()))

    def _end(
        self, trial: Trial, state: State, epochs: int, value: float | None = None, reason: str = ""
    ) -> None:
        ended = {"state": state, "epochs": epochs, "value": value, "reason": reason}
        trial = trial.model_copy(update=ended)
        self._record(trial)
        self.unreported.append(trial)
        shown = f"finished: {self.config.monitor} {value:.4g}" if value is not None else reason
        self.folder.job.log(f"trial {trial.number} {'failed: ' * (state == 'failed')}{shown}")
        done = sum(each.state != "running" for each in self.trials)
        fresh = done - self.before
        spent_s = time.monotonic() - self.began
        left = max(0, self.config.planned - done)
        self.heartbeat.beat(step=done, eta_s=spent_s / fresh * left)

    def _record(self, trial: Trial) -> None:
        write_trial(self.folder.path, trial)
        self.trials[trial.number] = trial

    def _reports(self) -> Iterator[TrialReport]:
        """Report what ended.

        Raises:
            RunError: The last trials failed alike.
        """
        ended, self.unreported = self.unreported, []
        for trial in ended:
            figures = curve(self.folder.path, trial, self.config.monitor)
            yield report_of(trial, figures, self.config)
            self.failures = [*self.failures, trial.reason] if trial.state == "failed" else []
            last = self.failures[-_HOPELESS:]
            if len(last) == _HOPELESS and len(set(last)) == 1:
                raise RunError(f"{_HOPELESS} trials in a row failed alike: {last[0]}")

    def _frozen(self, trial: Trial) -> FrozenTrial:
        """A trial in Optuna's terms."""
        if trial.number in self.ended:
            return self.ended[trial.number]
        figures = curve(self.folder.path, trial, self.config.monitor)
        found = frozen(self.config, trial, figures)
        if trial.state != "running":
            self.ended[trial.number] = found
        return found

    def _check_split(self, trial: Trial, run: RunFolder) -> None:
        if trial.number in self.checked:
            return
        identity = self.folder.identity()
        found = str(run.read_json(SPLIT)["hash"])
        if identity is None or found != identity.split_hash:
            raise SplitError(
                f"{run.path} has another split ({found[:12]}) than study {self.folder.path}: its "
                "figures cannot be compared; restore the data set, or begin another study"
            )
        self.checked.add(trial.number)

    def _stop_if_asked(self) -> None:
        if not self.stop.wanted():
            return
        done = sum(trial.state != "running" for trial in self.trials)
        raise TrainingInterrupted(
            f"tuning stopped by {self.stop.reason} after {done:,} of {self.config.planned:,} "
            f"trials; everything is saved in {self.folder.path}. Continue with: python -m core "
            f"tune --study {self.folder.path}"
        )

    def _require_a_finished_trial(self) -> None:
        if any(trial.state == "finished" for trial in self.trials):
            return
        reasons = {trial.reason for trial in self.trials}
        raise RunError(
            f"none of the {len(self.trials)} trials of study {self.folder.path} has finished: "
            + "; ".join(sorted(reasons)[:3])
        )


def check_data(
    folder: StudyFolder, config: TuneConfig, progress: Callable[[int, int], None]
) -> None:
    """Read the data as a trial does, and refuse what is not the study's.

    Raises:
        RunError: Split or labels have changed since the study began.
        BearingsError: The data cannot be read, no photo has the label that the study monitors, or
            a backbone cannot be made.
    """
    check_backbones(config)
    size = preprocess_of(config.train.model).input_size
    data = read_training_data(config.train, size, progress)
    check_monitor(config.train.model_copy(update={"monitor": config.monitor}), data)
    folder.settle(identity_of(data))


def check_backbones(config: TuneConfig) -> None:
    """Refuse a backbone that does not exist before any trial is spent on it."""
    searched = config.space.get(BACKBONE)
    for name in searched.choices if searched else ():
        preprocess_of(config.train.model.model_copy(update={"backbone": name}))


def identity_of(data: TrainingData) -> Identity:
    """Hash the split, and the labels of its training and validation photos.

    The labels of test photos are left out: no search may depend on them, nor even on their change.
    """
    table = data.dataset.table
    positions, headings = data.dataset.positions, data.dataset.headings_deg
    digest = hashlib.sha256()
    parts: tuple[Part, Part] = ("train", "val")
    for part in parts:
        rows = data.rows[part]
        named = table.iloc[rows]
        digest.update("\n".join([part, *named["photo_id"], *named["region"]]).encode())
        digest.update(np.ascontiguousarray(positions[rows], np.float64).tobytes())
        digest.update(np.ascontiguousarray(headings[rows], np.float64).tobytes())
    return Identity(split_hash=data.split.hash, labels_hash=digest.hexdigest())
