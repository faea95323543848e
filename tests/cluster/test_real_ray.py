"""Jobs on a real Ray: followed, stopped, resumed here, by workers, trials, folds and photos."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from core.__main__ import main
from core.cluster.record import read_ray
from core.crossval.folder import fold_run
from core.crossval.report import read_report
from core.crossval.run import cross_validate
from core.demo.build import DemoConfig, build_demo
from core.jobs.conductor import ComputeTarget
from core.jobs.runner import PROJECT
from core.jobs.state import log_tail, read_events, run_state
from core.training.run_folder import RunFolder
from tests.crossval.conftest import tiny_crossval
from tests.inline_jobs import Inline

pytestmark = pytest.mark.slow
# Starting Python with Ray and torch takes many seconds on a machine that others use too.
PATIENCE_S = 400.0
TINY = (
    "--backbone", "test_resnet", "--weights", "random", "--input-size", "32", "--batch-size", "16",
    "--patience", "0", "--gallery-points", "0", "--threads", "1", "--workers", "0",
    "--device", "cpu",
)  # fmt: skip

Cluster = SimpleNamespace
Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Started]:
    """Start a command of Bearings; what still runs after the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def command(*words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "core", *words],
            cwd=PROJECT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield command
    for process in started:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for a command; returns its exit code and what it said."""
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def wait_until(true: Callable[[], object], run: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, log_tail(run)
        time.sleep(0.2)


def jobs_of(address: str) -> list[dict[str, Any]]:
    """The jobs that the cluster was ever given to train."""
    with urllib.request.urlopen(f"{address}/api/jobs/", timeout=60) as answer:
        return [job for job in json.load(answer) if job["entrypoint"].endswith("cluster.remote")]


def shorten(run: Path) -> int:
    """Let a run of many epochs end after one more; returns how many it has done."""
    done = len(read_events(run))
    config = RunFolder(path=run).config()
    stage2 = config.stage2.model_copy(update={"epochs": done + 1})
    RunFolder(path=run).write_config(config.model_copy(update={"stage2": stage2}))
    return done


def state_of(run: Path) -> str:
    status = RunFolder(path=run).status()
    return "" if status is None else status.state


def test_a_run_of_two_workers_is_followed_to_its_end(
    ray_cluster: Cluster, shared_campus: Path, runs: Path, start: Started
) -> None:
    run = runs / "first"
    words = ("train", str(shared_campus), "--run", str(run), "--epochs", "2", *TINY)
    code, said = ended(start(*words, "--on", ray_cluster.client_address, "--ray-workers", "2"))
    assert code == 0, said
    assert "epoch   2/2" in said
    assert "epoch   2/2" in log_tail(run)
    assert run_state(run).state == "finished"
    assert len(read_events(run)) == 2
    assert (run / "checkpoints" / "best" / "gallery.json").is_file()
    assert RunFolder(path=run).read_json("environment.json")["processes"] == 2
    assert not (run / ".ray-train").exists()
    record = read_ray(run)
    assert record is not None
    assert record.ended == "SUCCEEDED"


@pytest.mark.usefixtures("forks")
def test_a_killed_follower_is_replaced_and_a_stopped_run_goes_on_here(
    ray_cluster: Cluster, shared_campus: Path, runs: Path, start: Started
) -> None:
    run = runs / "orphan"
    before = len(jobs_of(ray_cluster.address))
    words = ("train", str(shared_campus), "--run", str(run), "--epochs", "10000", *TINY)
    follower = start(*words, "--on", ray_cluster.address)
    wait_until(lambda: read_events(run), run)
    follower.kill()
    follower.wait()
    done = len(read_events(run))
    wait_until(lambda: len(read_events(run)) > done, run)
    code, said = ended(start("train", "--run", str(run), "--resume"))
    assert code == 1
    assert "is being worked on by" in said
    second = start("follow", str(run))
    wait_until(lambda: "following bearings-" in log_tail(run, 2000), run)
    second.send_signal(signal.SIGINT)
    code, said = ended(second)
    assert code == 130, said
    assert state_of(run) == "cancelled"
    # Nothing ran twice.
    assert len(jobs_of(ray_cluster.address)) == before + 1
    assert (run / "checkpoints" / "last" / "state.json").is_file()
    wait_until(lambda: (found := read_ray(run)) is not None and not found.open, run)
    done = shorten(run)
    code, said = ended(start("train", "--run", str(run), "--resume"))
    assert code == 0, said
    assert len(read_events(run)) == done + 1


@pytest.mark.usefixtures("forks")
def test_a_run_that_cannot_begin_says_why(
    ray_cluster: Cluster, tmp_path: Path, runs: Path, start: Started
) -> None:
    run = runs / "nothing"
    nowhere = tmp_path / "nowhere"
    words = ("train", str(nowhere), "--run", str(run), *TINY, "--on", ray_cluster.address)
    code, said = ended(start(*words))
    assert code == 1
    assert f"error: {nowhere} does not exist on" in said
    assert run_state(run).state == "failed"
    assert str(nowhere) in run_state(run).message


@pytest.mark.usefixtures("forks")
def test_two_trials_of_a_search_at_a_time_are_jobs_of_the_cluster(
    ray_cluster: Cluster, shared_campus: Path, runs: Path, start: Started
) -> None:
    study = runs / "study"
    own = {"--batch-size", "--patience", "--gallery-points", "--threads", "--workers", "--device"}
    tiny = [f"--train.{word[2:]}" if word in own else word for word in TINY]
    code, said = ended(
        start(
            "tune", str(shared_campus), "--study", str(study), "--trials", "2",
            "--sampler", "random", "--vary", "stage2.lr_heads=1e-4..1e-2 log", "--epochs", "1",
            *tiny, "--on", ray_cluster.address, "--ray-workers", "2",
        )
    )  # fmt: skip
    assert code == 0, said
    assert state_of(study) == "finished"
    # Every trial is a run of its own, and all were trained to their end.
    trials = sorted(path for path in (study / "trials").glob("0*") if path.is_dir())
    assert [trial.name for trial in trials] == ["0000", "0001"]
    assert {state_of(trial) for trial in trials} == {"finished"}
    rates = {RunFolder(path=trial).config().stage2.lr_heads for trial in trials}
    assert len(rates) == 2
    records = [read_ray(trial) for trial in trials]
    assert all(record and record.address == ray_cluster.address for record in records)


@pytest.mark.usefixtures("forks")
def test_folds_of_a_crossval_are_pooled_here(
    ray_cluster: Cluster, shared_campus: Path, tmp_path: Path
) -> None:
    split = {"folds": 2}
    here = tiny_crossval(shared_campus, tmp_path / "here", split=split, stage2={"epochs": 1})
    there = here.model_copy(update={"run": tmp_path / "there"})
    report = cross_validate(there, target=ComputeTarget(None, ray_cluster.address, {"cpus": 1.0}))
    for number in range(2):
        record = read_ray(fold_run(there.out, number).path)
        assert record is not None
        assert record.address == ray_cluster.address
    with pytest.MonkeyPatch.context() as patch:
        Inline().put_in(patch)
        cross_validate(here)
    same = read_report(here.out).summary
    assert report.summary.keys() == same.keys()
    # A job there has as many threads as CPUs, which rounds the last digits otherwise.
    for name, spread in report.summary.items():
        assert spread.values == pytest.approx(same[name].values, rel=1e-3), name


@pytest.mark.usefixtures("forks")
def test_photos_are_predicted_as_here_and_none_is_lost(
    ray_cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = PROJECT / "checkpoints" / "demo-campus"
    photos = build_demo(DemoConfig(out=tmp_path / "demo", photos=4, seed=7, workers=1)) / "images"
    noise = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
    Image.fromarray(noise).save(photos / "noise.png")
    (photos / "cut.jpg").write_bytes((photos / "img_000000.jpg").read_bytes()[:900])
    out, here = tmp_path / "there", tmp_path / "here.csv"
    words = ("predict", str(model))
    on = ("--on", ray_cluster.address, "--ray-workers", "1", "--device", "cpu")
    assert main([*words, photos.as_uri(), "--out", str(out), *on]) == 1
    assert "6 photos written to" in capsys.readouterr().err
    assert main([*words, str(photos), "--format", "csv", "--out", str(here)]) == 1
    there = {row["filename"]: row for row in pyarrow.parquet.read_table(out).to_pylist()}
    assert {name for name, row in there.items() if row.pop("error") is not None} == {"cut.jpg"}
    with here.open(encoding="utf-8") as stream:
        expected = {row["filename"]: row for row in csv.DictReader(stream)}
    assert sorted([*expected, "cut.jpg"]) == sorted(there)
    assert [name for name, row in there.items() if row["refused"]] == ["noise.png"]
    for name, row in expected.items():
        assert list(row) == list(there[name])
        for column, text in row.items():
            assert same(there[name][column], text), (name, column, text, there[name][column])


def same(value: object, text: str) -> bool:
    """Whether a value of a table is that of a CSV."""
    if isinstance(value, float):
        return float(text) == pytest.approx(value, abs=1e-4)
    return text == ("" if value is None else str(value))
