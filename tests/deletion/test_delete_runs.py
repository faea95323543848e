"""Deleting runs: what goes, what is refused, and that nothing half deleted is listed."""

import shutil
from pathlib import Path

import pytest

from core.deletion import runs
from core.deletion.runs import contents_of
from core.errors import RunError
from core.files import write_json
from core.jobs.job import Job
from core.jobs.summary import list_runs
from core.locks import LockHeld, hold
from tests.app.run_folders import write_run


def delete_runs(paths: list[Path]) -> None:
    """Delete runs of a workspace that keeps no arrangement of photos."""
    runs.delete_runs(paths, Path("no such folder"))


def test_all_that_lies_in_a_run_goes_with_it(tmp_path: Path) -> None:
    run = write_run(tmp_path, "first").path
    for checkpoint in ("best", "last"):
        write_json(run / "checkpoints" / checkpoint / "card.json", {})
    write_json(run / "reports" / "demo-test" / "report.json", {})
    found = contents_of(run)
    assert found.kind_title == "training run"
    assert found.parts == (
        "the figures of 2 epochs",
        "2 checkpoints: best, last",
        "1 report with predictions: demo-test",
    )
    assert found.files == sum(1 for path in run.rglob("*") if path.is_file())
    delete_runs([run])
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_job_that_runs_or_waits_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, "first", state="running").path
    with pytest.raises(RunError, match="is running: cancel it first"):
        delete_runs([run])
    run = write_run(tmp_path, "second").path
    with hold(run), pytest.raises(RunError, match="is running: cancel it first"):
        delete_runs([run])
    waiting = tmp_path / "runs" / "third"
    waiting.mkdir()
    Job(kind="train", arguments=("train",)).write(waiting)
    with pytest.raises(RunError, match="waits in the queue: cancel it first"):
        delete_runs([waiting])
    with pytest.raises(RunError, match="first is running"):
        delete_runs([run, tmp_path / "runs" / "first"])
    left = {path.name for path in (tmp_path / "runs").iterdir()}
    assert left == {"first", "second", "third"}, "one that is refused keeps all"


def test_a_study_goes_with_its_trials_unless_one_of_them_runs(tmp_path: Path) -> None:
    study = tmp_path / "runs" / "search"
    write_json(study / "study.json", {})
    trial = write_run(tmp_path, "0001", state="running").path
    (study / "trials").mkdir()
    trial = trial.rename(study / "trials" / "0001")
    with pytest.raises(RunError, match="0001 is running"):
        delete_runs([study])
    shutil.rmtree(trial)
    write_run(tmp_path, "0002").path.rename(study / "trials" / "0002")
    assert contents_of(study).kind_title == "search for options"
    assert contents_of(study).parts == ("1 run inside: 0002",)
    delete_runs([study])
    assert not study.exists()


def test_a_run_that_is_started_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path, "first").path
    monkeypatch.setattr(runs, "_check_ended", lambda path: None)
    with hold(run), pytest.raises(LockHeld, match="started meanwhile"):
        delete_runs([run])
    assert [each.name for each in list_runs(tmp_path / "runs")] == ["first"]


def test_a_kill_in_the_middle_leaves_nothing_in_lists_and_is_cleared_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (write_run(tmp_path, name).path for name in ("first", "second"))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", _killed)
        with pytest.raises(KeyboardInterrupt):
            delete_runs([first])
    assert [each.name for each in list_runs(tmp_path / "runs")] == ["second"]
    delete_runs([second])
    assert list((tmp_path / "runs").iterdir()) == []


def _killed(folder: Path) -> None:
    raise KeyboardInterrupt


def test_only_runs_are_deleted_and_damaged_ones_too(tmp_path: Path) -> None:
    other = tmp_path / "photos"
    other.mkdir()
    with pytest.raises(RunError, match="holds no run"):
        delete_runs([other])
    run = write_run(tmp_path, "first").path
    (tmp_path / "link").symlink_to(run)
    with pytest.raises(RunError, match="is a link"):
        delete_runs([tmp_path / "link"])
    (run / "status.json").write_text("{", encoding="utf-8")
    delete_runs([run])
    assert not run.exists()


def test_a_checkpoint_that_stands_alone_goes_but_never_the_shipped_one(tmp_path: Path) -> None:
    shipped, mine = (tmp_path / "checkpoints" / name for name in ("demo-campus", "mine"))
    best = write_run(tmp_path, "first").path / "checkpoints" / "best"
    for checkpoint in (shipped, mine, best):
        write_json(checkpoint / "card.json", {})
    write_json(mine / "reports" / "demo-test" / "report.json", {})
    found = contents_of(mine)
    assert (found.kind_title, found.files) == ("model", 2)
    assert found.parts == (
        "its network, its gallery of training photos and its calibration",
        "1 report with predictions: demo-test",
    )
    with pytest.raises(RunError, match="ships with Bearings"):
        delete_runs([mine, shipped])
    with pytest.raises(RunError, match="is a part of the run first: delete the run"):
        delete_runs([best])
    assert all(path.exists() for path in (mine, shipped, best))
    delete_runs([mine])
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["demo-campus"]
