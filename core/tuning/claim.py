"""Who does which trial: decided by one worker at a time, and true until its process ends.

A claim is a hold on `claims/0007`, which the kernel frees when its worker dies. A running trial
without a holder was left by such a death, or by a request to stop; the next worker goes on with it.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from core.locks import Lock, LockHeld, is_held
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.storage import add_trial, handle, trials_of

# Drawing a trial takes up to a second after hundreds of trials, and as many workers may queue.
_PATIENCE_S = 600.0
# Whoever only looks whether a trial is claimed holds it for microseconds.
_GLANCE_S = 0.05
WORKER = "worker"


@dataclass(frozen=True)
class Claim:
    """A trial and this process's hold on it.

    Attributes:
        number: Which trial.
        lock: Close it when the trial is told, or left to others.
        adopted: Whether another worker had begun it.
    """

    number: int
    lock: Lock
    adopted: bool


def worker_name(pid: int | None = None) -> str:
    """How a worker of this machine is written down: `host:process`."""
    return f"{platform.node()}:{os.getpid() if pid is None else pid}"


def claim_trial(study: optuna.Study, folder: StudyFolder, config: TuneConfig) -> Claim | None:
    """Take a trial that somebody left, or else draw a new one; None where nothing is left to do."""
    with _deciding(folder):
        trials = trials_of(study)
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                lock = take_running(study, folder, trial.number)
                if lock is not None:
                    handle(study, trial.number).set_user_attr(WORKER, worker_name())
                    return Claim(trial.number, lock, adopted=True)
        if len(trials) >= config.planned:
            return None
        number = len(trials)
        lock = Lock.take(folder.claim(number))
        added = add_trial(study, config, {WORKER: worker_name()})
        assert added == number, f"trial {added} was added as {number}"
        return Claim(number, lock, adopted=False)


def is_left(folder: StudyFolder, number: int) -> bool:
    """Whether nobody works on a running trial."""
    return not is_held(folder.claim(number)) and not is_held(folder.run(number).path)


@contextmanager
def _deciding(folder: StudyFolder) -> Iterator[None]:
    lock = Lock.take(folder.claims, _PATIENCE_S)
    try:
        yield
    finally:
        lock.close()


def take_running(
    study: optuna.Study, folder: StudyFolder, number: int, patience_s: float = _GLANCE_S
) -> Lock | None:
    """Hold a running trial that nobody works on; None where somebody does, or where it has ended.

    Whoever held it may have told its end, and let go, after the caller's look at the list.
    """
    try:
        lock = Lock.take(folder.claim(number), patience_s)
    except LockHeld:
        return None
    # A run that is held is trained by hand.
    running = trials_of(study)[number].state == TrialState.RUNNING
    if not running or is_held(folder.run(number).path):
        lock.close()
        return None
    return lock
