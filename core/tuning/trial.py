"""One trial: an ordinary training run, its epochs reported for pruning, and how it ended."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

import optuna
from optuna.trial import TrialState

from core.errors import RunError, SplitError
from core.locks import LockHeld, hold
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.report import EpochReport
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from core.tuning.ending import REASON, fail_trial
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import with_values
from core.tuning.storage import handle, trials_of


def run_trial(
    study: optuna.Study, folder: StudyFolder, config: TuneConfig, number: int
) -> TrialState:
    """Train a trial from wherever it is to its end, and tell how it ended.

    The caller holds the trial's claim. A trial that failed by its own options (a loss that is no
    number, memory that did not suffice) is told so, and the search goes on.

    Raises:
        TrainingInterrupted: It was asked to stop; its run is saved and the trial goes on later.
        LabelError, FrameError, ImageError, SplitError: No trial can be trained on this data.
    """
    try:
        options = trial_options(config, folder, trials_of(study)[number].params, number)
        return _trained(study, folder, options, number)
    except (TrainingInterrupted, LockHeld):
        raise
    # RuntimeError is how torch says that memory ran out; ValueError, that a figure is not finite.
    except (RunError, RuntimeError, MemoryError, ValueError) as error:
        return fail_trial(study, folder, number, f"{type(error).__name__}: {error}")


def trial_options(
    config: TuneConfig, folder: StudyFolder, values: dict[str, Any], number: int
) -> TrainConfig:
    """Every option of a trial's run.

    Raises:
        ValueError: The drawn values contradict each other.
    """
    own = {
        "run": folder.run(number).path,
        "monitor": config.monitor,
        "command": f"python -m core tune --study {folder.path}",
    }
    return with_values(config.train.model_copy(update=own), config.space, values)


def _trained(
    study: optuna.Study, folder: StudyFolder, options: TrainConfig, number: int
) -> TrialState:
    run = folder.run(number)
    trial = handle(study, number)
    begun = (run.path / "config.json").is_file()
    # What a dead worker saved but did not report.
    worse = _is_worse(trial, run, options)
    if begun and run.events():
        _check_split(folder, run)
    status = run.status()
    if status is None or status.state != "finished":
        if worse or trial.should_prune():
            return _prune(study, folder, number)
        with closing(_epochs(options, begun)) as epochs:
            for _ in epochs:
                _check_split(folder, run)
                if _is_worse(trial, run, options):
                    return _prune(study, folder, number)
        # A run that went on tells an epoch that was saved, and not told before, in its events only.
        worse = _is_worse(trial, run, options)
    return _prune(study, folder, number) if worse else _complete(study, folder, number, options)


def _epochs(options: TrainConfig, resume: bool) -> Generator[EpochReport]:
    """The epochs as a generator, which can be closed: that is how a pruned run ends."""
    yield from fit(options, resume)


def _is_worse(trial: optuna.Trial, run: RunFolder, options: TrainConfig) -> bool:
    """Report the epochs that were not reported yet, until others were better at one of them."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for event in run.events():
        epoch = int(event["epoch"])
        if epoch not in known:
            trial.report(float(event["validation"][options.monitor]), epoch)
            if trial.should_prune():
                return True
    return False


def _complete(
    study: optuna.Study, folder: StudyFolder, number: int, options: TrainConfig
) -> TrialState:
    best = [event for event in folder.run(number).events() if event["best"]][-1]
    value = float(best["validation"][options.monitor])
    study.tell(number, value, state=TrialState.COMPLETE)
    folder.job.log(f"trial {number} finished: {options.monitor} {value:.4g}")
    return TrialState.COMPLETE


def _prune(study: optuna.Study, folder: StudyFolder, number: int) -> TrialState:
    """End a trial that is worse than others were; its run says why it ended."""
    run = folder.run(number)
    epoch = run.events()[-1]["epoch"]
    reason = f"pruned after epoch {epoch}: others were better at that epoch"
    with hold(run.path):
        status = run.status()
        if status is not None:
            run.write_status(status.model_copy(update={"state": "cancelled", "message": reason}))
    handle(study, number).set_user_attr(REASON, reason)
    study.tell(number, state=TrialState.PRUNED)
    folder.job.log(f"trial {number} {reason}")
    return TrialState.PRUNED


def _check_split(folder: StudyFolder, run: RunFolder) -> None:
    identity = folder.identity()
    found = str(run.read_json("split.json")["hash"])
    if identity is None or found != identity.split_hash:
        raise SplitError(
            f"{run.path} has another split ({found[:12]}) than study {folder.path}: its figures "
            "cannot be compared; restore the data set, or begin another study"
        )
