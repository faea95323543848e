"""Run a command as a job: in the queue of its folder, or on a Ray cluster.

A command takes part by two lines: `add_queue_flags(parser)` among its arguments, and

    if to_queue(arguments):
        return put(arguments, "tune", config.out, config, again=("tune", ..., "--resume"))

before it begins its work. It must read its options from `--config -`.
"""

import argparse
import os
import sys
from pathlib import Path

from pydantic import BaseModel

from core.cli.command import say
from core.cluster.client import check_address
from core.errors import RunError
from core.jobs.conductor import ComputeTarget
from core.jobs.job import LOCAL, Job, Kind, Start, moved_on, read_job
from core.jobs.queue import enqueue_job, queue_of, requeue
from core.jobs.runner import ensure_runner
from core.jobs.state import UNFINISHED, run_state
from core.locks import hold
from core.training.interrupt import INTERRUPTED
from core.training.run_folder import RunFolder, check_free


def add_queue_flags(
    parser: argparse.ArgumentParser, reserved: str = "1"
) -> argparse._ArgumentGroup:
    """Give a command `--queue`, `--on` and what goes with them; returns their group.

    Args:
        parser: The command's parser.
        reserved: How many cores and GPUs of a cluster the command reserves by default, for help.
    """
    group = parser.add_argument_group("queue and cluster")
    group.add_argument(
        "--queue", action="store_true",
        help="Add the job to the queue of the folder around its own, and return at once; "
        "`python -m core queue` shows the queue",
    )  # fmt: skip
    group.add_argument(
        "--on", metavar="ADDRESS", default=LOCAL,
        help="Run the job on a Ray cluster, http://HOST:8265 or ray://HOST:10001, and follow it "
        f"here; with --queue: in the background (default: {LOCAL}, this machine)",
    )  # fmt: skip
    group.add_argument(
        "--on-cpus", type=float, metavar="N",
        help=f"With --on: cores to reserve there (default: {reserved})",
    )  # fmt: skip
    group.add_argument(
        "--on-gpus", type=float, metavar="N",
        help=f"With --on: GPUs to reserve there (default: {reserved} if there is any)",
    )  # fmt: skip
    return group


def cluster_resources(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the resources to reserve on the cluster, as `--on-cpus` and `--on-gpus` name them."""
    given = {"cpus": arguments.on_cpus, "gpus": arguments.on_gpus}
    return {name: value for name, value in given.items() if value is not None}


def cluster_words(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return `--on` and the flags that go with it as words of a command line."""
    given = {"--on": arguments.on, "--on-cpus": arguments.on_cpus, "--on-gpus": arguments.on_gpus}
    return tuple(str(word) for pair in given.items() if pair[1] is not None for word in pair)


def to_queue(arguments: argparse.Namespace) -> bool:
    """Whether the user wants a job rather than the work in this process."""
    return bool(arguments.queue) or arguments.on != LOCAL


def put(
    arguments: argparse.Namespace,
    kind: Kind,
    folder: Path,
    config: BaseModel,
    *,
    again: tuple[str, ...] = (),
    extra: tuple[str, ...] = (),
    device: str = "auto",
    slots: int = 1,
) -> int:
    """Add a command to the queue and make sure that a runner works there.

    With `--on` and without `--queue` the job runs on the cluster now, and is followed here.

    Args:
        arguments: As parsed.
        kind: The command.
        folder: Its folder; the queue is that of the folder around it.
        config: Every option; given to the command as `--config -`.
        again: What follows `python -m core` to resume it once it has begun; empty: the first
            command again.
        extra: Flags that are not options, passed each time.
        device: Device that it needs: auto, cpu, cuda or mps.
        slots: How many devices it can use at the same time.

    Returns:
        The exit code.

    Raises:
        RunError: The folder is not empty, or in use.
    """
    on = _where(arguments)
    job = Job(
        kind=kind,
        arguments=(kind, *extra),
        options=_absolute(config).model_dump(mode="json"),
        again=(*again, *extra) if again else (),
        device=device,
        slots=slots,
        on=on,
        wishes=cluster_resources(arguments),
    )
    if not job.is_local and not arguments.queue:
        return run_there(folder, job, resume=False)
    return _announced(enqueue_job(folder, job))


def put_conductor(
    arguments: argparse.Namespace,
    kind: Kind,
    folder: Path,
    config: BaseModel,
    *,
    again: tuple[str, ...],
    extra: tuple[str, ...],
    device: str,
    slots: int,
    conducts_here: bool = True,
) -> int:
    """Put a command whose work is jobs of its own into the queue of this machine.

    With `--on` its jobs run on the cluster, and it takes no device here; without, `slots` of them.
    Unless it `conducts_here`, the whole command runs there. Other arguments are those of `put`.

    Returns:
        The exit code.

    Raises:
        RunError: The folder is not empty, or in use.
    """
    if arguments.on != LOCAL and conducts_here:
        check_address(arguments.on)
        extra, slots = (*extra, *cluster_words(arguments)), 0
        arguments = argparse.Namespace(**vars(arguments) | {"on": LOCAL})
    return put(
        arguments, kind, folder, config, again=again, extra=extra, device=device, slots=slots
    )


def compute_target(arguments: argparse.Namespace, slots: int | None) -> ComputeTarget:
    """Where the jobs of a command run that is conducted here; `slots` at the same time."""
    return ComputeTarget(slots, _where(arguments), cluster_resources(arguments))


def put_back(folder: Path, arguments: argparse.Namespace | None = None) -> int:
    """Queue a cancelled, failed or lost job again; returns the exit code.

    `--on` among the arguments moves it to another place; without `--queue` it runs there now.
    """
    if arguments is None or arguments.on == LOCAL:
        return _announced(requeue(folder))
    folder, on = folder.resolve(), _where(arguments)
    job = read_job(folder) or Job.training(
        RunFolder(path=folder).config().model_copy(update={"run": folder})
    )
    job = job.model_copy(update={"on": on, "wishes": cluster_resources(arguments)})
    if not arguments.queue:
        return run_there(folder, job, resume=True)
    return _announced(requeue(folder, job))


def run_there(folder: Path, job: Job, *, resume: bool) -> int:
    """Submit a job to its cluster and follow it to its end; returns the exit code.

    Args:
        folder: The job's folder.
        job: What to run, and where.
        resume: Resume what is in the folder.

    Raises:
        RunError: The folder is not empty or in use, or the job failed.
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
    """Whether this process writes to the job's log, which gets the job's lines anyway."""
    log = RunFolder(path=folder).log_path
    return log.exists() and os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat())


def _where(arguments: argparse.Namespace) -> str:
    given: str = arguments.on
    return LOCAL if given == LOCAL else check_address(given)


def _announced(folder: Path) -> int:
    ensure_runner(folder.parent)
    place = next((each.place for each in queue_of(folder.parent) if each.path == folder), None)
    say(f"queued, place {place}" if place else f"it is {run_state(folder).state}")
    say(f"Show the queue: python -m core queue {folder.parent}")
    sys.stdout.write(f"{folder}\n")
    return 0


def _absolute(config: BaseModel) -> BaseModel:
    """Return the options with absolute paths, as the runner may have another working directory."""
    paths = {name: value for name, value in vars(config).items() if isinstance(value, Path)}
    return config.model_copy(update={name: path.resolve() for name, path in paths.items()})
