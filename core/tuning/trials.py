"""The trials of a study on disk: `trials/0007.json` holds one, and `trials/0007/` its run.

The conductor of the study is the only one who writes these records. A trial is recorded whole, in
one write, before its run begins; another write says how it ended. Its figures epoch by epoch
are in the `events.jsonl` of its run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from core.errors import RunError
from core.files import read_stored, refusing, write_json
from core.training.run_folder import EVENTS, RunFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import Value, restored

State = Literal["running", "finished", "pruned", "failed"]
# What versions before this one kept all trials in.
JOURNAL = "journal.log"
_IMPORTED = "journal-imported.log"


class Trial(BaseModel):
    """Content of `trials/0007.json`.

    Attributes:
        number: Which one.
        values: The drawn options, by dotted path, as Optuna keeps them.
        state: How it stands.
        value: The monitored figure at its best epoch; None unless it is finished.
        epochs: How many epochs of its run count; None while it runs. The run of a pruned trial may
            have gone further before it was stopped.
        reason: Why it was pruned or failed.
        killed: How many times its process was killed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    values: dict[str, Value]
    state: State = "running"
    value: float | None = None
    epochs: int | None = None
    reason: str = ""
    killed: int = 0


@dataclass(frozen=True)
class TrialReport:
    """A trial as it is shown.

    Attributes:
        number: Which one; its run lies in `trials/` under four digits.
        state: How it stands.
        value: The monitored figure at its best epoch; for a pruned one, and one that runs, the best
            so far; None before the first epoch.
        epochs: Epochs done.
        reason: Why it was pruned or failed.
        values: The drawn options, by dotted path, as a run takes them.
    """

    number: int
    state: State
    value: float | None
    epochs: int
    reason: str
    values: Mapping[str, Any]


def trial_run(study: Path, number: int) -> RunFolder:
    """The run of a trial."""
    return RunFolder(path=study / "trials" / f"{number:04d}")


def write_trial(study: Path, trial: Trial) -> None:
    """Replace the record of a trial at once."""
    write_json(study / "trials" / f"{trial.number:04d}.json", trial.model_dump(mode="json"))


def read_trials(study: Path) -> list[Trial]:
    """All trials of a study by number; nothing is written.

    Raises:
        RunError: A record is damaged.
    """
    if (study / JOURNAL).is_file():
        return _from_journal(study)
    trials: list[Trial] = []
    while (trial := _read(study, len(trials))) is not None:
        trials.append(trial)
    return trials


def import_journal(study: Path) -> None:
    """Turn the journal of an earlier version into records; the caller holds the study.

    Raises:
        RunError: The journal cannot be read.
    """
    journal = study / JOURNAL
    if not journal.is_file():
        return
    for trial in _from_journal(study):
        write_trial(study, trial)
    # Last: as long as the journal has its name, it counts and the records do not.
    journal.replace(study / _IMPORTED)


def curve(study: Path, trial: Trial, monitor: str) -> dict[int, float]:
    """The monitored figure at every epoch of a trial that counts."""
    run = trial_run(study, trial.number)
    events = run.events()
    counted = events if trial.epochs is None else events[: trial.epochs]
    with refusing(run.path / EVENTS, "delete the line that is damaged"):
        return {int(event["epoch"]): float(event["validation"][monitor]) for event in counted}


def report_of(trial: Trial, figures: Mapping[int, float], config: TuneConfig) -> TrialReport:
    """Describe a trial; `figures` is its curve."""
    best = max if config.higher_is_better else min
    so_far = best(figures.values(), default=None)
    return TrialReport(
        number=trial.number,
        state=trial.state,
        value=trial.value if trial.state == "finished" else so_far,
        epochs=len(figures) if trial.epochs is None else trial.epochs,
        reason=trial.reason,
        values={
            path: restored(trial.values[path], one.choices)
            for path, one in config.space.items()
            if path in trial.values
        },
    )


def _read(study: Path, number: int) -> Trial | None:
    path = study / "trials" / f"{number:04d}.json"
    return read_stored(path, Trial, "restore it, or begin another study")


def _from_journal(study: Path) -> list[Trial]:
    """The trials in the journal of an earlier version."""
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, TrialState

    states: dict[TrialState, State] = {
        TrialState.COMPLETE: "finished",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
    }

    def read(trial: FrozenTrial) -> Trial:
        return Trial(
            number=trial.number,
            values=trial.params,
            state=states.get(trial.state, "running"),
            value=trial.value if trial.state == TrialState.COMPLETE else None,
            epochs=len(trial.intermediate_values) if trial.state.is_finished() else None,
            reason=str(trial.user_attrs.get("reason", "")),
            killed=int(trial.user_attrs.get("killed", 0)),
        )

    try:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(study / JOURNAL)))
        found = storage.get_all_studies()
        # A study that was begun, and killed before its journal named it, has no trials.
        trials = storage.get_all_trials(found[0]._study_id) if found else []
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f"{study / JOURNAL} cannot be read ({error}): restore it, or begin another study"
        ) from error
    return [read(trial) for trial in trials]
