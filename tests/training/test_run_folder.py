"""The run folder and its status, as others read them."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.errors import RunError
from core.training.run_folder import RunFolder, existing_run, new_run
from core.training.schema import TrainConfig
from core.training.status import is_alive, own_status


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig(dataset=tmp_path / "data", run=tmp_path / "run")


def test_options_survive_the_file(config: TrainConfig) -> None:
    run = new_run(config)
    assert run.config() == config


def test_a_folder_with_content_is_refused_with_advice(config: TrainConfig) -> None:
    config.run.mkdir()
    (config.run / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"another --run.*--resume"):
        new_run(config)
    assert [path.name for path in config.run.iterdir()] == ["notes.txt"]


def test_a_file_in_place_of_the_folder_is_refused(config: TrainConfig) -> None:
    config.run.write_text("")
    with pytest.raises(RunError, match="is a file"):
        new_run(config)


def test_a_log_opened_by_the_launcher_is_no_content(config: TrainConfig) -> None:
    config.run.mkdir()
    (config.run / "log.txt").write_text("")
    assert new_run(config).path == config.run


def test_damaged_options_and_status_are_named(config: TrainConfig) -> None:
    run = new_run(config)
    (run.path / "config.json").write_text('{"dataset": 3}')
    with pytest.raises(RunError, match=r"config\.json is damaged"):
        run.config()
    (run.path / "status.json").write_text("{")
    with pytest.raises(RunError, match=r"status\.json is damaged"):
        run.status()


def test_a_running_run_cannot_be_resumed(config: TrainConfig) -> None:
    run = new_run(config)
    run.write_status(own_status())
    with pytest.raises(RunError, match=f"process {os.getpid()}"):
        existing_run(config)


def test_a_run_whose_process_died_can_be_resumed(config: TrainConfig) -> None:
    run = new_run(config)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(dead.pid).create_time()
    dead.wait()
    run.write_status(own_status().model_copy(update={"pid": dead.pid, "process_start": started}))
    assert existing_run(config) == run


def test_a_process_number_given_again_is_another_process() -> None:
    status = own_status()
    assert is_alive(status)
    assert not is_alive(status.model_copy(update={"process_start": status.process_start - 60.0}))


def test_where_and_how_fast_may_change_on_resume(config: TrainConfig) -> None:
    run = new_run(config)
    moved = config.model_copy(update={"device": "cpu", "workers": 0, "dataset": Path("moved")})
    assert existing_run(moved) == run


def test_an_old_request_to_stop_is_forgotten_on_resume(config: TrainConfig) -> None:
    run = new_run(config)
    run.request_stop()
    assert run.stop_requested
    existing_run(config)
    assert not run.stop_requested


def test_events_of_a_torn_line_are_left_for_later(config: TrainConfig) -> None:
    run = RunFolder(path=new_run(config).path)
    run.append_event({"epoch": 1})
    with (run.path / "events.jsonl").open("a") as stream:
        stream.write('{"epoch": 2, "st')
    assert run.events() == [{"epoch": 1}]
