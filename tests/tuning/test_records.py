"""The records of trials: whole or absent, enough to go on from, and those of earlier versions."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from core.errors import RunError
from core.tuning.folder import StudyFolder
from core.tuning.results import importances, read_study
from core.tuning.sampling import distributions, draw, first_worse_epoch, frozen
from core.tuning.schema import TuneConfig
from core.tuning.trials import (
    Trial,
    import_journal,
    read_trials,
    trial_run,
    write_trial,
)

Begun = tuple[StudyFolder, TuneConfig]


def told(folder: StudyFolder, number: int, *values: float) -> None:
    """Write epochs of a trial's run."""
    run = trial_run(folder.path, number)
    run.path.mkdir(parents=True, exist_ok=True)
    for epoch, value in enumerate(values, start=1):
        run.append_event({"epoch": epoch, "best": True, "validation": {"score": value}})


def test_a_trial_is_one_file_that_is_whole_or_absent(begun: Begun) -> None:
    folder, config = begun
    assert read_trials(folder.path) == []
    first = Trial(number=0, values=draw(config, []))
    write_trial(folder.path, first)
    assert read_trials(folder.path) == [first]
    assert set(first.values) == set(config.space)
    (folder.trials / "0001.json").write_text('{"number": 1, "va')
    with pytest.raises(RunError, match=r"0001\.json"):
        read_trials(folder.path)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_draws_depend_on_seed_and_history_not_on_the_process(begun: Begun, sampler: str) -> None:
    folder, config = begun
    config = config.model_copy(update={"sampler": sampler})
    known: list[optuna.trial.FrozenTrial] = []
    drawn = []
    for number in range(14):
        once = draw(config, known)
        assert once == draw(config, known)
        drawn.append(tuple(once.items()))
        trial = Trial(number=number, values=once, state="finished", value=float(number % 5))
        write_trial(folder.path, trial)
        known.append(frozen(config, trial, {}))
    assert len(set(drawn)) == 14, "no trial is repeated"
    other = config.model_copy(update={"seed": 1})
    assert draw(other, known) != draw(config, known)
    again = [frozen(config, trial, {}) for trial in read_trials(folder.path)]
    assert draw(config, again) == draw(config, known), "the files hold all that is needed"


def test_a_grid_is_walked_once(begun: Begun) -> None:
    _, config = begun
    space = {path: one for path, one in config.space.items() if path != "stage2.lr_heads"}
    config = config.model_copy(update={"sampler": "grid", "space": space, "trials": None})
    known: list[optuna.trial.FrozenTrial] = []
    for number in range(config.planned):
        trial = Trial(number=number, values=draw(config, known))
        known.append(frozen(config, trial, {}))
    assert config.planned == 6
    assert len({tuple(sorted(trial.params.items())) for trial in known}) == 6


def test_a_trial_worse_than_the_median_at_an_epoch_is_found(begun: Begun) -> None:
    _, config = begun
    config = config.model_copy(update={"pruner": "median"})
    others = []
    for number in range(6):
        trial = Trial(number=number, values=draw(config, others), state="finished", value=0.3)
        others.append(frozen(config, trial, {1: 0.5, 2: 0.4, 3: 0.3}))
    running = Trial(number=6, values=draw(config, others))
    bad, good = {1: 0.9, 2: 0.45, 3: 0.35}, {1: 0.9, 2: 0.39, 3: 0.29}
    # Random weights say little in their first epoch.
    assert first_worse_epoch(config, running, {1: 0.9}, others) is None
    assert first_worse_epoch(config, running, bad, others) == 2
    assert first_worse_epoch(config, running, bad, others, after=2) == 3
    assert first_worse_epoch(config, running, good, others) is None
    none = config.model_copy(update={"pruner": "none"})
    assert first_worse_epoch(none, running, bad, others) is None


