"""GPUs as a driver tells of them, a driver made up here; and who gets which."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from core.jobs.devices import (
    Gpu,
    fitting,
    free_slots,
    gpus,
    machine_slots,
    slot_environment,
    slot_of,
    spread,
    taken_slots,
)
from core.jobs.job import Job, Start, read_job
from core.jobs.queue import enqueue_job, queue_of, requeue
from core.jobs.runner import Runner, run_queue
from core.locks import Lock, hold
from core.training.run_folder import RunFolder, own_status
from tests.fake_gpus import COMMAND, GIB

RunMaker = Callable[..., RunFolder]


def test_gpus_are_described(driver: Callable[..., None]) -> None:
    driver(2, pids=(71,))
    assert gpus() == (
        Gpu(0, "New Card", GIB, 8 * GIB, 0.37),
        Gpu(1, "Old Card", GIB, 8 * GIB, None, frozenset({71})),
    )


def test_no_driver_is_no_gpu(driver: Callable[..., None]) -> None:
    driver(present=False)
    assert gpus() == ()


@pytest.mark.parametrize(
    ("visible", "seen"),
    [("1", [1]), ("", []), ("0,1", [0, 1]), ("GPU-8f1c", [0, 1]), (" 0 , 7 ", [0])],
)
def test_only_what_this_process_may_use_is_told(
    driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch, visible: str, seen: list[int]
) -> None:
    driver(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.index for gpu in gpus()] == seen


def test_figures_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="uses"):
        Gpu(0, "x", 2, 1, None)
    with pytest.raises(ValueError, match="share"):
        Gpu(0, "x", 1, 1, 37.0)


@pytest.mark.parametrize(
    ("device", "slots", "expected"),
    [
        ("auto", ("cuda:0", "cuda:1", "cpu"), ("cuda:0", "cuda:1")),
        ("auto", ("mps", "cpu"), ("mps",)),
        ("auto", ("cpu",), ("cpu",)),
        ("cpu", ("cuda:0", "cpu"), ("cpu",)),
        ("cuda", ("cuda:0", "cpu"), ("cuda:0",)),
        # It starts, and fails by its own error, instead of waiting for ever.
        ("cuda", ("cpu",), ("cpu",)),
        ("mps", ("cpu",), ("cpu",)),
    ],
)
def test_a_job_takes_a_slot_that_fits(
    device: str, slots: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert fitting(device, slots) == expected


def test_a_slot_shows_its_job_one_gpu(driver: Callable[..., None]) -> None:
    driver(2, pids=(71,))
    assert machine_slots()[:2] == ("cuda:0", "cuda:1")
    assert slot_environment(("cuda:1",))["CUDA_VISIBLE_DEVICES"] == "1"
    assert slot_environment(("cuda:0", "cuda:3"))["CUDA_VISIBLE_DEVICES"] == "0,3"
    assert slot_environment(("cpu",)) == slot_environment(()) == {}
    assert slot_of(71, "cuda:0") == "cuda:1"
    assert slot_of(72, "cuda") == "cuda:0"
    assert slot_of(71, "cpu") == "cpu"


def test_a_run_begun_by_hand_takes_its_device(
    make_run: RunMaker, driver: Callable[..., None]
) -> None:
    driver(2, pids=(os.getpid(),))
    run = make_run()
    with hold(run.path):
        # Not chosen yet: what the next one would choose.
        assert taken_slots(run.path.parent) == {"cuda:0"}
        run.write_json("environment.json", {"device": "cuda"})
        assert taken_slots(run.path.parent) == {"cuda:1"}
        run.write_json("environment.json", {"device": "cpu"})
        assert taken_slots(run.path.parent) == {"cpu"}


@pytest.mark.parametrize("recorded", [True, False])
def test_a_process_that_gave_its_folder_up_still_has_its_device(
    tmp_path: Path, recorded: bool
) -> None:
    folder = enqueue_job(tmp_path / "a", Job(kind="tune", arguments=("tune",)))
    job = read_job(folder)
    assert job is not None
    start = Start(slots=("cpu",))
    job.model_copy(update={"state": "started", "start": start}).write(folder)
    assert taken_slots(tmp_path) == set()
    with hold(folder):
        assert taken_slots(tmp_path) == {"cpu"}
    if recorded:
        start = start.as_process(os.getpid())
        job.model_copy(update={"state": "started", "start": start}).write(folder)
    else:
        # The runner was killed before it could say which process it started.
        process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE)
        began = psutil.Process(process.pid).create_time()
        told = {"pid": process.pid, "process_start": began}
        RunFolder(path=folder).write_status(own_status("finished").model_copy(update=told))
    assert taken_slots(tmp_path) == {"cpu"}
    if not recorded:
        process.communicate()
        assert taken_slots(tmp_path) == set()


def test_a_notebook_that_trained_has_its_device_while_it_trains(
    make_run: RunMaker, driver: Callable[..., None]
) -> None:
    driver(0)
    run = make_run(state="cancelled")
    run.write_json("environment.json", {"device": "cpu"})
    with hold(run.path):
        assert taken_slots(run.path.parent) == {"cpu"}
    assert taken_slots(run.path.parent) == set()
    requeue(run.path)
    assert taken_slots(run.path.parent) == set(), "it would wait for the notebook for ever"


def test_one_that_was_put_back_while_it_left_still_has_its_device(
    make_run: RunMaker, driver: Callable[..., None]
) -> None:
    driver(2)
    run = make_run(state="cancelled")
    start = Start(slots=("cuda:0",)).as_process(os.getpid())
    Job(kind="train", arguments=("train",), state="started", start=start).write(run.path)
    requeue(run.path)
    assert taken_slots(run.path.parent) == {"cuda:0"}


def test_each_gpu_gets_one_job_and_the_cpu_another(
    tmp_path: Path, driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(2)
    log = tmp_path / "starts.jsonl"
    # A job that notes what it was shown, how many are at work beside it, and takes a moment.
    work = (
        "import json, os, sys, time; from pathlib import Path; log = Path(sys.argv[1]); "
        "note = lambda what: log.open('a').write(json.dumps([what, sys.argv[2], "
        "os.environ.get('CUDA_VISIBLE_DEVICES')]) + '\\n'); "
        "note('begin'); time.sleep(1.5); note('end')"
    )

    def start(
        words: Sequence[str],
        options: Mapping[str, Any],
        lock: Lock,
        out: IO[bytes],
        environment: Mapping[str, str],
        cwd: Path,
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", work, str(log), lock.folder.name],
            env={**os.environ, **environment},
            pass_fds=lock.handles,
        )

    monkeypatch.setattr("core.jobs.runner.start_command", start)
    monkeypatch.setattr("core.jobs.runner._POLL_S", 0.05)
    root = tmp_path / "runs"
    for name, device in (("a", "auto"), ("b", "cuda"), ("c", "auto"), ("d", "cpu"), ("e", "cpu")):
        enqueue_job(root / name, Job(kind="tune", arguments=("tune",), device=device))
    begun = time.monotonic()
    run_queue(root)
    assert time.monotonic() - begun > 3.0
    assert queue_of(root) == []
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(told) == 10
    at_work: dict[str, str | None] = {}
    for what, name, shown in told:
        if what == "end":
            del at_work[name]
            continue
        assert shown not in at_work.values(), f"{name} shares {shown} with one of {at_work}"
        at_work[name] = shown
    shown_to = {name: shown for what, name, shown in told if what == "begin"}
    assert (shown_to["a"], shown_to["b"], shown_to["d"], shown_to["e"]) == ("0", "1", None, None)
    order = [name for what, name, _ in told if what == "begin"]
    assert set(order[:3]) == {"a", "b", "d"}


def test_a_job_of_many_slots_gets_them_all_at_once_and_is_not_overtaken(
    tmp_path: Path, driver: Callable[..., None], shown_gpus: dict[str, str | None]
) -> None:
    driver(4)

    def put(name: str, slots: int) -> None:
        enqueue_job(tmp_path / name, Job(kind="tune", arguments=("tune",), slots=slots))

    def end(*names: str) -> None:
        for name in names:
            runner.started[tmp_path / name][0].communicate()

    runner = Runner(tmp_path)
    put("first", 1)
    runner.step()
    put("whole", 8)
    put("late", 1)
    runner.step()
    assert shown_gpus == {"first": "0"}, "one more would keep the machine from ever being free"
    end("first")
    runner.step()
    assert shown_gpus == {"first": "0", "whole": "0,1,2,3"}
    job = read_job(tmp_path / "whole")
    assert job is not None
    assert job.slot == "cuda:0,cuda:1,cuda:2,cuda:3"
    end("whole")
    put("two", 2)
    put("nothing", 0)
    runner.step()
    assert (shown_gpus["late"], shown_gpus["two"], shown_gpus["nothing"]) == ("0", "1,2", None)


def test_slots_are_spread_over_the_devices(driver: Callable[..., None]) -> None:
    driver(3)
    assert spread("auto", None) == ("cuda:0", "cuda:1", "cuda:2")
    assert spread("cuda", 5) == ("cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1")
    assert spread("cpu", 2) == ("cpu", "cpu")
    assert free_slots(("cpu", "cpu", "cuda:0"), ["cpu"]) == ["cpu", "cuda:0"]
