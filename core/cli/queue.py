"""`queue` and `follow`: list, cancel, move, resume and follow the jobs of a folder of runs."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from core.amounts import percent
from core.cli.command import Command, aligned, say
from core.cli.queueing import follow_here, put_back
from core.errors import ConfigError, RunError
from core.jobs.devices import gpus
from core.jobs.failures import plain_cause
from core.jobs.queue import cancel, move
from core.jobs.runner import ensure_runner, run_queue
from core.jobs.state import ACTIVE, UNFINISHED, log_tail, run_state
from core.jobs.summary import RunSummary, list_jobs
from core.runs import is_run

_COLUMNS = ("place", "job", "state", "command", "device", "epoch", "why")
_GIB = 2**30


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="WORD",
        help="A folder of runs whose queue to show (default: runs); or one of: cancel RUN; move "
        "RUN PLACES (-1: one place earlier); resume RUN; run ROOT (run all waiting jobs here)",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    words: list[str] = arguments.words
    if words and words[0] in _ACTIONS:
        return _ACTIONS[words[0]](words[1:])
    if len(words) > 1:
        raise ConfigError(
            f"queue {' '.join(words)} is not a request: give a folder of runs, or one of "
            f"{', '.join(_ACTIONS)} with its arguments; see python -m core queue --help"
        )
    return _list(Path(words[0] if words else "runs"))


def _list(root: Path) -> int:
    if not root.is_dir():
        raise RunError(f"there is no folder {root}: give the folder of the runs")
    # Replace a runner that was killed.
    ensure_runner(root)
    for gpu in gpus():
        busy = "" if gpu.utilisation is None else f", {percent(gpu.utilisation)} busy"
        memory = f"{gpu.used_bytes / _GIB:.1f} of {gpu.total_bytes / _GIB:.1f} GiB"
        say(f"GPU {gpu.index}: {gpu.name}, {memory}{busy}")
    jobs = [job for job in list_jobs(root) if job.state != "finished"]
    if not jobs:
        say(f"No job runs or waits in {root}. Start one: python -m core train --help")
        return 0
    jobs.sort(key=lambda job: (job.state not in ACTIVE, job.place is None, job.place or 0))
    for line in aligned([_COLUMNS, *(_row(job) for job in jobs)]):
        sys.stdout.write(f"{line}\n")
    return 0


def _row(job: RunSummary) -> tuple[str, ...]:
    why = ""
    if job.state in ("failed", "lost", "damaged"):
        why = " ".join(plain_cause(job.message, log_tail(job.path), job.config).split())
    return (
        str(job.place or "-"),
        job.name,
        job.state,
        job.kind,
        job.slot or ("-" if job.on == "local" else job.on),
        f"{job.epoch}/{job.epochs}" if job.epochs else "-",
        why,
    )


def _cancel(words: list[str]) -> int:
    run = _job("cancel RUN", words)
    before = run_state(run).state
    cancel(run)
    now = run_state(run).state
    if before not in UNFINISHED:
        say(f"{run} is {before}: there is nothing to cancel")
    elif now == "cancelled":
        say(f"{run} is cancelled")
    else:
        say(f"{run} got a stop request; it saves and stops after the current step")
    return 0


def _move(words: list[str]) -> int:
    try:
        places = int(words[1])
    except (IndexError, ValueError) as error:
        raise ConfigError("queue move needs RUN and PLACES, such as -1 or 2") from error
    run = _job("move RUN PLACES", [words[0], *words[2:]])
    move(run, places)
    return _list(run.parent)


def _resume(words: list[str]) -> int:
    return put_back(_job("resume RUN", words))


def _work(words: list[str]) -> int:
    if len(words) != 1:
        raise ConfigError("queue run needs one folder of runs")
    root = Path(words[0])
    if not root.is_dir():
        raise RunError(f"there is no folder {root}: give the folder of the runs")
    run_queue(root)
    return 0


def _job(usage: str, words: list[str]) -> Path:
    if len(words) != 1:
        raise ConfigError(f"queue {usage} needs one run")
    run = Path(words[0]).resolve()
    if not is_run(run):
        raise RunError(f"{run} holds no run: give the path of a run folder")
    return run


_ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "cancel": _cancel,
    "move": _move,
    "resume": _resume,
    "run": _work,
}

COMMAND = Command(
    "queue",
    "[ROOT]\n       python -m core queue cancel|resume RUN\n"
    "       python -m core queue move RUN PLACES\n       python -m core queue run ROOT",
    "Show the queue of a folder of runs; cancel, move and resume jobs.",
    (
        "python -m core queue",
        "python -m core queue cancel runs/first",
        "python -m core queue move runs/third -1",
        "python -m core queue resume runs/first",
        "python -m core queue run runs",
    ),
    _add,
    _run,
)


def _add_follow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="Folder of a job with --on ADDRESS")


def _follow(arguments: argparse.Namespace) -> int:
    if not is_run(arguments.run):
        raise RunError(f"{arguments.run} holds no run: give the path of a run folder")
    return follow_here(arguments.run)


FOLLOW = Command(
    "follow",
    "RUN",
    "Follow a job on a Ray cluster: show its log, and pass on a stop request.",
    ("python -m core follow runs/first",),
    _add_follow,
    _follow,
)
