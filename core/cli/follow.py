"""`follow`: run a job on its cluster, or go on following one that runs there."""

import argparse
from pathlib import Path

from core.cli.command import Command
from core.cli.elsewhere import follow_here
from core.errors import RunError
from core.jobs.summary import is_run


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="Folder of a job with --on ADDRESS")


def _run(arguments: argparse.Namespace) -> int:
    if not is_run(arguments.run):
        raise RunError(f"{arguments.run} holds no run: give the path of a run folder")
    return follow_here(arguments.run)


COMMAND = Command(
    "follow",
    "RUN",
    "Follow a job on a Ray cluster: take over its log, pass a wish to stop on, bring it back.",
    ("python -m core follow runs/first",),
    _add,
    _run,
)
