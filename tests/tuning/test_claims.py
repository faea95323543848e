"""No trial is taken twice, none is left lying, and never are there more than were asked for."""

import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState

from core.locks import Lock, hold
from core.tuning.claim import claim_trial, is_left
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.storage import open_study, trials_of

Begun = tuple[StudyFolder, TuneConfig]
_CLAIMS = """
import sys, time
from pathlib import Path
from core.tuning.claim import claim_trial
from core.tuning.folder import StudyFolder
from core.tuning.storage import open_study
folder = StudyFolder(path=Path(sys.argv[1]))
found = folder.read()
study = open_study(folder, found)
kept = []
while (claim := claim_trial(study, folder, found.config)) is not None:
    kept.append(claim)
    print(claim.number, flush=True)
print("all", flush=True)
sys.stdin.read()
"""


def _claimer(folder: StudyFolder) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _CLAIMS, str(folder.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _told(process: "subprocess.Popen[str]") -> list[int]:
    assert process.stdout is not None
    found = []
    while (line := process.stdout.readline().strip()) != "all":
        assert line, "it died"
        found.append(int(line))
    return found


def test_several_processes_never_take_one_trial_twice(begun: Begun) -> None:
    folder, config = begun
    folder.begin(config.model_copy(update={"trials": 24}))
    crew = [_claimer(folder) for _ in range(3)]
    taken = [_told(process) for process in crew]
    for process in crew:
        process.communicate("")
    assert sorted(number for own in taken for number in own) == list(range(24))
    trials = trials_of(open_study(folder, folder.read()))
    assert len(trials) == 24
    assert len({tuple(trial.params.items()) for trial in trials}) > 20


def test_the_trials_of_a_killed_worker_are_adopted_before_new_ones_are_drawn(begun: Begun) -> None:
    folder, config = begun
    process = _claimer(folder)
    assert _told(process) == [0, 1, 2]
    study = open_study(folder, folder.read())
    assert claim_trial(study, folder, config) is None, "its worker lives"
    assert not is_left(folder, 1)
    process.kill()
    process.communicate()
    more = config.model_copy(update={"trials": 4})
    claims = [claim_trial(study, folder, more) for _ in range(5)]
    found = [(claim.number, claim.adopted) for claim in claims if claim is not None]
    assert found == [(0, True), (1, True), (2, True), (3, False)]


def test_a_trial_that_ends_while_its_claim_is_waited_for_is_not_adopted(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = begun
    study = open_study(folder, folder.read())
    first = claim_trial(study, folder, config)
    assert first is not None

    def ending(path: Path, patience_s: float = 1.0) -> Lock:
        # Between the look at the list and the lock, its worker tells the end and lets go.
        if path.resolve() == folder.claim(0).resolve() and not ended:
            ended.append(study.tell(0, 1.0))
            first.lock.close()
        return take(path, patience_s)

    ended: list[object] = []
    take = Lock.take
    monkeypatch.setattr("core.tuning.claim.Lock.take", ending)
    second = claim_trial(study, folder, config)
    assert second is not None
    assert (second.number, second.adopted) == (1, False)
    assert ended


def test_a_run_that_somebody_trains_by_hand_is_left_alone(begun: Begun) -> None:
    folder, config = begun
    study = open_study(folder, folder.read())
    first = claim_trial(study, folder, config)
    assert first is not None
    first.lock.close()
    with hold(folder.run(0).path):
        assert not is_left(folder, 0)
        second = claim_trial(study, folder, config)
        assert second is not None
        assert second.number == 1
    assert is_left(folder, 0)


def test_a_grid_shared_by_workers_is_walked_once(begun: Begun) -> None:
    folder, config = begun
    space = {path: one for path, one in config.space.items() if path != "stage2.lr_heads"}
    config = config.model_copy(update={"sampler": "grid", "space": space, "trials": None})
    study = open_study(folder, folder.read())
    for _ in range(config.planned):
        assert claim_trial(study, folder, config) is not None
    assert claim_trial(study, folder, config) is None
    trials = trials_of(study)
    assert len({tuple(sorted(trial.params.items())) for trial in trials}) == config.planned == 6


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.FAIL])
def test_what_has_ended_is_not_taken_again(begun: Begun, state: TrialState, tmp_path: Path) -> None:
    folder, config = begun
    study = open_study(folder, folder.read())
    claim = claim_trial(study, folder, config)
    assert claim is not None
    study.tell(0, 1.0 if state == TrialState.COMPLETE else None, state=state)
    claim.lock.close()
    following = claim_trial(study, folder, config)
    assert following is not None
    assert (following.number, following.adopted) == (1, False)
