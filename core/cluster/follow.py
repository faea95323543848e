"""Run a job on a cluster: submit it once, copy its log, pass a stop request on, record its end.

`ray.json` is written before the submission, with the id to submit under, and a cluster accepts each
id only once. A follower that was killed is therefore replaced by one that reads that file.
"""

import math
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from core.cluster.client import (
    ENDED,
    Cluster,
    JobLook,
    Submission,
    Unreachable,
    check_address,
    connect,
)
from core.cluster.record import RayRecord, read_ray
from core.cluster.remote import RemoteCommand
from core.errors import RunError
from core.jobs.job import Job, read_job
from core.locks import hold
from core.project import CLUSTER_PYTHON, CLUSTER_TASK, PROJECT
from core.training.environment import git_state
from core.training.interrupt import Interruption
from core.training.run_folder import RunFolder, State, own_status

# Between SIGTERM and SIGKILL: a step of a large model, and a checkpoint on slow storage.
SAVE_S = 120
_NOT_SENT = shutil.ignore_patterns("__pycache__", ".*")
Say = Callable[[str], None]
Answer = TypeVar("Answer")
_POLL_S = 1.0
# Every look at the log transfers all of it: the longer it is, the less often.
_CHARACTERS_PER_S = 200_000
# A network file system may show a file some seconds after it was written.
_STATUS_DELAY_S = 10.0
_ERROR = "error: "
# Ray colours the lines of its workers.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_EXIT_CODE = re.compile(r"exit code (-?\d+)")
# Resources that a job may ask a cluster for; earlier versions stored one more.
_RESOURCES = ("cpus", "gpus")


def follow(folder: Path, say: Say | None = None) -> State:
    """Run a job on its cluster, or continue to follow it, until it has ended.

    Args:
        folder: The job's folder, with `job.json`, on storage that the cluster sees too.
        say: Called with every line of the job's log as it arrives.

    Returns:
        The final state.

    Raises:
        LockHeld: Another process follows the job or works on it.
        ConfigError: Ray is missing here, or the cluster refuses the job.
        Unreachable: The cluster does not answer at the beginning. Later, it is waited for.
        RunError: There is no job, or it is meant for this machine.
    """
    folder = folder.resolve()
    with hold(folder) as lock, Interruption(RunFolder(path=folder)) as stop:
        record = _open_record(folder)
        if not record.submitted:
            RunFolder(path=folder).forget_stop(lock)
        cluster = connect(record.address)
        follower = Follower(folder, cluster, _submitted(folder, cluster, record), stop, say)
        return follower.run_to_end()


def _open_record(folder: Path) -> RayRecord:
    """The submission that has not ended, or a new one, written before anything is submitted."""
    job, record = read_job(folder), read_ray(folder)
    if record is not None and record.open:
        return record
    if job is None or job.is_local:
        raise RunError(f"{folder} holds no job for a cluster: start one with --on ADDRESS")
    status = RunFolder(path=folder).status()
    heard = None if status is None else status.heartbeat
    resources = {name: job.wishes[name] for name in _RESOURCES if name in job.wishes}
    return RayRecord.new(check_address(job.on), resources).changed(folder, heard=heard)


def _submitted(folder: Path, cluster: Cluster, record: RayRecord) -> RayRecord:
    if record.submitted:
        RunFolder(path=folder).log(f"following {record.submission_id} on {record.address} again")
        return record
    if cluster.look(record.submission_id) is not None:
        # The follower was killed between the submission and its record.
        return record.changed(folder, submitted=True)
    return submit(folder, cluster, record)


