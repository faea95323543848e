"""The benchmark of a GPU: whatever a check does, the others are made and the report is written."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import __main__ as benchmark
from benchmarks.gpu import conduct, speed
from benchmarks.gpu.__main__ import copy_few, main
from benchmarks.gpu.checks import (
    Check,
    Outcome,
    Recorder,
    Settings,
    read_outcomes,
    time_for,
)
from benchmarks.gpu.plan import NOT_SHOWN, plan
from benchmarks.gpu.report import JSON, MARKDOWN, markdown
from core.__main__ import main as command_line
from core.dataset.labels import read_dataset
from tests.benchmarks.gpu_worker import CHECKS
from tests.conftest import CampusMaker

ROOT = Path(__file__).resolve().parents[2]


def _settings(work: Path, **changes: object) -> Settings:
    values: dict[str, object] = {
        "demo": work,
        "few": work,
        "work": work,
        "device": "cuda",
        "gpus": 1,
        "dry": False,
        "deadline": time.time() + 600.0,
        "models": ("resnet34",),
        "batch_size": 64,
    }
    return Settings.model_validate(values | changes)


@pytest.mark.usefixtures("forks")
def test_what_goes_wrong_in_one_check_is_recorded_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "_OVERRUN_S", 1.0)
    outcomes = conduct.run_checks(
        _settings(tmp_path), CHECKS, tmp_path, worker="tests.benchmarks.gpu_worker"
    )
    assert [(each.name, each.state) for each in outcomes] == [
        ("right", "ok"),
        ("wrong", "failed"),
        ("not-run", "not run"),
        ("broken", "failed"),
        ("dying", "failed"),
        ("last", "ok"),
        ("endless", "too long"),
        ("after", "ok"),
        ("late", "left out"),
    ]
    by = {each.name: each for each in outcomes}
    assert by["right"].figures == by["after"].figures == {"photos_per_s": 2587.1}
    assert by["wrong"].reason == "the losses differ"
    assert by["not-run"].reason == "it needs two GPUs"
    assert by["broken"].reason.endswith("ZeroDivisionError: by zero")
    assert by["dying"].reason == "its process ended with code 7: the driver is gone"
    assert "ZeroDivisionError" in (tmp_path / "log.txt").read_text()
    # What was measured before the end is kept.
    assert by["broken"].figures == {"before": 1}
    assert by["endless"].figures == {"rounds": 3}
    assert by["late"].reason == "no time was left"


def test_when_the_time_is_over_the_rest_is_left_out_by_name(tmp_path: Path) -> None:
    checks = [Check(each.name, each.title, 1.0, each.run, 5.0) for each in CHECKS[:3]]
    events = tmp_path / "events.jsonl"
    conduct.work(_settings(tmp_path, deadline=time.time() + 4.0), checks, events)
    outcomes = read_outcomes(events, checks)
    assert [each.state for each in outcomes] == ["left out"] * 3


def test_a_check_gets_its_share_of_the_time_that_is_left() -> None:
    checks = [Check(str(share), "", share, CHECKS[0].run) for share in (10.0, 30.0, 60.0)]
    assert time_for(checks[0], checks, 200.0) == pytest.approx(20.0)
    assert time_for(checks[1], checks[1:], 90.0) == pytest.approx(30.0)
    assert time_for(checks[2], checks[2:], 45.0) == pytest.approx(45.0)


def test_an_epoch_of_one_step_has_no_later_steps(tmp_path: Path) -> None:
    speed._record_first(Recorder(tmp_path / "events.jsonl", "speed"), 1.0, [3.0])
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    assert json.loads(line)["figure"] == "seconds_until_the_first_step_ended"


def test_the_plan_names_a_check_once_and_fits_into_eight_minutes(tmp_path: Path) -> None:
    checks = plan(_settings(tmp_path, models=("resnet34", "efficientnet_b0")))
    names = [check.name for check in checks]
    assert len(names) == len(set(names))
    assert "throughput-resnet34" in names
    for number, check in enumerate(checks):
        # With all of its time used by each check before it, none is left out.
        share = time_for(check, checks[number:], 450.0 * sum(c.share for c in checks[number:])
                         / sum(c.share for c in checks))  # fmt: skip
        assert share >= check.least_s or check.name in ("batchnorm", "folds", "trials")


def test_the_report_names_what_was_not_run_and_why() -> None:
    head = {
        "dry": True,
        "command": "python -m benchmarks.gpu --dry",
        "seconds": 61.0,
        "commit": "abc",
        "photos": 120,
        "machine": {"card": "CPU", "gpus": 0, "cores": 2, "versions": {"torch": "2.11"}},
        "not_shown": list(NOT_SHOWN),
    }
    outcomes = [
        Outcome("a", "A speed", "ok", "", 3.0, {"share_of_bare_step": 0.9012, "rounds": 4}),
        Outcome("b", "A second GPU", "not run", "there is one|only", 0.0),
    ]
    text = markdown(head, outcomes)
    assert "Its figures say nothing about a GPU" in text
    assert "| A second GPU | not run | 0 | there is one\\|only |" in text
    assert "| share of bare step | 90.1% |" in text
    assert "torch 2.11" in text
    assert NOT_SHOWN[0] in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_without_a_gpu_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--out", str(tmp_path)])
    assert left.value.code == 2
    assert "no CUDA device; --dry" in capsys.readouterr().err


def test_a_part_of_the_campus_is_a_campus(small_campus: Path, tmp_path: Path) -> None:
    copy_few(small_campus, tmp_path / "few", 10)
    whole, few = read_dataset(small_campus), read_dataset(tmp_path / "few")
    assert len(few) == 10
    names = whole.table["photo_id"].tolist()[:10]
    assert few.table["photo_id"].tolist() == names
    assert (few.positions == whole.positions[:10]).all()
    for name in names:
        assert (tmp_path / "few" / name).read_bytes() == (small_campus / name).read_bytes()


def test_a_demo_that_is_absent_is_rendered_by_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **options: Any) -> None:  # noqa: ANN401
        assert options["check"]
        assert command[:3] == [sys.executable, "-m", "core"]
        assert command_line([*command[3:], "--seed", "3", "--workers", "1"]) == 0

    monkeypatch.setattr(subprocess, "run", run)
    assert benchmark._demo(tmp_path / "demo", 2) == 2
    monkeypatch.delattr(subprocess, "run")
    assert benchmark._demo(tmp_path / "demo", 9) == 2


@pytest.mark.slow
def test_a_dry_run_makes_every_check(make_campus: CampusMaker, tmp_path: Path) -> None:
    demo = make_campus(tmp_path / "demo")
    words = ["benchmarks.gpu", "--dry", "--demo", str(demo), "--out", str(tmp_path)]
    # In a process of its own: as forks of the tests, after trainings by several processes, its
    # folds and trials found no options in their input.
    subprocess.run(
        [sys.executable, "-m", "tests.forked", str(tmp_path / "forks"), *words],
        cwd=ROOT,
        check=True,
    )
    report = json.loads((tmp_path / JSON).read_text())
    states = {each["name"]: each["state"] for each in report["checks"]}
    assert states.pop("batchnorm") == "not run"
    assert set(states.values()) == {"ok"}
    assert len(states) == 15
    figures = {each["name"]: each["figures"] for each in report["checks"]}
    assert figures["resume"]["bit_exact"] == "yes"
    # Of 4 photos at most: steps of this campus have 13, half of which are 6, and 3.
    assert figures["memory"]["batch_size_that_fits"] == 3
    assert figures["queue"]["states"] == "finished, finished"
    assert figures["folds"]["most_jobs_on_a_device"] == 1
    throughput = figures["throughput-test_resnet"]
    assert throughput["share_of_bare_step_end_to_end"] > 0
    assert throughput["share_of_bare_step_one_batch_repeated"] > 0
    assert figures["loading"]["photos_per_s_2_threads"] > 0
    assert figures["cached-epochs"]["times_faster"] > 0
    assert 0 < figures["whole-run"]["finish_share_of_this_run"] < 1
    assert (tmp_path / MARKDOWN).read_text().startswith("# CPU")
    assert not list(tmp_path.glob("work-*"))
