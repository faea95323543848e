import json
import os
from pathlib import Path

import pytest

from core.errors import CheckpointError, ConfigError, RunError
from core.runs import (
    best_of,
    find_checkpoint,
    free_folder,
    home_of,
    home_of_report,
    is_run,
    last_of,
    report_folder,
    report_folders,
    run_of,
    split_file,
    trained_dataset,
)


def _file(path: Path, content: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def test_a_run_is_a_folder_with_options_or_a_job(tmp_path: Path) -> None:
    assert not is_run(tmp_path)
    _file(tmp_path / "queued" / "job.json")
    _file(tmp_path / "begun" / "config.json")
    assert is_run(tmp_path / "queued")
    assert is_run(tmp_path / "begun")


def test_a_checkpoint_belongs_to_the_run_around_it(tmp_path: Path) -> None:
    run, alone = tmp_path / "runs" / "one", tmp_path / "checkpoints" / "demo-campus"
    assert run_of(best_of(run)) == run == home_of(last_of(run)) == home_of(run)
    # A project's own folder of checkpoints is called like that of a run.
    assert run_of(alone) is None
    assert home_of(alone) == alone


def test_a_path_means_itself_or_a_runs_best_or_its_last(tmp_path: Path) -> None:
    run = tmp_path / "one"
    with pytest.raises(CheckpointError, match="nothing at"):
        find_checkpoint(run)
    run.mkdir()
    with pytest.raises(CheckpointError, match=r"nor checkpoints/best/card\.json"):
        find_checkpoint(run)
    for checkpoint in (last_of(run), best_of(run)):
        _file(checkpoint / "card.json")
        assert find_checkpoint(run) == find_checkpoint(checkpoint) == checkpoint


def test_a_checkpoint_has_a_split_of_its_own_once_its_run_has_ended(tmp_path: Path) -> None:
    best, alone = best_of(tmp_path / "one"), tmp_path / "checkpoints" / "alone"
    assert split_file(best) == tmp_path / "one" / "split.json"
    own = _file(best / "split.json")
    assert split_file(best) == own
    assert split_file(alone) == alone / "split.json"


def test_reports_lie_with_the_run_or_with_the_checkpoint_that_stands_alone(tmp_path: Path) -> None:
    run, alone = tmp_path / "runs" / "one", tmp_path / "checkpoints" / "demo-campus"
    older = _file(report_folder(run, tmp_path / "campus", "test") / "report.json")
    newer = _file(report_folder(run, tmp_path / "campus", "val") / "report.json")
    unfinished = run / "reports" / "half"
    unfinished.mkdir()
    shipped = _file(alone / "report" / "report.json")
    os.utime(older, (1, 1))
    assert report_folders(run) == report_folders(best_of(run)) == [newer.parent, older.parent]
    assert [path.name for path in report_folders(run)] == ["campus-val", "campus-test"]
    assert report_folders(alone) == [shipped.parent]
    assert [home_of_report(path.parent) for path in (newer, shipped)] == [run, alone]
    assert home_of_report(tmp_path / "elsewhere") == tmp_path / "elsewhere"


def test_a_run_knows_its_dataset_and_a_checkpoint_alone_does_not(tmp_path: Path) -> None:
    config = _file(tmp_path / "one" / "config.json", json.dumps({"dataset": "campus"}))
    assert trained_dataset(best_of(tmp_path / "one")) == Path("campus")
    with pytest.raises(ConfigError, match="without a run"):
        trained_dataset(tmp_path / "alone")
    for damaged in ("{", "[]", "{}", json.dumps({"dataset": 3})):
        config.write_text(damaged)
        with pytest.raises(RunError, match=r"is damaged.*name the dataset folder"):
            trained_dataset(tmp_path / "one")


def test_a_free_folder_takes_the_first_free_number(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert free_folder(runs, "campus") == runs / "campus-1"
    (runs / "campus-1").mkdir(parents=True)
    (runs / "campus-3").mkdir()
    assert free_folder(runs, "campus") == runs / "campus-2"
    assert free_folder(runs, "campus", 3) == runs / "campus-4"
