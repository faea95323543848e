"""Folds as jobs of their own end as folds in one process do."""

import threading
import time
from pathlib import Path

import pytest

from core.crossval.folder import fold_run, read_config
from core.crossval.report import read_crossval, read_report
from core.crossval.run import cross_validate
from core.errors import RunError
from core.jobs.conductor import ComputeTarget
from core.jobs.job import read_job
from core.jobs.state import ACTIVE
from core.training.interrupt import TrainingInterrupted
from tests.crossval.conftest import tiny_crossval

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forks")]

PATIENCE_S = 300.0


def test_folds_side_by_side_give_the_same_report(
    shared_campus: Path, shared_crossval: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cv"
    report = cross_validate(tiny_crossval(shared_campus, out), target=ComputeTarget(slots=2))
    assert report.summary == read_report(shared_crossval).summary
    job = read_job(fold_run(out, 2).path)
    assert job is not None
    assert (job.kind, job.on) == ("train", "local")


def test_a_stop_reaches_the_fold_at_work_and_those_that_wait(
    shared_campus: Path, tmp_path: Path
) -> None:
    config = tiny_crossval(shared_campus, tmp_path / "cv", stage2={"epochs": 10_000})

    def stop_at_the_first_epoch() -> None:
        deadline = time.monotonic() + PATIENCE_S
        first = fold_run(config.out, 0).path / "events.jsonl"
        while not first.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        (config.out / "stop").touch()

    threading.Thread(target=stop_at_the_first_epoch, daemon=True).start()
    with pytest.raises(TrainingInterrupted, match="--resume"):
        cross_validate(config, target=ComputeTarget(slots=2))
    found = read_crossval(config.out)
    assert found.state == "cancelled"
    assert {fold.state for fold in found.folds} == {"cancelled"}
    assert not any(fold.state in ACTIVE for fold in found.folds)


def test_a_fold_that_fails_is_named_and_the_rest_goes_on(
    finished: Path, shared_crossval: Path
) -> None:
    config = read_config(finished)
    broken = fold_run(finished, 1)
    (finished / "crossval.json").unlink()
    broken.write_status(broken.status().model_copy(update={"state": "cancelled"}))  # type: ignore[union-attr]
    state = next(broken.last.glob("*.json"))
    kept = {path: path.read_bytes() for path in broken.last.iterdir()}
    for path in kept:
        path.write_bytes(b"torn")
    with pytest.raises(RunError, match=r"fold-1 is failed: .*resume"):
        cross_validate(config, resume=True, target=ComputeTarget(slots=2))
    assert read_crossval(finished).state == "failed"
    for path, content in kept.items():
        path.write_bytes(content)
    assert state.exists()
    report = cross_validate(config, resume=True, target=ComputeTarget(slots=2))
    assert report.summary == read_report(shared_crossval).summary
