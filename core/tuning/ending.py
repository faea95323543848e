"""How a trial failed, told; and a trial in the words of whoever reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from core.tuning.distribution import restored
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import Space
from core.tuning.storage import handle

REASON = "reason"
State = Literal["running", "finished", "pruned", "failed"]
STATES: dict[TrialState, State] = {
    TrialState.WAITING: "running",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class TrialReport:
    """One trial.

    Attributes:
        number: Which one; its run lies in `trials/` under four digits.
        state: How it stands.
        value: The monitored figure at its best epoch; for a pruned one, and one that runs, the best
            so far; None before the first epoch.
        epochs: Epochs done.
        reason: Why it was pruned or failed.
        worker: Who trains it, or did: `host:process`.
        values: The drawn options, by dotted path.
    """

    number: int
    state: State
    value: float | None
    epochs: int
    reason: str
    worker: str
    values: Mapping[str, Any]


def report_of(trial: FrozenTrial, config: TuneConfig) -> TrialReport:
    """Describe a trial."""
    so_far = trial.intermediate_values.values()
    best = max if config.higher_is_better else min
    value = trial.value if trial.state == TrialState.COMPLETE else best(so_far, default=None)
    return TrialReport(
        number=trial.number,
        state=STATES[trial.state],
        value=value,
        epochs=len(trial.intermediate_values),
        reason=str(trial.user_attrs.get(REASON, "")),
        worker=str(trial.user_attrs.get("worker", "")),
        values=chosen_values(trial, config.space),
    )


def chosen_values(trial: FrozenTrial, space: Space) -> dict[str, Any]:
    """The drawn options as a run takes them, in the order of the space."""
    return {
        path: restored(trial.params[path], space[path].choices)
        for path in space
        if path in trial.params
    }


def fail_trial(study: optuna.Study, folder: StudyFolder, number: int, reason: str) -> TrialState:
    """Tell that a trial failed, and why; the search goes on without it."""
    reason = " ".join(reason.split())
    handle(study, number).set_user_attr(REASON, reason)
    study.tell(number, state=TrialState.FAIL)
    folder.job.log(f"trial {number} failed: {reason}")
    return TrialState.FAIL
