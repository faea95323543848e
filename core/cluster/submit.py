"""Handing a job's command to a cluster, once, whatever dies in between."""

import sys
from pathlib import Path

from core.cluster.client import Cluster, Wanted
from core.cluster.code import packed
from core.cluster.record import RayRecord
from core.cluster.task import Task
from core.errors import RunError
from core.jobs.job import Job, read_job
from core.project import CLUSTER_PYTHON, CLUSTER_TASK
from core.training.environment import git_state
from core.training.run_folder import RunFolder

# Between SIGTERM and SIGKILL: a step of a large model, and a checkpoint on slow storage.
SAVE_S = 120


def entrypoint(module: str) -> str:
    """The shell command that runs a module of the sent code by the cluster's own Python."""
    return f"exec sh core/cluster/start.sh {module}"


def environment() -> dict[str, str]:
    """What every process on the cluster is told."""
    return {
        "RAY_JOB_STOP_WAIT_TIME_S": str(SAVE_S),
        "RAY_USAGE_STATS_ENABLED": "0",
        CLUSTER_PYTHON: sys.executable,
        # Waiting threads must not spin on the cores that others work with.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def submit(folder: Path, cluster: Cluster, record: RayRecord) -> RayRecord:
    """Submit the job of a folder under the number in its record, and write that it was.

    Raises:
        ConfigError: The cluster refuses it, or what it needs is too large to travel.
        RunError: The folder holds no job.
        Unreachable: The cluster does not answer.
    """
    job = read_job(folder)
    if job is None:
        raise RunError(f"{folder} holds no job: begin one with --on {record.address}")
    arguments, options = job.command(folder)
    again = bool(job.again) and arguments == job.again
    # Whether the cluster sees the folder is known only over there: what may be needed goes along.
    carried = folder if again and record.bring_back else None
    task = Task(
        folder=str(folder),
        submission_id=record.submission_id,
        arguments=arguments,
        options=options,
        bring_back=record.bring_back,
        goes_on=again,
        carried=carried is not None,
    )
    with packed(carried) as code:
        wanted = Wanted(
            entrypoint=entrypoint("core.cluster.job"),
            environment=environment() | {CLUSTER_TASK: task.model_dump_json()},
            code=code,
            cpus=_cpus(job, record),
            gpus=_gpus(job, record, cluster),
        )
        RunFolder(path=folder).log(f"submitting to {record.address} as {record.submission_id}")
        cluster.submit(record.submission_id, wanted)
    return record.changed(folder, submitted=True, git=git_state())


def _workers(job: Job) -> int:
    """How many workers of Ray Train the command asks for; 0: it computes itself."""
    if job.kind != "train":
        return 0
    words = (*job.again, *job.arguments)
    place = words.index("--ray-workers") if "--ray-workers" in words else None
    return 0 if place is None else int(words[place + 1])


def _cpus(job: Job, record: RayRecord) -> float:
    if record.cpus is not None:
        return record.cpus
    if job.kind == "tune":
        return float(job.options.get("workers", 1))
    # Ray Train's workers reserve their own; a core kept by the one who waits for them may be the
    # one that they wait for.
    return 0.0 if _workers(job) else 1.0


def _gpus(job: Job, record: RayRecord, cluster: Cluster) -> float:
    if record.gpus is not None:
        return record.gpus
    if _workers(job) or job.device not in ("auto", "cuda"):
        return 0.0
    return 1.0 if job.device == "cuda" or cluster.resources().get("GPU", 0.0) >= 1.0 else 0.0
