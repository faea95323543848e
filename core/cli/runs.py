"""`runs`: list the training runs of a folder, and delete runs."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from core.cli.command import Command, aligned, imports, say
from core.errors import BearingsError, ConfigError, RunError
from core.jobs.delete import Contents, contents_of, delete_runs
from core.jobs.failures import plain_cause
from core.jobs.notes import Notes, has_tags, read_notes
from core.jobs.state import log_tail
from core.jobs.summary import RunSummary, list_runs
from core.percent import percent
from core.runs import has_card, home_of, is_run, trained_dataset
from core.system import SYSTEM

_COLUMNS = ("run", "state", "epoch", "region", "median m", "heading °", "begun", "took", "backbone")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="WORD",
        help="Folder of run folders (default: runs); or lineage RUN: what it was made from and "
        "what came of it; or delete RUN [...]: remove runs, cross-validations or studies with "
        "their checkpoints and reports",
    )  # fmt: skip
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG",
        help="Only runs with this tag; if repeated, with all of the tags",
    )  # fmt: skip
    parser.add_argument(
        "--yes", action="store_true",
        help="With delete: delete; without it, only what would be deleted is listed",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    words: list[str] = arguments.words
    if words and words[0] == "delete":
        return _delete([Path(word) for word in words[1:]], confirmed=arguments.yes)
    if words and words[0] == "lineage":
        return _lineage(words[1:])
    if len(words) > 1:
        raise ConfigError(
            f"runs {' '.join(words)} is not a request: give one folder of runs, lineage RUN or "
            "delete RUN"
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


def _delete(paths: list[Path], *, confirmed: bool) -> int:
    if not paths:
        raise ConfigError("runs delete needs RUN: the path of a run folder")
    # All of them are looked at before any is deleted.
    contents = [contents_of(path) for path in paths]
    for each in contents:
        say("\n".join(_contents(each)))
    if not confirmed:
        repeat = SYSTEM.command_line(["python", "-m", "core", "runs", "delete", *map(str, paths)])
        say(f"Nothing is deleted yet. To delete this for good: {repeat} --yes")
        return 0
    delete_runs(paths)
    for path in paths:
        sys.stdout.write(f"deleted {path}\n")
    return 0


def _contents(contents: Contents) -> Iterator[str]:
    size = f"{contents.size_bytes / 2**20:,.1f} MB"
    yield f"{contents.path}: a {contents.kind_title}, {contents.files:,} files, {size}"
    yield from (f"  {part}" for part in contents.parts)


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
    "[FOLDER] [--tag TAG]\n       python -m core runs lineage RUN\n"
    "       python -m core runs delete RUN [...] [--yes]",
    "List training runs: state, epochs, best validation figures and tags; delete runs.",
    (
        "python -m core runs",
        "python -m core runs /data/runs --tag baseline",
        "python -m core runs lineage runs/first",
        "python -m core runs delete runs/first          # list what would go",
        "python -m core runs delete runs/first --yes",
    ),
    _add,
    _run,
)
