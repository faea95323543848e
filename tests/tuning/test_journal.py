"""The journal outlives the death of its writers."""

import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from core.tuning.folder import StudyFolder
from core.tuning.journal import cut_torn_line
from core.tuning.schema import TuneConfig
from core.tuning.storage import add_trial, distributions, draw, open_study, trials_of

Begun = tuple[StudyFolder, TuneConfig]
_DIES_WITH_THE_LOCK = """
import os, signal, sys
from pathlib import Path
from core.tuning.journal import KernelLock
KernelLock(Path(sys.argv[1])).acquire()
with open(sys.argv[1], "ab") as stream:
    stream.write(b'{"op_code":4,"worker_id":"torn')
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_in_the_middle_of_a_line_blocks_and_spoils_nothing(begun: Begun) -> None:
    folder, config = begun
    study = open_study(folder, folder.read())
    add_trial(study, config, {})
    killed = subprocess.run([sys.executable, "-c", _DIES_WITH_THE_LOCK, str(folder.journal)])
    assert killed.returncode == -9
    assert not folder.journal.read_bytes().endswith(b"\n")
    # A reader sees what was complete.
    assert len(trials_of(open_study(folder, folder.read()))) == 1
    began = time.monotonic()
    add_trial(study, config, {})
    # Optuna's own locks would have to be broken by force, after half a minute.
    assert time.monotonic() - began < 20
    again = open_study(folder, folder.read())
    assert [trial.number for trial in trials_of(again)] == [0, 1]


@pytest.mark.parametrize(
    ("content", "cut"),
    [(b"", 0), (b"a\nb\n", 0), (b"a\nb", 1), (b"torn", 4), (b"a\n" + b"x" * 200_000, 200_000)],
)
def test_only_what_follows_the_last_line_is_cut(tmp_path: Path, content: bytes, cut: int) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    assert cut_torn_line(path) == cut
    assert path.read_bytes() == content[: len(content) - cut]


def test_a_trial_is_recorded_whole_by_one_line(begun: Begun) -> None:
    folder, config = begun
    study = open_study(folder, folder.read())
    before = folder.journal.read_bytes().count(b"\n")
    add_trial(study, config, {"worker": "me"})
    assert folder.journal.read_bytes().count(b"\n") == before + 1
    trial = trials_of(open_study(folder, folder.read()))[0]
    assert trial.state == TrialState.RUNNING
    assert set(trial.params) == set(config.space)
    assert trial.user_attrs == {"worker": "me"}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_draws_depend_on_seed_and_history_not_on_the_process(begun: Begun, sampler: str) -> None:
    folder, config = begun
    config = config.model_copy(update={"sampler": sampler})
    study = open_study(folder, folder.read())
    drawn = []
    for number in range(14):
        once = draw(config, trials_of(study))
        assert once == draw(config, trials_of(study))
        drawn.append(tuple(once.items()))
        study.add_trial(
            optuna.trial.create_trial(
                params=once, distributions=distributions(config.space), value=float(number % 5)
            )
        )
    assert len(set(drawn)) == 14, "no trial is repeated"
    other = config.model_copy(update={"seed": 1})
    assert draw(other, trials_of(study)) != draw(config, trials_of(study))


def test_a_study_in_a_database_keeps_its_trials(begun: Begun, tmp_path: Path) -> None:
    folder, config = begun
    found = folder.read()
    config = config.model_copy(update={"storage": f"sqlite:///{tmp_path / 'studies.db'}"})
    found = found.model_copy(update={"config": config})
    add_trial(open_study(folder, found), config, {})
    other = found.model_copy(update={"name": "another"})
    assert trials_of(open_study(folder, other)) == []
    assert [trial.number for trial in trials_of(open_study(folder, found))] == [0]
    assert not folder.journal.exists()
