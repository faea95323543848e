"""The follower submits once, hears everything, passes wishes on, and says how it ended."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.cluster import bring, follow, job
from core.cluster.client import JobLook, connect
from core.cluster.record import RayRecord, read_ray, refuse_if_elsewhere
from core.cluster.task import Task, marked
from core.errors import ConfigError, RunError
from core.jobs.follow import log_tail, read_events
from core.jobs.job import Job
from core.locks import held_elsewhere, hold, is_held
from core.project import CLUSTER_TASK
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from core.training.status import own_status
from tests.cluster.fake_cluster import PROJECT, FakeCluster

RUNNING = JobLook("RUNNING", "", "node")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """A cluster that answers every follower, without the waiting."""
    found = FakeCluster()
    monkeypatch.setattr(follow, "connect", lambda address: found)
    monkeypatch.setattr(follow, "_POLL_S", 0.0)
    monkeypatch.setattr("core.cluster.ending._PATIENCE_S", 0.0)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a job for that cluster."""
    run = tmp_path / "run"
    config = TrainConfig(dataset=tmp_path / "campus", run=run)
    Job.training(config, on="http://fake:8265").write(run)
    return run


def number_of(folder: Path) -> str:
    record = read_ray(folder)
    assert record is not None
    return record.submission_id


def test_a_job_is_submitted_with_its_command_and_its_options(
    cluster: FakeCluster, folder: Path
) -> None:
    follow.follow(folder)
    wanted = cluster.given[number_of(folder)]
    task = Task.model_validate_json(wanted.environment[CLUSTER_TASK])
    assert task.arguments == ("train",)
    assert task.options["run"] == task.folder == str(folder)
    assert (wanted.cpus, wanted.gpus) == (1.0, 1.0)
    assert wanted.environment["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_job_that_may_have_been_submitted_is_asked_for_first(
    cluster: FakeCluster, folder: Path
) -> None:
    record = RayRecord.new("http://fake:8265", {})
    # Killed before the submission: the number is used, not another one.
    record.write(folder)
    follow.follow(folder)
    assert list(cluster.given) == [record.submission_id]
    # Killed between the submission and the word of it: the cluster knows the number.
    record.write(folder)
    follow.follow(folder)
    assert list(cluster.given) == [record.submission_id]


def test_a_cluster_that_was_restarted_has_lost_the_job(cluster: FakeCluster, folder: Path) -> None:
    RayRecord.new("http://fake:8265", {}).model_copy(update={"submitted": True}).write(folder)
    assert follow.follow(folder) == "failed"
    status = RunFolder(path=folder).status()
    assert status is not None
    assert "restarted" in status.message
    assert cluster.given == {}
    # The next one is a new submission.
    follow.follow(folder)
    assert len(cluster.given) == 1


