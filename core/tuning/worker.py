"""A worker: takes one trial after another until nothing is left, and stops when the study does.

Any number of workers, on any machines that see the study's folder, work on one study.
"""

from pathlib import Path

from optuna.trial import TrialState

from core.errors import RunError
from core.locks import LockHeld
from core.training.interrupt import Interruption, TrainingInterrupted
from core.tuning.claim import Claim, claim_trial
from core.tuning.ending import REASON
from core.tuning.folder import StudyFolder
from core.tuning.identity import check_data
from core.tuning.relay import StopRelay
from core.tuning.storage import open_study, trials_of
from core.tuning.trial import run_trial

# So many trials in a row that fail for one reason fail by something that no search will mend.
_HOPELESS = 3


def work(path: Path, parent: int | None = None) -> int:
    """Do trials of a study until none is left; returns how many were ended here.

    Args:
        path: The study's folder.
        parent: Process whose end ends this worker; none for one that was started by hand.

    Raises:
        TrainingInterrupted: The study, or this worker, was asked to stop; all is saved.
        BearingsError: The data or the options do not fit, for this trial or any other.
    """
    folder = StudyFolder(path=path.resolve())
    with Interruption(folder.job) as interruption, StopRelay(folder, parent) as relay:
        return _Worker(folder, interruption, relay).work()


def stopped(folder: StudyFolder) -> str:
    """How a stopped study goes on, in words."""
    return (
        f"tuning stopped on request; every trial is saved in {folder.path}. Go on with: "
        f"python -m core tune --study {folder.path}"
    )


class _Worker:
    def __init__(self, folder: StudyFolder, interruption: Interruption, relay: StopRelay) -> None:
        found = folder.read()
        self.folder, self.config = folder, found.config
        self.study = open_study(folder, found)
        self.interruption, self.relay = interruption, relay
        self.failures: list[str] = []

    def work(self) -> int:
        self.stop_if_asked()
        check_data(self.folder, self.config, self.stop_if_asked)
        done = 0
        while (claim := self._claim()) is not None:
            try:
                state = self._do(claim)
            except LockHeld:
                # Somebody trains that run by hand; what comes of it is told when they are done.
                continue
            finally:
                claim.lock.close()
            self._give_up_if_hopeless(claim, state)
            done += 1
        return done

    def stop_if_asked(self, done: int = 0, total: int = 0) -> None:
        """Also a callback of work that counts; the counts are of no interest here."""
        if self.relay.asked or self.interruption.wanted():
            raise TrainingInterrupted(stopped(self.folder))

    def _claim(self) -> Claim | None:
        self.stop_if_asked()
        return claim_trial(self.study, self.folder, self.config)

    def _do(self, claim: Claim) -> TrialState:
        self.folder.job.log(f"trial {claim.number} {'goes on' if claim.adopted else 'begins'}")
        self.relay.run = self.folder.run(claim.number)
        try:
            return run_trial(self.study, self.folder, self.config, claim.number)
        finally:
            self.relay.run = None

    def _give_up_if_hopeless(self, claim: Claim, state: TrialState) -> None:
        if state != TrialState.FAIL:
            self.failures = []
            return
        reason = str(trials_of(self.study)[claim.number].user_attrs.get(REASON, ""))
        self.failures.append(reason)
        if len(self.failures) >= _HOPELESS and len(set(self.failures)) == 1:
            raise RunError(f"{_HOPELESS} trials in a row failed alike: {reason}")
