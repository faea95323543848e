"""`runs`: list the training runs of a folder."""

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from core.cli.command import Command, aligned, say
from core.errors import RunError
from core.jobs.failures import plain_cause
from core.jobs.notes import Notes, has_tags, read_notes
from core.jobs.state import log_tail
from core.jobs.summary import RunSummary, list_runs

_COLUMNS = ("run", "state", "epoch", "region", "median m", "heading °", "begun", "took", "backbone")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("runs"), metavar="FOLDER",
        help="Folder of run folders (default: runs)",
    )  # fmt: skip
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG",
        help="Only runs with this tag; if repeated, with all of the tags",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.folder.is_dir():
        raise RunError(f"there is no folder {arguments.folder}: give the folder of the runs")
    found = list_runs(arguments.folder)
    if not found:
        say(f"{arguments.folder} holds no runs. Start one: python -m core train --help")
        return 0
    notes = {run.name: _notes(run) for run in found}
    found = [run for run in found if has_tags(notes[run.name], arguments.tag)]
    if not found:
        say(f"{arguments.folder} holds no run with the tag {' and '.join(arguments.tag)}")
        return 0
    rows = [(*_COLUMNS, "tags"), *((*_row(run), _listed(notes[run.name])) for run in found)]
    for line in aligned(rows):
        sys.stdout.write(f"{line}\n")
    for run in found:
        if run.state in ("failed", "lost", "damaged"):
            cause = plain_cause(run.message, log_tail(run.path), run.config)
            say(f"{run.name} {run.state}: {cause}")
    return 0


def _notes(run: RunSummary) -> Notes:
    try:
        return read_notes(run.path)
    except RunError as error:
        say(str(error))
        return Notes()


def _listed(notes: Notes) -> str:
    return ", ".join(notes.tags) or "-"


def _row(run: RunSummary) -> tuple[str, ...]:
    best = run.best
    return (
        run.name,
        run.state,
        f"{run.epoch}/{run.epochs}" if run.epochs else "-",
        _figure(best, "region_accuracy", ".1%"),
        _figure(best, "median_m", ".1f"),
        _figure(best, "maae_deg", ".1f"),
        datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M") if run.started else "-",
        _took(run.duration_s),
        run.backbone or "-",
    )


def _figure(best: Mapping[str, float | None] | None, name: str, form: str) -> str:
    """A validation figure as text; a dash where there is none."""
    value = best.get(name) if best else None
    return "-" if value is None else format(value, form)


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


COMMAND = Command(
    "runs",
    "[FOLDER] [--tag TAG]",
    "List training runs: state, epochs, best validation figures and tags.",
    ("python -m core runs", "python -m core runs /data/runs --tag baseline"),
    _add,
    _run,
)
