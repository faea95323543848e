"""The follower submits once, copies the log, passes stop requests on, and records the end."""

import io
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from core.cluster import follow
from core.cluster.client import Cluster, JobLook, Unreachable, connect
from core.cluster.record import RayRecord, read_ray, refuse_if_elsewhere
from core.cluster.remote import RemoteCommand
from core.errors import ConfigError, RunError
from core.jobs.job import Job
from core.jobs.state import log_tail
from core.locks import held_elsewhere, hold, is_held
from core.project import CLUSTER_TASK
from core.training.run_folder import RunFolder, own_status
from core.training.schema import TrainConfig
from tests.cluster.fake_cluster import PROJECT, FakeCluster

RUNNING = JobLook("RUNNING", "")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """A cluster that answers every follower, without the waiting."""
    found = FakeCluster()
    monkeypatch.setattr(follow, "connect", lambda address: found)
    monkeypatch.setattr(follow, "_POLL_S", 0.0)
    monkeypatch.setattr("core.cluster.follow._STATUS_DELAY_S", 0.0)
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
    submission = cluster.given[number_of(folder)]
    task = RemoteCommand.model_validate_json(submission.environment[CLUSTER_TASK])
    assert task.arguments == ("train",)
    assert task.options["run"] == task.folder == str(folder)
    assert (submission.cpus, submission.gpus) == (1.0, 1.0)
    assert submission.environment["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("workers", "device", "cpus", "gpus"),
    [
        (1, "auto", 1.0, 1.0),
        (2, "auto", 2.0, 2.0),
        # A machine has 8 cores and 2 GPUs: more on one machine would be waited for without end.
        (9, "auto", 8.0, 2.0),
        (2, "cpu", 2.0, 0.0),
    ],
)
def test_a_search_reserves_what_its_workers_need(
    cluster: FakeCluster, tmp_path: Path, workers: int, device: str, cpus: float, gpus: float
) -> None:
    study = tmp_path / "study"
    job = Job(
        kind="tune", arguments=("tune",), options={"workers": workers}, device=device,
        on="http://fake:8265",
    )  # fmt: skip
    job.write(study)
    follow.follow(study)
    submission = cluster.given[number_of(study)]
    assert (submission.cpus, submission.gpus) == (cpus, gpus)


def test_the_largest_machine_is_read_from_the_status_of_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machines = [[{"CPU": 64.0, "memory": 1e9}, 3], [{"CPU": 16.0, "GPU": 4.0}, 1]]
    status = {"data": {"clusterStatus": {"loadMetricsReport": {"nodeTypes": machines}}}}
    answers = [json.dumps(status).encode(), b'{"data": {"clusterStatus": null}}']
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: io.BytesIO(answers.pop(0)))
    cluster = Cluster("http://head:8265", None, "http://head:8265")  # type: ignore[arg-type]
    assert cluster.largest_machine() == {"CPU": 64.0, "memory": 1e9, "GPU": 4.0}
    assert cluster.largest_machine() == {}


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
    cluster: FakeCluster, folder: Path
) -> None:
    said: list[str] = []
    record = RayRecord.new("http://fake:8265", {})
    record.write(folder)
    cluster.logs[record.submission_id] = "first\n\x1b[36msecond\x1b[0m\ntorn"
    cluster.looks = [RUNNING, RUNNING, JobLook("SUCCEEDED", "")]
    follow.follow(folder, said.append)
    assert said == ["first", "second", "torn"]
    lines = log_tail(folder).splitlines()
    assert [line for line in lines if line in said] == said


