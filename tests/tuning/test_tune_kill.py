"""Studies as processes: killed at any moment, stopped, shared; no trial is lost or repeated."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from core.locks import is_held
from core.training.run_folder import RunFolder
from core.tuning.claim import WORKER
from core.tuning.folder import StudyFolder
from core.tuning.reading import StudyView, read_study
from core.tuning.schema import TuneConfig
from core.tuning.storage import open_study, trials_of

ROOT = Path(__file__).resolve().parents[2]
TinyStudy = Callable[..., TuneConfig]
Started = Callable[..., "subprocess.Popen[bytes]"]
# Far beyond what any machine needs: these only keep a broken test from waiting for ever.
PATIENCE_S = 600.0


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Starter of `python -m core tune`, in a session of its own; all are ended after the test."""
    crew: list[subprocess.Popen[bytes]] = []

    def start(
        study: Path, *more: str, config: TuneConfig | None = None
    ) -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-m", "core", "tune", "--study", str(study), *more]
        if config is not None:
            options = tmp_path / "options.json"
            options.write_text(config.model_dump_json())
            words += ["--config", str(options)]
        process = subprocess.Popen(
            words, cwd=ROOT, start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        crew.append(process)
        return process

    yield start
    for process in crew:
        _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a study's process and its workers at once, as a power cut does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def _facts(view: StudyView) -> list[tuple[object, ...]]:
    return [(t.number, t.state, t.value, t.epochs, dict(t.values)) for t in view.trials]


@pytest.mark.slow
def test_a_study_killed_again_and_again_ends_as_if_it_had_not_been(
    tiny_study: TinyStudy, started: Started, tmp_path: Path
) -> None:
    calm = tiny_study(tmp_path / "calm", sampler="tpe", pruner="median", trials=6)
    assert started(calm.study, config=calm).wait(PATIENCE_S) == 0
    config = tiny_study(tmp_path / "killed", sampler="tpe", pruner="median", trials=6)
    chance = random.Random(5)
    log = StudyFolder.of(config).job.log_path
    for kill in range(4):
        process = started(config.study, config=config)
        # Each start gets a trial further.
        _wait(partial(_has_begun, process, log, kill), "no trial began")
        time.sleep(chance.uniform(0.0, 1.5))
        _kill(process)
        _wait(lambda: not is_held(config.study), "an orphan holds the study")
    assert started(config.study).wait(PATIENCE_S) == 0
    assert _facts(read_study(config.study)) == _facts(read_study(calm.study))
    folders = sorted(path.name for path in (config.study / "trials").iterdir())
    assert folders == [f"{number:04d}" for number in range(6)]


def _has_begun(process: "subprocess.Popen[bytes]", log: Path, trial: int) -> bool:
    said = log.read_text() if log.exists() else ""
    return process.poll() is not None or f"trial {trial} begins" in said


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_trial_continued(
    tiny_study: TinyStudy, started: Started, tmp_path: Path
) -> None:
    config = tiny_study(tmp_path / "study", workers=2, trials=5)
    process = started(config.study, config=config)
    folder = StudyFolder.of(config)
    _wait(lambda: folder.exists and _running(folder), "no trial began")
    os.kill(_running(folder)[0][1], signal.SIGKILL)
    assert process.wait(PATIENCE_S) == 0
    view = read_study(config.study)
    assert [trial.number for trial in view.trials] == list(range(5))
    assert view.counts == {"finished": 5}
    for trial in view.trials:
        assert [event["epoch"] for event in RunFolder(path=view.run(trial.number)).events()] == [
            1,
            2,
        ]


def _running(folder: StudyFolder) -> list[tuple[int, int]]:
    """Trials at work with the numbers of their processes."""
    if not folder.journal.exists():
        return []
    trials = trials_of(open_study(folder, folder.read()))
    return [
        (trial.number, int(str(trial.user_attrs[WORKER]).rpartition(":")[2]))
        for trial in trials
        if not trial.state.is_finished()
    ]


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_twice_has_failed(
    tiny_study: TinyStudy, started: Started, tmp_path: Path
) -> None:
    # Long enough for any machine: it never ends by itself.
    endless = {"stage2": {"epochs": 10_000}, "patience": 0}
    config = tiny_study(tmp_path / "study", trials=1, train=endless)
    process = started(config.study, config=config)
    folder = StudyFolder.of(config)
    killed: set[int] = set()
    for _ in range(2):
        _wait(lambda: folder.exists and _fresh(folder, killed), "no trial began")
        victim = _fresh(folder, killed)[0]
        killed.add(victim)
        os.kill(victim, signal.SIGKILL)
    assert process.wait(PATIENCE_S) == 1
    trial = read_study(config.study).trials[0]
    assert trial.state == "failed"
    assert "killed 2 times" in trial.reason
    status = folder.job.status()
    assert status is not None
    assert "none of the 1 trials" in status.message


def _fresh(folder: StudyFolder, killed: set[int]) -> list[int]:
    return [pid for _, pid in _running(folder) if pid not in killed]


@pytest.mark.slow
def test_a_stop_file_saves_the_trial_and_the_study_goes_on(
    tiny_study: TinyStudy, started: Started, tmp_path: Path
) -> None:
    endless = {"stage2": {"epochs": 10_000}, "patience": 0}
    config = tiny_study(tmp_path / "study", trials=2, workers=2, train=endless)
    process = started(config.study, config=config)
    folder = StudyFolder.of(config)
    _wait(lambda: folder.exists and len(_running(folder)) == 2, "the trials did not begin")
    runs = [folder.run(number) for number in range(2)]
    _wait(lambda: all(run.events() for run in runs), "no epoch was done")
    pids = [pid for _, pid in _running(folder)]
    folder.job.request_stop()
    assert process.wait(PATIENCE_S) == 130
    status = folder.job.status()
    assert status is not None
    assert (status.state, status.step, status.steps) == ("cancelled", 0, 2)
    assert not any(_lives(pid) for pid in pids), "no worker outlives its study"
    assert not folder.job.stop_requested
    for run in runs:
        own = run.status()
        assert own is not None
        assert own.state == "cancelled"
        assert (run.last / "state.json").is_file()
    before = [len(run.events()) for run in runs]
    again = started(config.study)
    _wait(lambda: all(len(run.events()) > n for run, n in zip(runs, before, strict=True)), "stuck")
    _kill(again)
    assert [trial.state for trial in read_study(config.study).trials] == ["running"] * 2


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(
    tiny_study: TinyStudy, started: Started, tmp_path: Path
) -> None:
    endless = {"stage2": {"epochs": 10_000}, "patience": 0}
    config = tiny_study(tmp_path / "study", trials=1, train=endless)
    process = started(config.study, config=config)
    folder = StudyFolder.of(config)
    _wait(lambda: folder.exists and folder.run(0).events(), "no epoch was done")
    worker = _running(folder)[0][1]
    process.kill()
    process.wait()
    _wait(lambda: not _lives(worker), "the worker lives on")
    status = folder.run(0).status()
    assert status is not None
    assert status.state == "cancelled", "it saved its trial first"


@pytest.mark.slow
@pytest.mark.parametrize("own_workers", [0, 1])
def test_the_same_command_joins_a_study_that_is_conducted_elsewhere(
    tiny_study: TinyStudy, started: Started, tmp_path: Path, own_workers: int
) -> None:
    # Enough that others come while it is under way: they take seconds to import what trains.
    trials = 40
    config = tiny_study(tmp_path / "study", trials=trials, workers=own_workers)
    first = started(config.study, config=config)
    folder = StudyFolder.of(config)
    _wait(lambda: folder.exists and is_held(folder.path), "it did not begin")
    second = started(config.study, config=config)
    third = started(config.study, "--worker")
    assert [each.wait(PATIENCE_S) for each in (first, second, third)] == [0, 0, 0]
    view = read_study(config.study)
    assert [trial.number for trial in view.trials] == list(range(trials))
    assert view.counts == {"finished": trials}
    log = folder.job.log_path.read_text()
    assert [log.count(f"trial {number} begins\n") for number in range(trials)] == [1] * trials
