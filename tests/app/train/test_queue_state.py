"""The queue as the app reads it: nothing is left out, nothing stands twice, and it is cheap."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.train.queue_state import Entry, look, options_of
from core.crossval.folder import enqueue_crossval
from core.crossval.schema import CrossvalConfig
from core.jobs.queue import cancel, enqueue, move
from core.jobs.state import run_state
from core.training.run_folder import RunFolder, RunStatus, own_status
from core.training.schema import TrainConfig

MakeRun = Callable[[str, str], Path]


@pytest.fixture
def make(tmp_path: Path) -> MakeRun:
    """Maker of the folder of a run that was begun by hand, in a state."""

    def made(name: str, state: str) -> Path:
        run = RunFolder(path=tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        run.write_config(TrainConfig(dataset=tmp_path / "data", run=run.path))
        run.write_status(RunStatus.model_validate(own_status().model_dump() | {"state": state}))
        return run.path

    return made


def names(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.name for entry in entries]


def queue(root: Path, name: str) -> Path:
    return enqueue(TrainConfig(dataset=root / "data", run=root / "runs" / name, batch_size=24))


def test_an_empty_workspace_has_an_empty_queue(tmp_path: Path) -> None:
    found = look(tmp_path / "runs")
    assert not found.busy
    assert found.summary == ""
    assert found.ended == ()


def test_every_job_stands_in_one_place(tmp_path: Path, make: MakeRun) -> None:
    make("hand", "running")
    make("good", "finished")
    make("torn", "failed")
    for name in ("a", "b", "c"):
        queue(tmp_path, name)
    move(tmp_path / "runs" / "c", -2)
    cancel(tmp_path / "runs" / "b")
    found = look(tmp_path / "runs")
    assert names(found.active) == ["hand"]
    assert [(entry.name, entry.place) for entry in found.waiting] == [("c", 1), ("a", 2)]
    assert set(names(found.ended)) == {"good", "torn", "b"}
    assert found.summary == "1 running, 2 waiting"


def test_what_ended_days_ago_is_no_news(tmp_path: Path, make: MakeRun) -> None:
    for name, age_h in (("new", 1.0), ("old", 30.0), ("older", 300.0)):
        run = RunFolder(path=make(name, "finished"))
        status = run.status()
        assert status is not None
        when = time.time() - age_h * 3600
        run.write_status(status.model_copy(update={"heartbeat": when}))
    assert names(look(tmp_path / "runs").ended) == ["new"]


def test_a_damaged_job_is_shown_as_such_and_hides_no_other(tmp_path: Path, make: MakeRun) -> None:
    (make("torn", "running") / "status.json").write_text("{")
    queue(tmp_path, "a")
    found = look(tmp_path / "runs")
    assert names(found.waiting) == ["a"]
    assert [(entry.name, entry.now.state) for entry in found.ended] == [("torn", "damaged")]


def test_a_lost_run_is_no_longer_at_work(tmp_path: Path, make: MakeRun) -> None:
    run = RunFolder(path=make("gone", "running"))
    status = run.status()
    assert status is not None
    begun = psutil.Process(os.getpid()).create_time() - 1000.0
    run.write_status(status.model_copy(update={"process_start": begun, "after_boot": None}))
    found = look(tmp_path / "runs")
    assert not found.busy
    assert [(entry.name, entry.now.state) for entry in found.ended] == [("gone", "lost")]


def test_options_are_those_that_wait_until_others_are_written(tmp_path: Path) -> None:
    run = queue(tmp_path, "a")
    options = options_of(Entry(run, run_state(run)))
    assert options is not None
    assert options.batch_size == 24
    assert options.run == run


def test_a_cross_validation_lends_the_options_of_its_folds(tmp_path: Path) -> None:
    config = CrossvalConfig(dataset=tmp_path / "data", run=tmp_path / "runs" / "cv", batch_size=8)
    folder = enqueue_crossval(config)
    (entry,) = look(tmp_path / "runs").waiting
    assert entry.kind == "crossval"
    options = options_of(entry)
    assert options is not None
    assert options.batch_size == 8
    assert folder == entry.path
