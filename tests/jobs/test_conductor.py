"""The conductor of jobs within a job."""

from collections.abc import Callable
from pathlib import Path

from core.jobs.conductor import ComputeTarget, Conductor, Heartbeat
from core.jobs.job import Job
from core.jobs.queue import queue_of
from core.jobs.state import run_state
from core.training.run_folder import RunFolder


def test_a_job_that_finished_while_the_conductor_looked_is_left_alone(
    make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    run = make_run("fold-1", state="finished")
    outer = RunFolder(path=tmp_path / "outer")
    outer.path.mkdir()
    conductor = Conductor(
        outer, run.path.parent, ComputeTarget(), Heartbeat(outer), device="cpu", threads=None
    )
    conductor.submit(run.path, Job.training(run.config()))
    assert conductor.jobs == {run.path.resolve()}
    assert run_state(run.path).state == "finished"
    assert queue_of(run.path.parent) == []
