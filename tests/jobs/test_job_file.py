"""`job.json`: what it says, and what an earlier version wrote there."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.jobs.job import Job, Start, read_job
from core.jobs.queue import requeue
from core.jobs.state import run_state
from core.training.run_folder import RunFolder

RunMaker = Callable[..., RunFolder]
# As the version before wrote it when it had started a job on its second GPU.
OLD = {
    "kind": "train",
    "arguments": ["train"],
    "options": {},
    "again": ["train", "--run", "/runs/first", "--resume"],
    "state": "started",
    "order": 1.0,
    "created": 1_700_000_000.0,
    "started": 1_700_000_100.0,
    "heard": None,
    "device": "auto",
    "slot": "cuda:1",
    "on": "local",
    "wishes": {},
    "cwd": "/",
}


def written_before(run: Path) -> None:
    """Leave a folder as the version before did whose runner saw its job being killed."""
    (run / "job.json").write_text(json.dumps(OLD))
    launch = {"pid": 2**22 + 1, "process_start": 1.0, "host": "", "launched": 1_700_000_100.0}
    (run / "launch.json").write_text(json.dumps(launch))
    end = {"pid": 2**22 + 1, "process_start": 1.0, "code": -9, "ended": 1_700_000_200.0}
    (run / "exit.json").write_text(json.dumps(end))


def test_a_job_of_an_earlier_version_is_read_and_put_back(make_run: RunMaker) -> None:
    run = make_run(pid=2**22 + 1, process_start=1.0).path
    written_before(run)
    job = read_job(run)
    assert job is not None
    assert job.start is not None
    assert (job.slot, job.start.at, job.start.pid) == ("cuda:1", 1_700_000_100.0, None)
    now = run_state(run)
    assert (now.state, now.process) == ("lost", None)
    requeue(run)
    assert run_state(run).state == "queued"
    assert set(json.loads((run / "job.json").read_text())) == set(Job.model_fields)


def test_a_job_of_an_earlier_version_that_still_runs_is_seen(make_run: RunMaker) -> None:
    run = make_run().path
    written_before(run)
    now = run_state(run)
    assert now.state == "running"
    assert now.process == psutil.Process()


@pytest.mark.parametrize("status", ["finished", "failed", "cancelled"])
def test_how_a_job_of_an_earlier_version_ended_is_read(make_run: RunMaker, status: str) -> None:
    run = make_run(state=status).path
    written_before(run)
    assert run_state(run).state == status


def test_one_file_says_where_and_how_a_job_ran(tmp_path: Path) -> None:
    process = psutil.Process()
    start = Start(slots=("cuda:0", "cuda:1")).as_process(process.pid)
    Job(kind="tune", arguments=("tune",), state="started", start=start).write(tmp_path)
    job = read_job(tmp_path)
    assert job is not None
    assert job.slot == "cuda:0,cuda:1"
    assert job.start is not None
    assert job.start.process_start == process.create_time()
    assert job.start.at == pytest.approx(time.time(), abs=60)
    assert not job.start.killed
