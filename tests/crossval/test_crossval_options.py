"""Options of a cross-validation, on the command line and in the queue."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.__main__ import main, make_parser
from core.cli.crossval import _config
from core.crossval.folder import CONFIG, begin, enqueue_crossval, read_config
from core.crossval.schema import CrossvalConfig
from core.errors import RunError
from core.jobs.job import read_job
from core.jobs.queue import queue_of
from core.jobs.summary import list_jobs, list_runs
from core.training.schema import TrainConfig
from tests.crossval.conftest import tiny_crossval


def parsed(*words: str) -> CrossvalConfig:
    return _config(make_parser().parse_args(["crossval", *words]))


def test_flags_of_train_are_those_of_every_fold(tmp_path: Path) -> None:
    config = parsed(
        "data", "--out", str(tmp_path), "--folds", "4", "--split", "visit", "--epochs", "3",
        "--split.gap-minutes", "5", "--no-plots",
    )  # fmt: skip
    assert (config.out, config.folds, config.plots) == (tmp_path, 4, False)
    fold = config.of_fold(2)
    assert type(fold) is TrainConfig
    assert fold.run == tmp_path / "fold-2"
    assert (fold.split.fold, fold.split.folds, fold.split.protocol) == (2, 4, "visit")
    assert (fold.split.gap_minutes, fold.stage2.epochs) == (5.0, 3)
    assert fold.command == config.command
    assert parsed(*config.command.split()[4:]) == config


@pytest.mark.parametrize(
    ("split", "message"),
    [({"fold": 1}, "must stay empty"), ({"protocol": "official"}, "official split has no folds")],
)
def test_what_has_no_folds_is_refused(
    tmp_path: Path, split: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        tiny_crossval(tmp_path, tmp_path, split=split)


def test_mistakes_on_the_command_line_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crossval", "--resume"]) == 1
    assert main(["crossval", "--out", str(tmp_path), "--resume"]) == 1
    assert main(["crossval", "--out", str(tmp_path / "cv")]) == 1
    told = capsys.readouterr().err
    assert "need --out" in told
    assert "holds no cross-validation" in told
    assert "DATASET is required" in told


def test_a_crossval_is_queued_as_one_job(shared_campus: Path, tmp_path: Path) -> None:
    config = tiny_crossval(shared_campus, tmp_path / "runs" / "cv")
    folder = enqueue_crossval(config)
    assert [each.path for each in queue_of(tmp_path / "runs")] == [folder]
    job = read_job(folder)
    assert job is not None
    assert job.command(folder)[0] == ("crossval",)
    assert CrossvalConfig.model_validate(job.options) == config
    (folder / "status.json").touch()
    assert job.command(folder) == (("crossval", "--out", str(folder), "--resume"), {})
    (folder / "status.json").unlink()
    with pytest.raises(RunError, match="queued"):
        enqueue_crossval(config)
    (found,) = list_jobs(tmp_path / "runs")
    assert (found.name, found.kind, found.state) == ("cv", "crossval", "queued")
    assert list_runs(tmp_path / "runs") == []


def test_options_that_an_old_crossval_does_not_say_mean_what_it_did(tmp_path: Path) -> None:
    config = tiny_crossval(tmp_path / "data", tmp_path / "cv")
    begin(config)
    content = json.loads((config.out / CONFIG).read_text())
    del content["config"]["least_steps"]
    (config.out / CONFIG).write_text(json.dumps(content))
    # Else its later folds would be trained by another recipe than its first.
    assert read_config(config.out) == config.model_copy(update={"least_steps": 0})
