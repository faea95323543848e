"""The lineage of runs and checkpoints, from their files."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.__main__ import main
from core.dataset.labels import labels_hash, read_dataset
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.files import read_object, write_json
from core.jobs.job import Job
from core.lineage.read import Fact, lineage
from core.training.run_folder import RunFolder
from tests.app.run_folders import write_run


def texts(facts: Iterable[Fact]) -> dict[str, str]:
    return {fact.title: fact.text for fact in facts}


def test_a_run_names_its_data_split_code_checkpoints_and_evaluations(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(shared_campus)
    run = write_run(tmp_path, "first", dataset=str(shared_campus)).path
    shutil.copytree(checkpoint, run / "checkpoints" / "best")
    shutil.copy(checkpoint / "split.json", run / "split.json")
    git = {"commit": "0123456789abcdef", "changed": True}
    data = {"labels_hash": labels_hash(dataset), "photos": len(dataset), "repairs": 2}
    write_json(run / "environment.json", {"versions": {"torch": "2.1"}, "git": git, "data": data})
    with (run / "log.txt").open("a", encoding="utf-8") as log:
        log.write("2026-05-04T10:00:00+00:00 training goes on after epoch 2 on cpu\n")
    out = run / "reports" / "demo-test"
    evaluate(EvaluateConfig(run=run, dataset=shared_campus, out=out, plots=False))
    found = lineage(run, [checkpoint], dataset)
    sources, results = texts(found.sources), texts(found.results)
    assert sources["Labels"] == f"hash {data['labels_hash'][:12]}, unchanged since"
    assert sources["Repairs"] == "2 accepted repairs were applied"
    assert sources["Split"].startswith("spot, seed 0, hash ")
    assert sources["Code"] == "torch 2.1, commit 0123456789ab with changes"
    assert sources["Resumed"].endswith("after epoch 2")
    assert "Photos since" not in sources
    assert results["Best checkpoint"].split(", ")[0].startswith("model-") or (
        "epoch" in results["Best checkpoint"]
    )
    assert results["Evaluation"].startswith("demo-test: ")
    assert results["Same weights"] == checkpoint.name
    write_json(run / "environment.json", {"data": data | {"labels_hash": "0" * 64}})
    assert texts(lineage(run, dataset=dataset).sources)["Labels"].endswith("CHANGED since")


def test_a_retry_names_its_origin_and_the_options_that_were_changed(
    checkpoint: Path, tmp_path: Path
) -> None:
    first, again = (write_run(tmp_path, name).path for name in ("first", "again"))
    shutil.copy(checkpoint / "split.json", again / "split.json")
    job = Job.training(RunFolder(path=again).config(), origin=first)
    write_json(again / "job.json", job.model_dump(mode="json"))
    assert texts(lineage(again).sources)["Retry of"] == "first, with no option changed"
    config = read_object(first / "config.json") or {}
    write_json(first / "config.json", config | {"batch_size": 7})
    assert texts(lineage(again).sources)["Retry of"] == "first, with batch_size changed"
    shutil.rmtree(first)
    assert texts(lineage(again).sources)["Retry of"] == "first, which is no longer there"


def test_a_fold_names_its_cross_validation_and_the_command_line_tells_the_same(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fold = write_run(tmp_path, "cv").path
    inside = fold / "fold-1"
    write_run(tmp_path, "fold-1").path.rename(inside)
    (inside / "split.json").unlink()
    write_json(fold / "crossval-config.json", {})
    assert texts(lineage(inside).sources)["Part of"] == "fold-1 of the cross-validation cv"
    assert main(["runs", "lineage", str(checkpoint)]) == 0
    shown = capsys.readouterr().out
    assert "Comes from\n" in shown
    assert "Network: test_resnet at 64 px" in shown
    assert main(["runs", "lineage", str(tmp_path)]) == 1
    assert "holds no run and no checkpoint" in capsys.readouterr().err
