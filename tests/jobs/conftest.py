"""Run folders in every state, without training."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.training.run_folder import RunFolder, RunStatus, State
from core.training.schema import TrainConfig

RunMaker = Callable[..., RunFolder]
ProcessMaker = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    """Maker of a run folder with options, epochs and a status: `make_run("first", pid=7)`."""

    def make(
        name: str = "first",
        state: State | None = "running",
        pid: int | None = None,
        process_start: float | None = None,
        epochs: int = 2,
    ) -> RunFolder:
        run = RunFolder(path=tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        run.write_config(TrainConfig(dataset=tmp_path / "campus", run=run.path))
        for epoch in range(1, epochs + 1):
            run.append_event(event(epoch, best=epoch < 2))
        if state is not None:
            number = os.getpid() if pid is None else pid
            begun = psutil.Process(number).create_time() if process_start is None else process_start
            run.write_status(
                RunStatus(
                    state=state,
                    pid=number,
                    process_start=begun,
                    host=platform.node(),
                    heartbeat=time.time(),
                )
            )
        return run

    return make


@pytest.fixture
def spawn() -> Iterator[ProcessMaker]:
    """Starter of a Python process in a session of its own, ended after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        # It says a line when it is ready.
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def event(epoch: int, *, best: bool) -> dict[str, object]:
    """One epoch as training writes it."""
    return {
        "stage": "heads",
        "epoch": epoch,
        "epochs": 30,
        "seconds": 2.5,
        "best": best,
        "validation": {"region_accuracy": 0.5, "median_m": 40.0 / epoch, "maae_deg": 60.0},
    }
