"""The runner trains what waits, outlives whoever started it, stops, goes on, and says why not."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.jobs.job import Start, read_job
from core.jobs.queue import QUEUE, cancel, enqueue, queue_of, requeue, stop
from core.jobs.runner import RUNNER_LOG, ensure_runner
from core.jobs.state import ACTIVE, log_tail, read_events, run_state
from core.jobs.summary import list_runs, summarise
from core.locks import is_held
from core.model.schema import ModelConfig
from core.training.run_folder import RunFolder
from core.training.schema import Stage2Config, TrainConfig
from tests.forked import Forks

# Jobs are nicer than the tests beside them, so on a busy machine they are slow.
PATIENCE_S = 300.0
ENDLESS = 10_000


def tiny(dataset: Path, run: Path, epochs: int) -> TrainConfig:
    """A run of seconds, or an endless one."""
    return TrainConfig(
        dataset=dataset,
        run=run,
        model=ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0),
        stage2=Stage2Config(epochs=epochs),
        batch_size=16,
        gallery_points=0,
        patience=0,
        threads=1,
        workers=0,
        device="cpu",
    )


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder of runs; whatever a test left there is ended."""
    folder = tmp_path / "runs"
    yield folder
    for each in queue_of(folder):
        cancel(each.path)
    for run in list_runs(folder):
        if run.state != "damaged":
            stop(run.path, grace_s=0, term_s=5)
    wait_for(lambda: not is_held(folder / QUEUE), folder)


def wait_for(done: Callable[[], bool], root: Path) -> None:
    """Wait until something is so; say what the logs hold where it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() >= deadline:
            logs = [path for path in root.rglob("*") if path.name in ("log.txt", RUNNER_LOG)]
            pytest.fail("\n".join(f"{path}:\n{path.read_text()[-2000:]}" for path in logs))
        time.sleep(0.1)


def ended(run: Path) -> str:
    """Wait until a run is over; return its state."""
    wait_for(lambda: run_state(run).state not in {"queued", *ACTIVE}, run.parent)
    return run_state(run).state


def start_of(run: Path) -> Start:
    """The last start of a run."""
    job = read_job(run)
    assert job is not None
    assert job.start is not None
    return job.start


@pytest.mark.slow
def test_what_waits_is_trained_in_order_one_at_a_time(
    shared_campus: Path, root: Path, forks: Forks
) -> None:
    runs = [enqueue(tiny(shared_campus, root / name, 1)) for name in ("b", "a")]
    # Two servers on one folder, each drawing its page twice.
    servers = [forks.call(lambda: [ensure_runner(root) for _ in range(2)] and 0) for _ in range(2)]
    assert [server.wait() for server in servers] == [0, 0]
    assert [ended(run) for run in runs] == ["finished", "finished"], log_tail(runs[1])
    first, second = (start_of(run) for run in runs)
    status = RunFolder(path=runs[0]).status()
    assert status is not None
    # One processor, one job: the second was started when the first had ended.
    assert first.at < status.heartbeat <= second.at
    for run in runs:
        log = RunFolder(path=run).log_path.read_text()
        assert log.count("started by the queue on cpu") == 1
        assert log.count("training begins") == 1
        assert summarise(run).slot == "cpu"
        wait_for(lambda run=run: start_of(run).code is not None, root)  # type: ignore[misc]
        assert start_of(run).code == 0
    assert len(read_events(runs[0])) == 1


@pytest.mark.slow
def test_a_run_outlives_the_runner_and_is_cancelled_and_resumed(
    shared_campus: Path, root: Path, forks: Forks
) -> None:
    run = enqueue(tiny(shared_campus, root / "first", ENDLESS))
    waiting = enqueue(tiny(shared_campus, root / "second", 1))
    ensure_runner(root)
    wait_for(lambda: len(read_events(run)) > 0, root)
    trainer = run_state(run).process
    assert trainer is not None
    assert os.getsid(trainer.pid) == trainer.pid
    assert trainer.nice() > psutil.Process().nice()
    runner = psutil.Process(trainer.ppid())
    assert forks.living()[runner] == ["queue", "run", str(root)]
    runner.kill()
    wait_for(lambda: not is_held(root / QUEUE), root)
    assert run_state(run).state == "running"
    # Another runner sees that the processor is taken.
    ensure_runner(root)
    wait_for(lambda: is_held(root / QUEUE), root)
    time.sleep(2)
    assert run_state(waiting).state == "queued"
    asked = time.time()
    cancel(run)
    assert ended(run) == "cancelled", log_tail(run)
    status = RunFolder(path=run).status()
    assert status is not None
    assert status.heartbeat - asked < 5 + slowest_step_s(run)
    assert (
        json.loads((run / "checkpoints/last/state.json").read_text())["progress"]["all_steps"] > 0
    )
    assert ended(waiting) == "finished", log_tail(waiting)
    done = len(read_events(run))
    requeue(run)
    ensure_runner(root)
    wait_for(lambda: len(read_events(run)) > done, root)
    assert "goes on after epoch" in RunFolder(path=run).log_path.read_text()


def slowest_step_s(run: Path) -> float:
    """An epoch of a tiny run is two steps, a validation and two checkpoints."""
    return max(float(event["seconds"]) for event in read_events(run))


@pytest.mark.slow
def test_a_request_to_stop_is_heard_from_before_the_beginning(
    shared_campus: Path, root: Path
) -> None:
    run = enqueue(tiny(shared_campus, root / "first", ENDLESS))
    ensure_runner(root)
    wait_for(lambda: run_state(run).starting, root)
    cancel(run)
    assert ended(run) == "cancelled", log_tail(run)
    assert not (run / "stop").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_a_job_that_fails_says_why_and_lets_the_next_one_run(
    shared_campus: Path, root: Path, tmp_path: Path
) -> None:
    wrong = enqueue(tiny(tmp_path / "nowhere", root / "wrong", 1))
    right = enqueue(tiny(shared_campus, root / "right", 1))
    (root / "torn").mkdir()
    (root / "torn" / "job.json").write_text('{"kind": "tr')
    ensure_runner(root)
    assert ended(wrong) == "failed"
    assert "nowhere" in summarise(wrong).message
    assert ended(right) == "finished", log_tail(right)
    assert summarise(root / "torn").state == "damaged"
    # The same name, mended.
    assert enqueue(tiny(shared_campus, root / "wrong", 1)) == wrong
    ensure_runner(root)
    assert ended(wrong) == "finished", log_tail(wrong)
