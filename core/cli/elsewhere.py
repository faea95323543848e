"""Running a command on a Ray cluster while this process follows it, in place of running it here."""

import argparse
import os
import sys
from pathlib import Path

from core.cli.output import say
from core.errors import RunError
from core.jobs.job import Job, Start, moved_on
from core.jobs.state import UNFINISHED, run_state
from core.locks import hold
from core.training.interrupt import INTERRUPTED
from core.training.run_folder import RunFolder, check_free


def add_cluster_flags(parser: argparse._ArgumentGroup) -> None:
    """Give a command the flags that go with `--on ADDRESS`."""
    parser.add_argument(
        "--on-cpus", type=float, metavar="N",
        help="With --on: cores to reserve there (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--on-gpus", type=float, metavar="N",
        help="With --on: GPUs to reserve there (default: 1 where there is any)",
    )  # fmt: skip


def wishes(arguments: argparse.Namespace) -> dict[str, float]:
    """Resources to reserve on the cluster, from those flags."""
    given = {"cpus": arguments.on_cpus, "gpus": arguments.on_gpus}
    return {name: value for name, value in given.items() if value is not None}


def run_there(folder: Path, job: Job, *, resume: bool) -> int:
    """Submit a job to its cluster and follow it to its end; returns the exit code.

    Args:
        folder: The job's folder.
        job: What to run, and where.
        resume: Go on with what lies in the folder.

    Raises:
        RunError: The folder is taken, or the job failed.
        ConfigError: Ray is missing here, or the cluster refuses the job.
        Unreachable: The cluster does not answer.
    """
    folder = folder.resolve()
    if folder.is_dir() and any(folder.iterdir()):
        now = run_state(folder).state
        if now in UNFINISHED:
            raise RunError(f"run {folder} is {now}: cancel it first")
        if now == "finished" and resume:
            raise RunError(f"run {folder} is finished: there is nothing to resume")
    if job.kind == "train" and not resume:
        check_free(folder)
    with hold(folder):
        moved_on(job, folder, "started", start=Start()).write(folder)
    say(f"Running {folder} on {job.on}; Ctrl-C saves and stops it there")
    return follow_here(folder)


def follow_here(folder: Path) -> int:
    """Follow a job on a cluster to its end, showing its log; returns the exit code.

    Raises:
        RunError: The job failed, with its reason.
    """
    from core.cluster.follow import follow

    state = follow(folder, None if _is_own_log(folder) else say)
    status = RunFolder(path=folder).status()
    message = "" if status is None else status.message
    if state == "failed":
        raise RunError(message)
    if state == "cancelled":
        say(message)
        return INTERRUPTED
    sys.stdout.write(f"{folder}\n")
    return 0


def _is_own_log(folder: Path) -> bool:
    """Whether what this process says goes to the log that takes the job's lines anyway."""
    log = RunFolder(path=folder).log_path
    return log.exists() and os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat())
