"""Putting a command into the queue of its folder instead of running it here and now.

A command takes part by two lines: `add_queue_flags(parser)` among its arguments, and

    if to_queue(arguments):
        return put(arguments, "tune", config.out, config, again=("tune", ..., "--resume"))

before it begins its work. It must read its options from `--config -`.
"""

import argparse
import sys
from pathlib import Path

from pydantic import BaseModel

from core.cli.elsewhere import add_cluster_flags, run_there, wishes
from core.cli.output import say
from core.cluster.client import check_address
from core.jobs.job import LOCAL, Job, Kind, read_job
from core.jobs.queue import enqueue_job, queue_of, requeue
from core.jobs.start import ensure_runner
from core.jobs.state import run_state
from core.training.run_folder import RunFolder


def add_queue_flags(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Give a command `--queue`, `--on` and what goes with them; returns their group."""
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
    add_cluster_flags(group)
    return group


def to_queue(arguments: argparse.Namespace) -> bool:
    """Whether the user asked for the queue rather than for the work itself."""
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
) -> int:
    """Put a command into the queue and see to it that somebody works it off.

    With `--on` and without `--queue` it runs on the cluster now, and is followed here.

    Args:
        arguments: As parsed.
        kind: The command.
        folder: Its folder; the queue is that of the folder around it.
        config: Every option; given to the command as `--config -`.
        again: What follows `python -m core` to go on with it once it has begun; nothing: the same
            as at first.
        extra: Flags that are no options, given each time.
        device: What it asks for: auto, cpu, cuda or mps.

    Returns:
        The exit code.

    Raises:
        RunError: The folder is taken.
    """
    on = _where(arguments)
    job = Job(
        kind=kind,
        arguments=(kind, *extra),
        options=_absolute(config).model_dump(mode="json"),
        again=(*again, *extra) if again else (),
        device=device,
        on=on,
        wishes=wishes(arguments),
    )
    if not job.is_local and not arguments.queue:
        return run_there(folder, job, resume=False)
    return _told(enqueue_job(folder, job))


def put_back(folder: Path, arguments: argparse.Namespace | None = None) -> int:
    """Put a cancelled, failed or lost job back into its queue; returns the exit code.

    `--on` among the arguments sends it to another place than before; without `--queue`, now.
    """
    if arguments is None or arguments.on == LOCAL:
        return _told(requeue(folder))
    folder, on = folder.resolve(), _where(arguments)
    job = read_job(folder) or Job.training(
        RunFolder(path=folder).config().model_copy(update={"run": folder})
    )
    job = job.model_copy(update={"on": on, "wishes": wishes(arguments)})
    if not arguments.queue:
        return run_there(folder, job, resume=True)
    return _told(requeue(folder, job))


def _where(arguments: argparse.Namespace) -> str:
    given: str = arguments.on
    return LOCAL if given == LOCAL else check_address(given)


def _told(folder: Path) -> int:
    ensure_runner(folder.parent)
    place = next((each.place for each in queue_of(folder.parent) if each.path == folder), None)
    say(f"queued, place {place}" if place else f"it is {run_state(folder).state}")
    say(f"See how it stands: python -m core queue {folder.parent}")
    sys.stdout.write(f"{folder}\n")
    return 0


def _absolute(config: BaseModel) -> BaseModel:
    """Options whose own paths hold wherever the runner works."""
    paths = {name: value for name, value in vars(config).items() if isinstance(value, Path)}
    return config.model_copy(update={name: path.resolve() for name, path in paths.items()})
