"""Submit a job's command to a cluster, together with the code that it runs."""

import shutil
import sys
import tempfile
from pathlib import Path

from core.cluster.client import Cluster, Submission
from core.cluster.record import RayRecord
from core.cluster.remote import RemoteCommand
from core.errors import RunError
from core.jobs.job import Job, read_job
from core.project import CLUSTER_PYTHON, CLUSTER_TASK, PROJECT
from core.training.environment import git_state
from core.training.run_folder import RunFolder

# Between SIGTERM and SIGKILL: a step of a large model, and a checkpoint on slow storage.
SAVE_S = 120
_NOT_SENT = shutil.ignore_patterns("__pycache__", ".*")


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
    environment = {
        "RAY_JOB_STOP_WAIT_TIME_S": str(SAVE_S),
        "RAY_USAGE_STATS_ENABLED": "0",
        CLUSTER_PYTHON: sys.executable,
        # Waiting threads must not spin on the cores that others work with.
        "OMP_WAIT_POLICY": "PASSIVE",
        CLUSTER_TASK: command.model_dump_json(),
    }
    with tempfile.TemporaryDirectory(prefix="bearings-") as code:
        shutil.copytree(PROJECT / "core", Path(code) / "core", ignore=_NOT_SENT)
        submission = Submission(
            entrypoint="exec sh core/cluster/start.sh core.cluster.remote",
            environment=environment,
            code=Path(code),
            cpus=_cpus(job, record),
            gpus=_gpus(job, record, cluster),
        )
        RunFolder(path=folder).log(f"submitting to {record.address} as {record.submission_id}")
        cluster.submit(record.submission_id, submission)
    return record.changed(folder, submitted=True, git=git_state())


def _ray_workers(job: Job) -> int:
    """The value of `--ray-workers` in a training command; 0 if it has none."""
    if job.kind != "train":
        return 0
    arguments = (*job.again, *job.arguments)
    at = arguments.index("--ray-workers") if "--ray-workers" in arguments else None
    return 0 if at is None else int(arguments[at + 1])


def _cpus(job: Job, record: RayRecord) -> float:
    if record.cpus is not None:
        return record.cpus
    if job.kind == "tune":
        return float(job.options.get("workers", 1))
    # Ray Train's workers reserve their own cores; one kept by the process that waits for them may
    # be the one that they need.
    return 0.0 if _ray_workers(job) else 1.0


def _gpus(job: Job, record: RayRecord, cluster: Cluster) -> float:
    if record.gpus is not None:
        return record.gpus
    if _ray_workers(job) or job.device not in ("auto", "cuda"):
        return 0.0
    return 1.0 if job.device == "cuda" or cluster.resources().get("GPU", 0.0) >= 1.0 else 0.0
