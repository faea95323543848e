"""What a command is, and the arguments that commands on a run and a dataset share."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from core.cli.flags import add_flags, given, validated
from core.dataset.layout import find_label_files
from core.options import Schema

# `train --split` names the protocol; `--split` is still accepted for a part.
_SHORT = {"--part": "split"}


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


def add_run_and_dataset(parser: argparse.ArgumentParser, schema: type[BaseModel]) -> None:
    """Give a command RUN, DATASET and a flag for every other option of its schema."""
    parser.add_argument(
        "run", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )  # fmt: skip
    parser.add_argument(
        "dataset", nargs="?", type=Path, metavar="DATASET",
        help="Folder with labels and photos (default: the one that the run was trained on)",
    )  # fmt: skip
    add_flags(parser, schema, short=_SHORT, without=("run", "dataset"))


def run_and_dataset(arguments: argparse.Namespace, schema: type[Schema]) -> Schema:
    """Return the options that the user gave, checked.

    Raises:
        ConfigError: Wrong options.
        LabelError: DATASET has no labels; raised before the seconds that torch takes to import.
    """
    asked = {"run": arguments.run, "dataset": arguments.dataset}
    config = validated(schema, given(arguments) | asked, _SHORT)
    if arguments.dataset is not None:
        find_label_files(arguments.dataset)
    return config