def journal_of(folder: StudyFolder, config: TuneConfig) -> None:
    """Leave a study as the version before this one did: four trials of all kinds."""
    content = {"name": "study-1", "config": config.model_dump(mode="json") | {"storage": None}}
    (folder.path / "study.json").write_text(json.dumps(content))
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder.path / "journal.log")))
    study = optuna.create_study(study_name="study-1", storage=storage, direction="minimize")
    known: list[optuna.trial.FrozenTrial] = []
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
    for number, state in enumerate(states):
        study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=0.3 if state == TrialState.COMPLETE else None,
                params=draw(config, known),
                distributions=distributions(config.space),
                intermediate_values={1: 0.5, 2: 0.3} if number < 1 else {1: 0.9},
                user_attrs={
                    "worker": "host:7",
                    "reason": f"reason {number}",
                    "killed": number // 3,
                },
            )
        )
        known = study.get_trials()
        told(folder, number, *((0.5, 0.3) if number < 1 else (0.9,)))
    (folder.path / "claims" / "0003").mkdir(parents=True)


def test_a_study_of_an_earlier_version_is_read_and_gone_on_with(begun: Begun) -> None:
    folder, config = begun
    journal_of(folder, config)
    before = read_study(folder.path)
    assert before.config == config
    assert [trial.state for trial in before.trials] == ["finished", "pruned", "failed", "running"]
    assert [trial.value for trial in before.trials] == [0.3, 0.9, 0.9, 0.9]
    assert before.trials[2].reason == "reason 2"
    folder.begin(config.model_copy(update={"trials": 9}))
    import_journal(folder.path)
    assert not (folder.path / "journal.log").exists()
    after = read_study(folder.path)
    assert after.trials == before.trials
    assert read_trials(folder.path)[3].killed == 1
    assert importances(folder.path) == {}


def test_an_import_that_is_killed_begins_again(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = begun
    journal_of(folder, config)
    whole = read_trials(folder.path)

    def killed(study: Path, trial: Trial) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt
        write_trial(study, trial)

    monkeypatch.setattr("core.tuning.trials.write_trial", killed)
    with pytest.raises(KeyboardInterrupt):
        import_journal(folder.path)
    monkeypatch.undo()
    assert read_trials(folder.path) == whole
    import_journal(folder.path)
    assert read_trials(folder.path) == whole


def test_a_journal_that_a_kill_tore_is_read_to_its_last_line(begun: Begun) -> None:
    folder, config = begun
    journal_of(folder, config)
    with (folder.path / "journal.log").open("ab") as stream:
        stream.write(b'{"op_code":4,"worker_id":"torn')
    assert len(read_trials(folder.path)) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"storage": "sqlite:///studies.db"}, r"database \(sqlite:///studies.db\).*finish it with"),
        ({"pruner": "halving"}, r"halving, which this version does not do: finish it with"),
    ],
)
def test_what_no_version_goes_on_with_is_refused_by_name(
    begun: Begun, changes: dict[str, str], said: str
) -> None:
    folder, config = begun
    content = {"name": "a", "config": config.model_dump(mode="json") | changes}
    (folder.path / "study.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=said):
        read_study(folder.path)


def test_a_study_that_left_its_trials_to_other_machines_runs_them_here(begun: Begun) -> None:
    folder, config = begun
    content = {"name": "a", "config": config.model_dump(mode="json") | {"workers": 0}}
    (folder.path / "study.json").write_text(json.dumps(content))
    assert folder.read().workers == 1


def test_results_are_read_without_optuna_and_torch(
    begun: Begun, tmp_path: Path, make_readable: Callable[[StudyFolder, TuneConfig], None]
) -> None:
    folder, config = begun
    make_readable(folder, config)
    shutil.copytree(folder.path, tmp_path / "copy")
    code = (
        "import sys; from pathlib import Path; from core.tuning.results import read_study; "
        f"view = read_study(Path({str(tmp_path / 'copy')!r})); assert len(view.trials) == 1; "
        "assert not {'optuna', 'torch'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def make_readable() -> Callable[[StudyFolder, TuneConfig], None]:
    """Writer of a study of one trial."""

    def make(folder: StudyFolder, config: TuneConfig) -> None:
        write_trial(folder.path, Trial(number=0, values=draw(config, [])))
        told(folder, 0, 0.5)

    return make
