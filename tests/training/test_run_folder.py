"""The run folder and its status, as others read them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.errors import RunError
from core.jobs.job import own_process
from core.locks import LockHeld, hold
from core.training.run_folder import RunFolder, living_process, opened_run, own_status
from core.training.schema import TrainConfig


def new_run(config: TrainConfig) -> RunFolder:
    with opened_run(config, resume=False) as run:
        return run


def existing_run(config: TrainConfig) -> RunFolder:
    with opened_run(config, resume=True) as run:
        return run


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig(dataset=tmp_path / "data", run=tmp_path / "run")


def test_options_survive_the_file(config: TrainConfig) -> None:
    run = new_run(config)
    assert run.config() == config


def test_options_that_an_old_run_does_not_say_mean_what_it_did(config: TrainConfig) -> None:
    run = new_run(config)
    options = json.loads((run.path / "config.json").read_text())
    for name in ("least_steps", "gallery_whiten", "gallery_points", "tta"):
        del options[name]
    for name in ("place_anchors", "position_head", "heading_head", "region_from_places"):
        del options["model"][name]
    (run.path / "config.json").write_text(json.dumps(options))
    old = run.config()
    assert (old.least_steps, old.gallery_whiten, old.tta.views) == (0, 0.0, 1)
    assert old.gallery_points == 0
    assert not old.model.reads_places
    assert old.model.place_anchors == 0
    assert old.stage2 == config.stage2


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


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_at_work_is_left_alone(config: TrainConfig, resume: bool) -> None:
    run = new_run(config)
    before = (run.path / "config.json").read_bytes()
    opened = opened_run(config.model_copy(update={"device": "cpu"}), resume)
    with hold(config.run), pytest.raises(LockHeld, match="in use by another process"):
        opened.__enter__()
    assert (run.path / "config.json").read_bytes() == before


def test_a_run_whose_process_died_can_be_resumed(config: TrainConfig) -> None:
    code = (
        "import os, sys; from core.training.run_folder import opened_run; "
        "from core.training.schema import TrainConfig; "
        "config = TrainConfig.model_validate_json(sys.argv[1]); "
        "opened_run(config, False).__enter__(); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", code, config.model_dump_json()], check=False)
    assert died.returncode == -9
    assert existing_run(config).config() == config


def test_no_run_is_made_where_none_can_go_on(config: TrainConfig) -> None:
    with pytest.raises(RunError, match="holds no run"):
        existing_run(config)
    assert not config.run.exists()


def test_a_process_number_given_again_is_another_process() -> None:
    status = own_status()
    found = living_process(status.pid, status.process_start)
    assert found is not None
    assert found.pid == os.getpid()
    assert living_process(status.pid, status.process_start - 60.0) is None
    assert status.after_boot is not None
    before = (status.process_start - 60.0, status.after_boot - 60.0)
    assert living_process(status.pid, *before) is None


@pytest.mark.parametrize("seconds", [1.0, -1.0, 3600.0, -86400.0])
def test_a_process_is_the_same_after_the_clock_was_set(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = own_status()
    # Linux adds the start of the machine by the clock of now; so does psutil.
    create_time, boot_time = psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) + seconds)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() + seconds)
    assert own_process(status) is not None
    # Other systems keep the start as the clock was then, and reckon that of the machine anew.
    monkeypatch.setattr(psutil.Process, "create_time", create_time)
    assert own_process(status) is not None


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
