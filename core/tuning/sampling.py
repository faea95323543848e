"""Optuna draws the next trial and decides which trials to prune; nothing is stored."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from core.tuning.schema import TuneConfig
from core.tuning.space import Distribution, grid_point, is_whole, stored
from core.tuning.trials import State, Trial

# Trials drawn at random before TPE has something to learn from.
_STARTUP = 10
# The first epoch after random weights says little about the last.
_WARMUP_EPOCHS = 1
_STATES: dict[State, TrialState] = {
    "running": TrialState.RUNNING,
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def frozen(config: TuneConfig, trial: Trial, figures: Mapping[int, float]) -> FrozenTrial:
    """A trial in Optuna's terms; `figures` is its curve."""
    return optuna.trial.create_trial(
        state=_STATES[trial.state],
        value=trial.value if trial.state == "finished" else None,
        params=trial.values,
        distributions=distributions(config.space),
        intermediate_values=dict(figures),
    )


def study_of(
    config: TuneConfig,
    trials: Sequence[FrozenTrial],
    sampler: optuna.samplers.BaseSampler | None = None,
) -> optuna.Study:
    """A study in memory that holds some trials."""
    # A line for every trial would be a line for every look.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=sampler, direction="maximize" if config.higher_is_better else "minimize"
    )
    study.add_trials(trials)
    return study


def draw(config: TuneConfig, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    """Values of the next trial: decided by the seed, its number and the trials before it.

    A sampler that went on through many trials would begin its random numbers again, and with them
    the same trials, in every new process.
    """
    number = len(trials)
    if config.sampler == "grid":
        return dict(grid_point(config.space, config.seed, number))
    seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0])
    return study_of(config, trials, _sampler(config, seed)).ask(distributions(config.space)).params


def first_worse_epoch(
    config: TuneConfig,
    trial: Trial,
    figures: Mapping[int, float],
    others: Sequence[FrozenTrial],
    after: int = 0,
) -> int | None:
    """The first epoch of a trial at which the others were better; None if there is none.

    Args:
        config: The study's options.
        trial: The trial, which runs.
        figures: Its curve so far.
        others: The trials that it is compared with.
        after: Epochs up to this one were looked at before.
    """
    pruner = make_pruner(config)
    fresh = [epoch for epoch in sorted(figures) if epoch > after]
    if not fresh or isinstance(pruner, optuna.pruners.NopPruner):
        return None
    study = study_of(config, others)
    for epoch in fresh:
        so_far = {each: value for each, value in figures.items() if each <= epoch}
        looked_at = frozen(config, trial, so_far)
        looked_at.number = trial.number
        if pruner.prune(study, looked_at):
            return epoch
    return None


def distributions(space: Mapping[str, Distribution]) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms."""
    return {path: _distribution(path, one) for path, one in space.items()}


def make_pruner(config: TuneConfig) -> optuna.pruners.BasePruner:
    """What decides which trials end early."""
    if config.pruner == "median":
        # Epochs count from 1, and Optuna compares from this step on.
        return optuna.pruners.MedianPruner(n_warmup_steps=_WARMUP_EPOCHS + 1)
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
