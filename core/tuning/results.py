"""Results of a study: the table of trials, the best one, importances. No torch."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import RunError
from core.training.schema import TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import with_values
from core.tuning.trials import TrialReport, curve, read_trials, report_of

# Fewer finished trials do not show which option matters.
_LEAST = 4
_SEED = 0


@dataclass(frozen=True)
class StudyView:
    """A study as it stands now.

    Attributes:
        path: Its folder.
        config: Its options.
        trials: All trials, by number.
    """

    path: Path
    config: TuneConfig
    trials: tuple[TrialReport, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in which state."""
        return dict(Counter(trial.state for trial in self.trials))

    @property
    def done(self) -> int:
        """Trials that ended, in any state."""
        return sum(trial.state != "running" for trial in self.trials)

    @property
    def best(self) -> TrialReport | None:
        """The finished trial with the best figure, the earliest of equals; None without any."""
        sign = -1.0 if self.config.higher_is_better else 1.0
        ended = [trial for trial in self.trials if trial.state == "finished"]
        return min(ended, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def run(self, number: int) -> Path:
        """The run folder of a trial."""
        return StudyFolder(path=self.path).run(number).path

    def options(self, number: int, run: Path) -> TrainConfig:
        """All options of a trial, for a run of its own.

        Args:
            number: Which trial.
            run: Folder of that run.
        """
        own = {"run": run, "monitor": self.config.monitor, "command": ""}
        base = self.config.train.model_copy(update=own)
        return with_values(base, self.config.space, self.trials[number].values)

    def table(self) -> pd.DataFrame:
        """One row a trial: trial, state, the monitored figure, epochs, options, reason."""
        rows = [_row(trial, self.config) for trial in self.trials]
        columns = ["trial", "state", self.config.monitor, "epochs", *self.config.space, "reason"]
        return pd.DataFrame(rows, columns=columns)


def read_study(path: Path) -> StudyView:
    """Read a study from its folder, while it runs or afterwards; nothing is written.

    Raises:
        RunError: There is no study, or its record cannot be read.
    """
    config = StudyFolder(path=path).read()
    trials = read_trials(path)
    reports = (report_of(each, curve(path, each, config.monitor), config) for each in trials)
    return StudyView(path, config, tuple(reports))


def best_of(view: StudyView) -> TrialReport:
    """The best trial.

    Raises:
        RunError: None has finished yet.
    """
    if view.best is None:
        raise RunError(f"no trial of study {view.path} has finished yet: there is no best one")
    return view.best


def importances(path: Path) -> dict[str, float]:
    """Share of the figure's variance that each option explains (fANOVA), greatest first.

    Empty if fewer than 4 trials are finished, or all have one value. Takes seconds for hundreds of
    trials.

    Raises:
        RunError: There is no study, or its record cannot be read.
    """
    import optuna

    from core.tuning.sampling import frozen, study_of

    config = StudyFolder(path=path).read()
    finished = [trial for trial in read_trials(path) if trial.state == "finished"]
    if len(finished) < _LEAST or len({trial.value for trial in finished}) < 2:
        return {}
    study = study_of(config, [frozen(config, trial, {}) for trial in finished])
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=_SEED)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _row(trial: TrialReport, config: TuneConfig) -> dict[str, Any]:
    shown = {path: _shown(value) for path, value in trial.values.items()}
    return {
        "trial": trial.number,
        "state": trial.state,
        config.monitor: trial.value,
        "epochs": trial.epochs,
        **shown,
        "reason": trial.reason,
    }


def _shown(value: Any) -> Any:  # noqa: ANN401 - any option's value
    """Lists and the like as text: a table's column has one kind."""
    return value if isinstance(value, bool | int | float | str) else str(value)