class Follower:
    """Follows one submitted job."""

    def __init__(
        self, folder: Path, cluster: Cluster, record: RayRecord, stop: Interruption, say: Say | None
    ) -> None:
        """Follow the submission of `record`."""
        self.run = RunFolder(path=folder)
        self.cluster = cluster
        self.record = record
        self.stop = stop
        self._say = say
        self._last_error = ""
        self._log_due = 0.0
        self._silent = False

    def run_to_end(self) -> State:
        """Poll until the job has ended, write the final status, and return the final state."""
        while True:
            look = self._ask(self._look)
            if look is not None and look.state in ENDED:
                break
            time.sleep(_POLL_S)
        while self._ask(lambda: self._read_log(all_of_it=True)) is None:
            time.sleep(_POLL_S)
        state = self._write_end(look)
        self.record = self.record.changed(self.run.path, ended=look.state)
        return state

    def _look(self) -> JobLook:
        look = self.cluster.look(self.record.submission_id)
        if look is None:
            return JobLook("FAILED", "the cluster does not know the job any more: it was restarted")
        self.stop.pass_on(self._stop_there)
        if time.monotonic() >= self._log_due:
            self._read_log()
        return look

    def _stop_there(self) -> None:
        self.run.log(f"stopping {self.record.submission_id} on {self.record.address}")
        self.cluster.stop(self.record.submission_id)

    def _read_log(self, *, all_of_it: bool = False) -> bool:
        text = self.cluster.log(self.record.submission_id)
        self._log_due = time.monotonic() + len(text) / _CHARACTERS_PER_S
        new = text[self.record.log_read :]
        if not all_of_it:
            new = new[: new.rfind("\n") + 1]
        if new:
            self._copy(new)
            read = self.record.log_read + len(new)
            self.record = self.record.changed(self.run.path, log_read=read)
        return True

    def _copy(self, text: str) -> None:
        """Append new lines of the job's log to the run's log."""
        lines = [_COLOUR.sub("", line) for line in text.split("\n") if line.strip()]
        for line in lines:
            if line.startswith(_ERROR):
                self._last_error = line.removeprefix(_ERROR)
            if self._say is not None:
                self._say(line)
        if lines:
            with self.run.log_path.open("a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")

    def _write_end(self, look: JobLook) -> State:
        """Return the state that the run wrote itself; else write and return the cluster's."""
        state = self._own_end()
        if state is not None:
            return state
        state, message = _cluster_end(look, self._last_error)
        status = self.run.status() or own_status()
        ended = {"state": state, "message": message, "heartbeat": time.time(), "eta_s": None}
        self.run.write_status(status.model_copy(update=ended))
        self.run.log(f"{state}: {message}")
        self.run.clear_stop()
        return state

    def _own_end(self) -> State | None:
        """The end that the command itself wrote; None if it wrote none within the delay."""
        deadline = time.monotonic() + _STATUS_DELAY_S
        while True:
            status = self.run.status()
            is_new = status is not None and status.heartbeat != self.record.heard
            if status is not None and is_new and status.state != "running":
                return status.state
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL_S)

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Ask the cluster; None while it does not answer, which is logged once."""
        try:
            answer = question()
        except Unreachable as error:
            if not self._silent:
                self.run.log(f"{error}; asking again until it does")
            self._silent = True
            return None
        if self._silent:
            self.run.log(f"{self.record.address} answers again")
        self._silent = False
        return answer


def _cluster_end(look: JobLook, last_error: str) -> tuple[State, str]:
    """The state and message of a run that did not write its own end."""
    if look.state == "STOPPED":
        return "cancelled", "stopped on the cluster before it could save; resume it to continue"
    if look.state == "SUCCEEDED":
        return "failed", "the command ended on the cluster without a final status"
    return "failed", last_error or failure_text(look.message)


def failure_text(message: str) -> str:
    """Return the cause of a failure in one sentence, from Ray's message."""
    code = _EXIT_CODE.search(message)
    if code is not None and code[1] in ("-9", "137"):
        return (
            "killed on the cluster (SIGKILL): by someone, or because its machine ran out of "
            "memory; resume it to continue from the last epoch"
        )
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if code is not None:
        return f"ended on the cluster with exit code {code[1]}: {lines[-1]}"
    return lines[-1] if lines else "the cluster reports a failure without a reason"


def submit(folder: Path, cluster: Cluster, record: RayRecord) -> RayRecord:
    """Submit the job of a folder under the id in its record; returns the record, marked submitted.

    The package `core` is sent along, so that the cluster needs no checkout.

    Raises:
        ConfigError: The cluster refuses the job.
        RunError: The folder holds no job.
        Unreachable: The cluster does not answer.
    """
    job = read_job(folder)
    if job is None:
        raise RunError(f"{folder} holds no job: start one with --on {record.address}")
    arguments, options = job.command(folder)
    command = RemoteCommand(
        folder=str(folder),
        submission_id=record.submission_id,
        arguments=arguments,
        options=options,
    )
    machine = cluster.largest_machine()
    with code_to_send() as code:
        submission = Submission(
            entrypoint="exec sh core/cluster/start.sh core.cluster.remote",
            environment=job_environment() | {CLUSTER_TASK: command.model_dump_json()},
            code=code,
            cpus=_cpus(job, record, machine),
            gpus=_gpus(job, record, machine),
        )
        RunFolder(path=folder).log(f"submitting to {record.address} as {record.submission_id}")
        cluster.submit(record.submission_id, submission)
    return record.changed(folder, submitted=True, git=git_state())


def job_environment() -> dict[str, str]:
    """Return the environment of every command on a cluster."""
    return {
        "RAY_JOB_STOP_WAIT_TIME_S": str(SAVE_S),
        "RAY_USAGE_STATS_ENABLED": "0",
        CLUSTER_PYTHON: sys.executable,
        # Waiting threads must not spin on the cores that others work with.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


@contextmanager
def code_to_send() -> Iterator[Path]:
    """Give a folder that holds a copy of the package `core`, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="bearings-") as code:
        shutil.copytree(PROJECT / "core", Path(code) / "core", ignore=_NOT_SENT)
        yield Path(code)


def _ray_workers(job: Job) -> int:
    """The value of `--ray-workers` in a training command; 0 if it has none."""
    if job.kind != "train":
        return 0
    arguments = (*job.again, *job.arguments)
    at = arguments.index("--ray-workers") if "--ray-workers" in arguments else None
    return 0 if at is None else int(arguments[at + 1])


def _at_a_time(job: Job) -> float:
    """How many runs a job trains at the same time on the machine that it runs on."""
    return float(job.options.get("workers", 1)) if job.kind == "tune" else 1.0


def _cpus(job: Job, record: RayRecord, machine: Mapping[str, float]) -> float:
    """Cores to reserve: one a run, as far as a machine of the cluster has so many."""
    if record.cpus is not None:
        return record.cpus
    # Ray Train's workers reserve their own cores; one kept by the process that waits for them may
    # be the one that they need.
    if _ray_workers(job):
        return 0.0
    return min(_at_a_time(job), max(1.0, machine.get("CPU", math.inf)))


def _gpus(job: Job, record: RayRecord, machine: Mapping[str, float]) -> float:
    """GPUs to reserve: one a run, as far as a machine of the cluster has so many."""
    if record.gpus is not None:
        return record.gpus
    if _ray_workers(job) or job.device not in ("auto", "cuda"):
        return 0.0
    found = min(_at_a_time(job), float(int(machine.get("GPU", 0.0))))
    return max(1.0, found) if job.device == "cuda" else found