def test_the_log_is_taken_over_once_however_often_the_follower_begins(
    cluster: FakeCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    event = {"epoch": 1, "stage": "heads"}
    record = RayRecord.new("http://fake:8265", {})
    record.write(folder)
    cluster.logs[record.submission_id] = f"first\n{marked({'event': event})}\x1b[36msecond\x1b[0m\n"
    # Torn by the end of its writer.
    cluster.logs[record.submission_id] += marked({"event": event})[:-9]
    cluster.looks = [RUNNING, RUNNING, JobLook("SUCCEEDED", "", "node")]
    monkeypatch.setattr(follow.Follower, "_bring", lambda self: pytest.fail("nothing to bring"))
    follow.follow(folder, said.append)
    assert said == ["first", "second"]
    lines = log_tail(folder).splitlines()
    assert [line for line in lines if line in ("first", "second")] == ["first", "second"]
    assert read_events(folder) == [event]


def test_a_silent_cluster_is_waited_for(cluster: FakeCluster, folder: Path) -> None:
    follow.follow(folder)
    wanted = cluster.given[number_of(folder)]
    record = RayRecord.new("http://fake:8265", {}).model_copy(update={"submitted": True})
    record.write(folder)
    cluster.given[record.submission_id] = wanted
    cluster.looks = [RUNNING, JobLook("SUCCEEDED", "", "node")]
    cluster.silent = 5
    follow.follow(folder)
    log = log_tail(folder)
    assert log.count("does not answer; asking again") == 1
    assert log.count("answers again") == 1


def test_a_wish_to_stop_is_passed_on_once(
    cluster: FakeCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def log(submission_id: str) -> str:
        RunFolder(path=folder).request_stop()
        return ""

    monkeypatch.setattr(cluster, "log", log)
    cluster.looks = [RUNNING] * 5 + [JobLook("STOPPED", "", "node")]
    assert follow.follow(folder) == "cancelled"
    assert cluster.stopped == [number_of(folder)]
    assert not RunFolder(path=folder).stop_requested


def test_the_folder_is_held_while_it_is_followed(
    cluster: FakeCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    monkeypatch.setattr(cluster, "log", lambda submission_id: held.append(is_held(folder)) or "")
    follow.follow(folder)
    assert set(held) == {True}
    # The command over there is told that the folder is held for it, and asks nothing of the lock.
    with hold(folder):
        code = "import sys; from pathlib import Path; from core.locks import hold\n"
        code += "with hold(Path(sys.argv[1])) as lock: assert lock.handed"
        told = os.environ | held_elsewhere(folder)
        subprocess.run([sys.executable, "-c", code, folder], env=told, cwd=PROJECT, check=True)


@pytest.mark.parametrize(
    ("look", "log", "state", "words"),
    [
        (JobLook("FAILED", "exit code 1,", "n"), "error: no labels\n", "failed", "no labels"),
        (JobLook("FAILED", "failed with exit code -9, last", "n"), "", "failed", "out of memory"),
        (JobLook("FAILED", "trace\nno such image", "n"), "", "failed", "no such image"),
        (JobLook("STOPPED", "", "n"), "", "cancelled", "before it could save"),
        (JobLook("SUCCEEDED", "", "n"), "", "failed", "without a word"),
    ],
)
def test_an_end_without_a_word_of_the_run_is_told_in_plain_words(
    cluster: FakeCluster, folder: Path, look: JobLook, log: str, state: str, words: str
) -> None:
    RayRecord.new("http://fake:8265", {}).write(folder)
    cluster.looks, cluster.logs = [look], {number_of(folder): log}
    assert follow.follow(folder) == state
    status = RunFolder(path=folder).status()
    assert status is not None
    assert words in status.message


def test_the_runs_own_word_counts(cluster: FakeCluster, folder: Path) -> None:
    cluster.looks = [JobLook("FAILED", "exit code 130", "node")]
    run = RunFolder(path=folder)
    old = own_status("finished").model_copy(update={"heartbeat": time.time() - 100})
    run.write_status(old)
    RayRecord.new("http://fake:8265", {}).changed(folder, heard=old.heartbeat)
    # What lies there from before is not the word of this submission.
    assert follow.follow(folder) == "failed"
    RayRecord.new("http://fake:8265", {}).changed(folder, heard=old.heartbeat)
    run.write_status(own_status("cancelled"))
    assert follow.follow(folder) == "cancelled"


def test_a_folder_comes_back_in_pieces_and_is_deleted_there(
    cluster: FakeCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring, "PIECE", 10_000)
    record = RayRecord.new("http://fake:8265", {"bring_back": True})
    place = job.place_of(record.submission_id)
    record.write(folder)
    there = place / "checkpoints" / "best"
    there.mkdir(parents=True)
    weights = os.urandom(20_000)
    (there / "model.safetensors").write_bytes(weights)
    (there / "card.json").write_text(json.dumps({"command": f"train --run {place}"}))
    (place / "log.txt").write_text("told already")
    done = own_status("cancelled").model_copy(update={"message": f"all in {place}"})
    (place / "status.json").write_text(done.model_dump_json())
    introduction = {"place": str(place), "host": "far", "versions": {}}
    cluster.logs[record.submission_id] = marked(introduction)
    assert follow.follow(folder) == "cancelled"
    assert (folder / "checkpoints" / "best" / "model.safetensors").read_bytes() == weights
    assert str(folder) in (folder / "checkpoints" / "best" / "card.json").read_text()
    assert "told already" not in log_tail(folder)
    status = RunFolder(path=folder).status()
    assert status is not None
    assert status.message == f"all in {folder}"
    assert not place.exists()
    assert not list(folder.glob(".brought-*"))
    pieces = [each for each in cluster.given if each != record.submission_id]
    assert len(pieces) > 3


def test_nobody_else_works_on_what_a_cluster_works_on(folder: Path) -> None:
    record = RayRecord.new("http://fake:8265", {})
    record.changed(folder, submitted=True)
    with pytest.raises(RunError, match="python -m core follow"):
        refuse_if_elsewhere(folder)
    record.changed(folder, submitted=True, ended="STOPPED")
    refuse_if_elsewhere(folder)
    (folder / "ray.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        refuse_if_elsewhere(folder)


def test_a_job_for_this_machine_is_not_followed(cluster: FakeCluster, folder: Path) -> None:
    Job.training(TrainConfig(dataset=folder, run=folder)).write(folder)
    with pytest.raises(RunError, match="no job for a cluster"):
        follow.follow(folder)


@pytest.mark.skipif(find_spec("ray") is None, reason="pip install -r requirements-cluster.txt")
def test_an_address_where_nobody_answers_says_what_to_look_at() -> None:
    code = (
        "from core.cluster.client import connect, Unreachable\n"
        "try: connect('http://127.0.0.1:9')\n"
        "except Unreachable as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert "no Ray cluster answers at http://127.0.0.1:9" in done.stdout, done.stderr
    assert "ray start --head" in done.stdout


def test_without_ray_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install -r requirements-cluster\.txt"):
        connect("http://fake:8265")