def test_a_silent_cluster_is_waited_for(cluster: FakeCluster, folder: Path) -> None:
    follow.follow(folder)
    submission = cluster.given[number_of(folder)]
    record = RayRecord.new("http://fake:8265", {}).model_copy(update={"submitted": True})
    record.write(folder)
    cluster.given[record.submission_id] = submission
    cluster.looks = [RUNNING, JobLook("SUCCEEDED", "")]
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
    cluster.looks = [RUNNING] * 5 + [JobLook("STOPPED", "")]
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
        (JobLook("FAILED", "exit code 1,"), "error: no labels\n", "failed", "no labels"),
        (JobLook("FAILED", "failed with exit code -9, last"), "", "failed", "out of memory"),
        (JobLook("FAILED", "trace\nno such image"), "", "failed", "no such image"),
        (JobLook("STOPPED", ""), "", "cancelled", "before it could save"),
        (JobLook("SUCCEEDED", ""), "", "failed", "without a final status"),
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
    cluster.looks = [JobLook("FAILED", "exit code 130")]
    run = RunFolder(path=folder)
    old = own_status("finished").model_copy(update={"heartbeat": time.time() - 100})
    run.write_status(old)
    RayRecord.new("http://fake:8265", {}).changed(folder, heard=old.heartbeat)
    # What lies there from before is not the word of this submission.
    assert follow.follow(folder) == "failed"
    RayRecord.new("http://fake:8265", {}).changed(folder, heard=old.heartbeat)
    run.write_status(own_status("cancelled"))
    assert follow.follow(folder) == "cancelled"


def test_a_job_that_an_earlier_version_runs_elsewhere_is_refused(
    cluster: FakeCluster, folder: Path
) -> None:
    record = RayRecord.new("http://fake:8265", {}).model_dump(mode="json")
    elsewhere = {"bring_back": True, "place": "/tmp/bearings/x", "host": "far", "node": "n"}
    stored = record | elsewhere | {"submitted": True, "versions": {}, "brought": False}
    (folder / "ray.json").write_text(json.dumps(stored))
    with pytest.raises(RunError, match="earlier version runs this job in /tmp/bearings/x on far"):
        follow.follow(folder)
    # Once it has ended, it no longer matters: the next submission begins.
    (folder / "ray.json").write_text(json.dumps(stored | {"ended": "FAILED"}))
    follow.follow(folder)
    assert len(cluster.given) == 1


def run_remote(folder: Path, submission_id: str, options: dict[str, object]) -> str:
    """What the entry point on the cluster writes before it gives up."""
    command = RemoteCommand(
        folder=str(folder), submission_id=submission_id, arguments=("train",), options=options
    )
    done = subprocess.run(
        [sys.executable, "-m", "core.cluster.remote"],
        env=os.environ | {CLUSTER_TASK: command.model_dump_json()},
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


def test_a_cluster_that_does_not_see_the_folder_or_the_dataset_says_so(folder: Path) -> None:
    record = RayRecord.new("http://fake:8265", {})
    # Another folder of the same name is not the job's.
    record.write(folder)
    said = run_remote(folder, "bearings-other", {"dataset": str(folder)})
    assert said.startswith(f"error: {folder} is not the job's folder on")
    assert "storage that this side and every machine of the cluster see" in said
    said = run_remote(folder, record.submission_id, {"dataset": str(folder / "nowhere")})
    assert said.startswith(f"error: {folder / 'nowhere'} does not exist on")


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
    for name in ("ray", "ray.job_submission"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install -r requirements-cluster\.txt"):
        connect("http://fake:8265")


def test_a_busy_cluster_is_asked_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    class Client:
        """Ray's client of a head that serves late."""

        def __init__(self, address: str) -> None:
            tries.append(address)
            if len(tries) == 1:
                raise ConnectionError("ray client connection timeout")

        def get_address(self) -> str:
            return "http://head:8265"

    module = ModuleType("ray.job_submission")
    module.JobSubmissionClient = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray.job_submission", module)
    assert connect("ray://head:10001", retry_after_s=0.0).url == "http://head:8265"
    assert len(tries) == 2
    tries.clear()
    with pytest.raises(Unreachable, match="no Ray cluster answers at ray://head:10001"):
        connect("ray://head:10001", attempts=1)
