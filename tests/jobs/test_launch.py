"""A launched run is a process of its own that trains, can be stopped, and goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.jobs.follow import log_tail, read_events
from core.jobs.launch import PROJECT, launch, resume
from core.jobs.record import read_record
from core.jobs.state import ACTIVE
from core.jobs.stop import stop
from core.jobs.summary import list_runs, summarise
from core.model.schema import ModelConfig
from core.training.schema import Stage2Config, TrainConfig

# A launched run is nicer than the tests beside it, so on a busy machine it is slow.
PATIENCE_S = 300.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a test launches its run; whatever it left running there is ended."""
    run = tmp_path / "runs" / "first"
    yield run
    stop(run, grace_s=0, term_s=5)


def tiny(dataset: Path, run: Path, epochs: int) -> TrainConfig:
    """A run of seconds."""
    return TrainConfig(
        dataset=dataset,
        run=run,
        model=ModelConfig(backbone="test_resnet", weights="random", input_size=32),
        stage2=Stage2Config(epochs=epochs),
        batch_size=16,
        patience=0,
        threads=1,
        workers=0,
        device="cpu",
    )


def wait_until_ended(run: Path) -> str:
    """Wait until a run is over; return its state."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := summarise(run)).state in ACTIVE:
        assert time.monotonic() < deadline, log_tail(run)
        time.sleep(0.2)
    return found.state


@pytest.mark.slow
def test_a_launched_run_trains_to_its_end(shared_campus: Path, folder: Path) -> None:
    run = launch(tiny(shared_campus, folder, 2))
    record = read_record(run)
    assert record is not None
    assert os.getsid(record.pid) == record.pid != os.getsid(0)
    assert psutil.Process(record.pid).nice() > psutil.Process().nice()
    assert summarise(run).state in {"starting", "running"}
    assert wait_until_ended(run) == "finished", log_tail(run)
    (found,) = list_runs(folder.parent)
    assert (found.epoch, found.epochs) == (2, 2)
    assert found.best is not None
    assert len(read_events(run)) == 2
    assert found.config is not None
    assert found.config.command.startswith(f"python -m core train {shared_campus} --run {run}")
    assert "epoch   2/2" in log_tail(run)


@pytest.mark.slow
def test_a_run_outlives_its_launcher_and_is_stopped_and_resumed(
    shared_campus: Path, folder: Path
) -> None:
    config = tiny(shared_campus, folder, 10_000)
    code = (
        "import sys; from core.jobs.launch import launch; "
        "from core.training.schema import TrainConfig; "
        "launch(TrainConfig.model_validate_json(sys.stdin.read()))"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=PROJECT, start_new_session=True
    )
    launcher.communicate(config.model_dump_json().encode())
    assert launcher.returncode == 0
    deadline = time.monotonic() + PATIENCE_S
    while not read_events(config.run):
        assert time.monotonic() < deadline, log_tail(config.run)
        time.sleep(0.1)
    assert stop(config.run, grace_s=60).state == "cancelled", log_tail(config.run)
    done = len(read_events(config.run))
    assert 0 < done < 10_000
    resume(config.run)
    deadline = time.monotonic() + PATIENCE_S
    while len(read_events(config.run)) <= done:
        assert time.monotonic() < deadline, log_tail(config.run)
        time.sleep(0.1)
    assert stop(config.run, grace_s=60).state == "cancelled", log_tail(config.run)


@pytest.mark.slow
def test_a_launch_that_fails_says_why_and_can_be_mended(
    shared_campus: Path, folder: Path, tmp_path: Path
) -> None:
    run = launch(tiny(tmp_path / "nowhere", folder, 1))
    assert wait_until_ended(run) == "failed"
    assert "nowhere" in summarise(run).message
    assert launch(tiny(shared_campus, folder, 1)) == run
    assert wait_until_ended(run) == "finished", log_tail(run)
