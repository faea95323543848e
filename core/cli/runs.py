"""`runs`: list the training runs of a folder, and tell where one comes from."""

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from core.amounts import percent
from core.cli.command import Command, aligned, imports, say
from core.errors import BearingsError, ConfigError, RunError
from core.jobs.failures import plain_cause
from core.jobs.notes import Notes, has_tags, read_notes
from core.jobs.state import log_tail
from core.jobs.summary import RunSummary, list_runs
from core.runs import has_card, home_of, is_run, trained_dataset

_COLUMNS = ("run", "state", "epoch", "region", "median m", "heading °", "begun", "took", "backbone")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="WORD",
        help="Folder of run folders (default: runs); or lineage RUN: what it was made from and "
        "what came of it",
    )  # fmt: skip
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG",
        help="Only runs with this tag; if repeated, with all of the tags",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    words: list[str] = arguments.words
    if words and words[0] == "lineage":
        return _lineage(words[1:])
    if len(words) > 1:
        raise ConfigError(
            f"runs {' '.join(words)} is not a request: give one folder of runs, or lineage RUN; "
            "python -m core delete RUN deletes one"
        )
    return _list(Path(words[0] if words else "runs"), arguments.tag)


def _lineage(words: list[str]) -> int:
    if len(words) != 1:
        raise ConfigError("runs lineage needs one run, checkpoint or ensemble")
    with imports():
        from core.dataset.labels import read_dataset
        from core.lineage.read import lineage, lineage_in_text

    home = home_of(Path(words[0]))
    if not is_run(home) and not has_card(home):
        raise RunError(f"{home} holds no run and no checkpoint: give the path of its folder")
    try:
        dataset = read_dataset(trained_dataset(home))
    except BearingsError:
        # It was moved or changed; the lineage of the model does not depend on it.
        dataset = None
    for line in lineage_in_text(lineage(home, dataset=dataset)):
        sys.stdout.write(f"{line}\n")
    return 0


def _list(folder: Path, tags: list[str]) -> int:
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}: give the folder of the runs")
    found = list_runs(folder)
    if not found:
        say(f"{folder} holds no runs. Start one: python -m core train --help")
        return 0
    notes = {run.name: _notes(run) for run in found}
    found = [run for run in found if has_tags(notes[run.name], tags)]
    if not found:
        say(f"{folder} holds no run with the tag {' and '.join(tags)}")
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
        _figure(best, "region_accuracy", lambda share: percent(share, 1)),
        _figure(best, "median_m", "{:.1f}".format),
        _figure(best, "maae_deg", "{:.1f}".format),
        datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M") if run.started else "-",
        _took(run.duration_s),
        run.backbone or "-",
    )


def _figure(
    best: Mapping[str, float | None] | None, name: str, text_of: Callable[[float], str]
) -> str:
    """A validation figure as text; a dash where there is none."""
    value = best.get(name) if best else None
    return "-" if value is None else text_of(value)


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


COMMAND = Command(
    "runs",
    "[FOLDER] [--tag TAG]\n       python -m core runs lineage RUN",
    "List training runs: state, epochs, best validation figures and tags.",
    (
        "python -m core runs",
        "python -m core runs /data/runs --tag baseline",
        "python -m core runs lineage runs/first",
    ),
    _add,
    _run,
)
