"""RUN and DATASET, as the commands take them that show a run photos with labels."""

import argparse
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from core.cli.flags import add_flags, given, validated
from core.dataset.layout import find_label_files

Options = TypeVar("Options", bound=BaseModel)


def add_run_and_dataset(parser: argparse.ArgumentParser, schema: type[BaseModel]) -> None:
    """Give a command both, and a flag for every other option of its schema."""
    parser.add_argument(
        "run", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="run folder, checkpoint folder or ensemble folder",
    )  # fmt: skip
    parser.add_argument(
        "dataset", nargs="?", type=Path, metavar="DATASET",
        help="folder with labels and photos; absent: the one that the run was trained on",
    )  # fmt: skip
    add_flags(parser, schema, without=("run", "dataset"))


def read_options(arguments: argparse.Namespace, schema: type[Options]) -> Options:
    """What was asked for.

    Raises:
        ConfigError: Options that cannot be.
        LabelError: DATASET has no labels: told before the seconds that torch takes to import.
    """
    asked = {"run": arguments.run, "dataset": arguments.dataset}
    config = validated(schema, given(arguments) | asked)
    if arguments.dataset is not None:
        find_label_files(arguments.dataset)
    return config
