"""What a command is, the arguments that commands on a run and a dataset share, and what it writes.

Progress goes to the error stream, so that only results reach the output. Of several processes that
train together only the main one writes.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from core.cli.flags import add_flags, given, validated
from core.dataset.layout import find_label_files
from core.errors import ConfigError, RunError, storage_text
from core.options import Schema
from core.training.environment import launched_rank

if TYPE_CHECKING:
    from tqdm import tqdm

# `train --split` names the protocol; `--split` is still accepted for a part.
_SHORT = {"--part": "split"}
# A log file gets a line now and then instead of a bar that redraws itself.
_LINE_EVERY_S = 30.0


@dataclass(frozen=True)
class Command:
    """One word after `python -m core`.

    Attributes:
        name: The word.
        usage: What follows it on the command line, in short.
        help: One sentence.
        examples: Commands that can be typed as they are, with what they do.
        add: Gives the parser its arguments.
        run: Does the work and returns the exit code.
    """

    name: str
    usage: str
    help: str
    examples: tuple[str, ...]
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    @property
    def epilog(self) -> str:
        """The examples, as they stand under the options in `--help`."""
        return "examples:\n" + "\n".join(f"  {example}" for example in self.examples)


def add_run_and_dataset(
    parser: argparse.ArgumentParser,
    schema: type[BaseModel],
    short: Mapping[str, str] | None = None,
) -> None:
    """Give a command RUN, DATASET and a flag for every other option of its schema.

    `short` names further short flags, as in `add_flags`.
    """
    parser.add_argument(
        "run", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )  # fmt: skip
    parser.add_argument(
        "dataset", nargs="?", type=Path, metavar="DATASET",
        help="Folder with labels and photos (default: the one that the run was trained on)",
    )  # fmt: skip
    add_flags(parser, schema, short=_SHORT | dict(short or {}), without=("run", "dataset"))


def add_dataset(parser: argparse.ArgumentParser, unless: str) -> None:
    """Give a command DATASET; `unless` names when it is not needed, such as `resume a run`."""
    parser.add_argument(
        "dataset", nargs="?", type=Path, metavar="DATASET",
        help=f"Folder with labels and photos; not needed to {unless}",
    )  # fmt: skip


def add_config(parser: argparse.ArgumentParser, example: str = "") -> None:
    """Give a command `--config`, which `flags.chosen` and `flags.read_options` read."""
    parser.add_argument(
        "--config", metavar="FILE",
        help=f"JSON file of options{example}; -: read from the input; flags override it",
    )  # fmt: skip


def check_out_file(out: Path | None) -> None:
    """Raise ConfigError if the file to write is a folder."""
    if out is not None and out.is_dir():
        raise ConfigError(f"--out {out} is a folder: name a file in it")


def run_and_dataset(arguments: argparse.Namespace, schema: type[Schema]) -> Schema:
    """Return the options that the user gave, checked.

    Raises:
        ConfigError: Wrong options.
        LabelError: DATASET has no labels; raised before the seconds that torch takes to import.
    """
    named = {"run": arguments.run, "dataset": arguments.dataset}
    config = validated(schema, given(arguments) | named, _SHORT)
    if arguments.dataset is not None:
        find_label_files(arguments.dataset)
    return config


@contextmanager
def imports() -> Iterator[None]:
    """Import heavy packages without garbage collection.

    Torch, timm and their like leave a million objects that all stay; looking through them again and
    again takes a sixth of the seconds that they need.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def say(text: str) -> None:
    """Write a line for the reader, above any progress bar."""
    if launched_rank() != 0:
        return
    from tqdm import tqdm  # takes 25 ms, and an answer without notes needs none

    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


@contextmanager
def continued_by(command: str, folder: Path) -> Iterator[None]:
    """Add the command that goes on with the work to the message of a full or unwritable disk.

    Args:
        command: What goes on.
        folder: Where the work is saved; without it there is nothing to go on from.

    Raises:
        RunError: In place of the `OSError` of such a disk.
    """
    try:
        yield
    except OSError as error:
        if (text := storage_text(error)) is None:
            raise
        again = f". To go on from what was saved: {command}" if folder.is_dir() else ""
        raise RunError(text + again) from error


@contextmanager
def bar(label: str, unit: str = "photos") -> Iterator[Callable[[int, int], None]]:
    """Give a callback `(done, in all)` that shows progress; nothing is shown before its first call.

    The count may begin anew, as the steps of an epoch do.
    """
    if launched_rank() != 0 or not sys.stderr.isatty():
        yield _lines(label, unit)
        return
    shown: list[tqdm] = []

    def draw(done: int, total: int) -> None:
        if not shown or shown[0].total != total or done < shown[0].n:
            for old in shown:
                old.close()
            shown[:] = [_new(label, unit, total)]
        shown[0].update(done - shown[0].n)

    try:
        yield draw
    finally:
        for each in shown:
            each.close()


def _new(label: str, unit: str, total: int) -> "tqdm":
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=label,
        unit=f" {unit}",
        file=sys.stderr,
        mininterval=0.2,
        dynamic_ncols=True,
        leave=False,
    )


def _lines(label: str, unit: str) -> Callable[[int, int], None]:
    shown = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown >= _LINE_EVERY_S:
            shown = time.monotonic()
            say(f"{label}: {done:,} of {total:,} {unit}")

    return line


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in columns; all rows have the same number of cells."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
