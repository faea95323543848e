"""A study from its beginning, or from wherever it was left, to its last trial.

This process holds the study's folder and starts workers; it trains nothing itself. Whatever kills
it or them, starting it again loses no trial and repeats none: a trial is recorded before it begins,
belongs to whoever holds its claim, and its run resumes exactly.
"""

import time
from collections.abc import Iterator

import optuna
from optuna.trial import FrozenTrial, TrialState

from core.errors import RunError
from core.locks import hold
from core.training.interrupt import Interruption, TrainingInterrupted, recorded
from core.training.status import HEARTBEAT_S, own_status
from core.tuning.claim import WORKER, is_left, take_running
from core.tuning.crew import Crew, threads_each
from core.tuning.ending import TrialReport, fail_trial, report_of
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.storage import handle, open_study, trials_of

_POLL_S = 0.5
_KILLED = "killed"
# A second time is no accident: memory that did not suffice will not suffice again.
_DEADLY = 2


def conduct(config: TuneConfig) -> Iterator[TrialReport]:
    """Search, and report every trial when it has ended; those of earlier starts are not repeated.

    Raises:
        LockHeld: Another process conducts this study; `core.tuning.worker.work` joins it.
        RunError: Another study lies in the folder, no trial came to an end, or data has changed.
        TrainingInterrupted: The study was asked to stop; it is saved.
        BearingsError: As the workers say.
    """
    folder = StudyFolder.of(config)
    with hold(folder.path) as lock:
        found = folder.begin(config)
        folder.job.forget_stop(lock)
        with recorded(folder.job), Interruption(folder.job) as interruption:
            study = open_study(folder, found)
            yield from _Conductor(folder, config, study, interruption).conduct()


class _Conductor:
    def __init__(
        self,
        folder: StudyFolder,
        config: TuneConfig,
        study: optuna.Study,
        interruption: Interruption,
    ) -> None:
        self.folder, self.config, self.study = folder, config, study
        self.interruption = interruption
        self.status = own_status().model_copy(update={"stage": "tuning", "heartbeat": 0.0})
        self.began = time.monotonic()
        self.before = sum(trial.state.is_finished() for trial in trials_of(study))

    def conduct(self) -> Iterator[TrialReport]:
        known = {trial.number for trial in trials_of(self.study) if trial.state.is_finished()}
        self.folder.job.log(
            f"tuning {self.config.monitor} by {self.config.sampler}: {len(known)} of "
            f"{self.config.planned} trials done"
        )
        with Crew(self.folder, self.config.workers, threads_each(self.config)) as crew:
            while True:
                trials = trials_of(self.study)
                ended = [trial for trial in trials if trial.state.is_finished()]
                self._beat(len(ended))
                for trial in ended:
                    if trial.number not in known:
                        known.add(trial.number)
                        yield report_of(trial, self.config)
                if len(ended) == len(trials) >= self.config.planned:
                    break
                if self.interruption.wanted():
                    raise TrainingInterrupted(
                        f"tuning stopped by {self.interruption.reason} after {len(ended)} of "
                        f"{self.config.planned} trials; everything is saved in "
                        f"{self.folder.path}. Go on with: python -m core tune --study "
                        f"{self.folder.path}"
                    )
                self._tend(crew, trials)
                time.sleep(_POLL_S)
        self._check_any_came_through(trials)

    def _tend(self, crew: Crew, trials: list[FrozenTrial]) -> None:
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        left = [trial for trial in running if is_left(self.folder, trial.number)]
        takeable = len(left) + max(0, self.config.planned - len(trials))
        busy = {trial.user_attrs.get(WORKER) for trial in running if trial not in left}
        crew.tend(idle=len(crew.names - busy), takeable=takeable)
        while crew.killed:
            self._judge(crew, crew.killed.pop(), running)

    def _judge(self, crew: Crew, worker: str, running: list[FrozenTrial]) -> None:
        """Note that a worker was killed at a trial; the second time, the trial has failed."""
        its = [trial for trial in running if trial.user_attrs.get(WORKER) == worker]
        if not its:
            crew.accident(worker)
            return
        claim = take_running(self.study, self.folder, its[0].number, patience_s=0.0)
        if claim is None:
            # Another worker has gone on with it already, or it had come to its end.
            return
        try:
            self._count_death(its[0].number)
        finally:
            claim.close()

    def _count_death(self, number: int) -> None:
        trial = handle(self.study, number)
        deaths = int(trial.user_attrs.get(_KILLED, 0)) + 1
        trial.set_user_attr(_KILLED, deaths)
        self.folder.job.log(f"the worker of trial {number} was killed")
        if deaths >= _DEADLY:
            fail_trial(
                self.study,
                self.folder,
                number,
                f"its process was killed {deaths} times, as happens when memory runs out: try a "
                "smaller batch_size, model.input_size or fewer --workers",
            )

    def _beat(self, done: int) -> None:
        now = time.time()
        if now - self.status.heartbeat < HEARTBEAT_S and done == self.status.step:
            return
        planned = self.config.planned
        fresh = done - self.before
        spent_s = time.monotonic() - self.began
        eta_s = spent_s / fresh * max(0, planned - done) if fresh else None
        update = {"heartbeat": now, "step": done, "steps": planned, "eta_s": eta_s}
        self.status = self.status.model_copy(update=update)
        self.folder.job.write_status(self.status)

    def _check_any_came_through(self, trials: list[FrozenTrial]) -> None:
        if any(trial.state == TrialState.COMPLETE for trial in trials):
            return
        reasons = {str(trial.user_attrs.get("reason", "")) for trial in trials}
        raise RunError(
            f"none of the {len(trials)} trials of study {self.folder.path} came to its end: "
            + "; ".join(sorted(reasons)[:3])
        )
