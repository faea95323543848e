"""A study as Optuna keeps it: opened, asked for the next trial, read."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from core.errors import RunError
from core.tuning.distribution import Distribution, stored
from core.tuning.folder import StudyFile, StudyFolder
from core.tuning.journal import open_journal
from core.tuning.schema import TuneConfig
from core.tuning.space import grid_point, is_whole

# Trials drawn at random before TPE has something to learn from.
_STARTUP = 10
# The first epoch after random weights says little about the last.
_WARMUP_EPOCHS = 1


def open_study(folder: StudyFolder, found: StudyFile) -> optuna.Study:
    """Open a study, making its record where there is none.

    Raises:
        RunError: The database cannot be reached, or lacks its driver.
    """
    _quiet(folder.job.log_path)
    config = found.config
    return optuna.create_study(
        storage=_storage(folder, config.storage),
        study_name=found.name,
        direction="maximize" if config.higher_is_better else "minimize",
        pruner=make_pruner(config),
        # What draws the next trial is made for every trial anew; see `draw`.
        sampler=optuna.samplers.RandomSampler(seed=0),
        load_if_exists=True,
    )


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """All trials by number, as they stand in the storage now."""
    return study.get_trials(deepcopy=False)


def handle(study: optuna.Study, number: int) -> optuna.Trial:
    """The trial to report to, whoever drew it."""
    return optuna.Trial(study, trials_of(study)[number]._trial_id)


def add_trial(study: optuna.Study, config: TuneConfig, attributes: Mapping[str, Any]) -> int:
    """Draw the next trial and record it as running; returns its number.

    One record holds the whole trial: whoever dies here leaves either nothing or a complete trial.
    The caller holds `StudyFolder.claims`, so that no number is given twice.
    """
    trials = trials_of(study)
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=draw(config, trials),
            distributions=distributions(config.space),
            user_attrs=dict(attributes),
        )
    )
    return len(trials)


def draw(config: TuneConfig, trials: list[FrozenTrial]) -> dict[str, Any]:
    """Values of the next trial: decided by the seed, its number and the trials before it.

    A sampler that went on through many trials would begin its random numbers again, and with them
    the same trials, in every new process.
    """
    number = len(trials)
    if config.sampler == "grid":
        return dict(grid_point(config.space, config.seed, number))
    seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0])
    sampler = _sampler(config, seed)
    shadow = optuna.create_study(
        sampler=sampler, direction="maximize" if config.higher_is_better else "minimize"
    )
    shadow.add_trials(trials)
    return shadow.ask(distributions(config.space)).params


def distributions(space: Mapping[str, Distribution]) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms."""
    return {path: _distribution(path, one) for path, one in space.items()}


def make_pruner(config: TuneConfig) -> optuna.pruners.BasePruner:
    """What ends trials early."""
    if config.pruner == "median":
        return optuna.pruners.MedianPruner(n_warmup_steps=_WARMUP_EPOCHS)
    if config.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner()
    return optuna.pruners.NopPruner()


def _sampler(config: TuneConfig, seed: int) -> optuna.samplers.BaseSampler:
    if config.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(n_startup_trials=_STARTUP, seed=seed)


def _distribution(path: str, one: Distribution) -> BaseDistribution:
    if one.choices:
        return CategoricalDistribution([stored(choice) for choice in one.choices])
    assert one.low is not None
    assert one.high is not None
    if is_whole(path):
        return IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
    return FloatDistribution(one.low, one.high, log=one.log, step=one.step)


def _storage(folder: StudyFolder, address: str | None) -> BaseStorage:
    if not address:
        folder.path.mkdir(parents=True, exist_ok=True)
        return optuna.storages.JournalStorage(open_journal(folder.journal))
    # Only here: SQLAlchemy takes a second to import, and few studies need it.
    import sqlalchemy.exc

    try:
        return optuna.storages.RDBStorage(address)
    except (ImportError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise RunError(
            f"the storage of study {folder.path} cannot be opened ({_first_line(error)}): check "
            "its address, and that its driver is installed (pip install psycopg2-binary for "
            "postgresql://)"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _quiet(log_path: Path) -> None:
    """Send what Optuna says into the study's log: warnings, and no line for every trial."""
    logger = logging.getLogger("optuna")
    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(logging.WARNING)
    for old in [each for each in logger.handlers if isinstance(each, logging.FileHandler)]:
        logger.removeHandler(old)
        old.close()
    log_path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s optuna: %(message)s"))
    logger.addHandler(handler)
