"""Studies as processes: killed at any moment, and stopped; no trial is lost or repeated."""

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

from core.__main__ import main
from core.jobs.job import own_process, read_job
from core.locks import hold, is_held
from core.training.run_folder import RunFolder
from core.tuning.folder import StudyFolder
from core.tuning.results import StudyView, read_study
from core.tuning.schema import TuneConfig
from core.tuning.study import conduct
from core.tuning.trials import read_trials
from tests.forked import Forks
from tests.inline_jobs import Inline

ROOT = Path(__file__).resolve().parents[2]
TinyStudy = Callable[..., TuneConfig]
Started = Callable[..., "subprocess.Popen[bytes]"]
# Far beyond what any machine needs: these only keep a broken test from waiting for ever.
PATIENCE_S = 600.0


@pytest.fixture
def started(tmp_path: Path, forks: Forks) -> Iterator[Started]:
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
    """End a study's process at once; its trials notice, save and end."""
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
    calm = tiny_study(tmp_path / "calm", sampler="tpe", pruner="median", trials=4)
    with pytest.MonkeyPatch.context() as patch:
        Inline().put_in(patch)
        for _ in conduct(calm):
            pass
    config = tiny_study(tmp_path / "killed", sampler="tpe", pruner="median", trials=4)
    chance = random.Random(5)
    folder = StudyFolder.of(config)
    for kill in range(3):
        process = started(config.study, config=config)
        # Each start gets a trial further.
        _wait(partial(_has_begun, process, folder.job.log_path, kill), "no trial began")
        time.sleep(chance.uniform(0.0, 1.5))
        if kill % 2:
            # A power cut: the trial dies with its study.
            for _, pid in _running(folder):
                os.kill(pid, signal.SIGKILL)
        _kill(process)
        _wait(lambda: not is_held(config.study), "an orphan holds the study")
    assert started(config.study).wait(PATIENCE_S) == 0
    assert _facts(read_study(config.study)) == _facts(read_study(calm.study))
    folders = sorted(path.name for path in folder.trials.iterdir() if path.name[0] != ".")
    assert folders == [f"{number:04d}{end}" for number in range(4) for end in ("", ".json")]


def _has_begun(process: "subprocess.Popen[bytes]", log: Path, trial: int) -> bool:
    said = log.read_text() if log.exists() else ""
    return process.poll() is not None or f"trial {trial} " in said


@pytest.mark.slow
def test_a_trial_that_is_killed_is_continued(
    tiny_study: TinyStudy, started: Started, tmp_path: Path
) -> None:
    config = tiny_study(tmp_path / "study", workers=2, trials=3)
    process = started(config.study, config=config)
    folder = StudyFolder.of(config)
    _wait(lambda: folder.exists and _running(folder), "no trial began")
    os.kill(_running(folder)[0][1], signal.SIGKILL)
    assert process.wait(PATIENCE_S) == 0
    view = read_study(config.study)
    assert [trial.number for trial in view.trials] == list(range(3))
    assert view.counts == {"finished": 3}
    for trial in view.trials:
        assert [event["epoch"] for event in RunFolder(path=view.run(trial.number)).events()] == [
            1,
            2,
        ]


def _running(folder: StudyFolder) -> list[tuple[int, int]]:
    """Trials at work with the numbers of their processes."""
    found = []
    for trial in read_trials(folder.path):
        job = read_job(folder.run(trial.number).path)
        process = None if job is None else own_process(job.start)
        if process is not None and trial.state == "running":
            found.append((trial.number, process.pid))
    return found


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
def test_trials_end_with_the_process_that_conducts_them(
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
    _wait(lambda: not _lives(worker), "the trial lives on")
    status = folder.run(0).status()
    assert status is not None
    assert status.state == "cancelled", "it saved its trial first"


@pytest.mark.slow
def test_a_study_that_is_conducted_elsewhere_is_refused_with_what_to_do(
    tiny_study: TinyStudy, started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny_study(tmp_path / "study", trials=1)
    words = ["tune", "--study", str(config.study), "--config", _file(tmp_path, config)]
    with hold(config.study):
        assert main(words) == 1
    assert "another process conducts study" in capsys.readouterr().err


def _file(tmp_path: Path, config: TuneConfig) -> str:
    path = tmp_path / "given.json"
    path.write_text(config.model_dump_json())
    return str(path)
