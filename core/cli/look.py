"""`look`: say what is understood of a dataset folder."""

import argparse
import json
import sys
from pathlib import Path

from core.cli.command import Command
from core.errors import NoTableError


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET_OR_LABEL_FILE",
        help="A dataset folder, or one label file beside its photos",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="Write JSON for programs")
    parser.add_argument(
        "--allow-missing", action="store_true",
        help="Do not fail if more than 1 %% of the rows cannot be used",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from core.dataset.labels import read_dataset
    from core.dataset.look import look, summary

    # What is left out is shown even if it is too much to go on.
    try:
        dataset = read_dataset(arguments.dataset, allow_missing=True)
    except NoTableError:
        from core.ingest.survey import survey

        if not arguments.json and (text := survey(arguments.dataset)):
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        raise
    if arguments.json:
        text = json.dumps(look(dataset).as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    else:
        text = summary(dataset)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    # Raises what would stop `train`.
    strict = read_dataset(arguments.dataset, allow_missing=arguments.allow_missing)
    strict.check_trainable()
    if not arguments.json:
        sys.stdout.write(f"  next       python -m core train {arguments.dataset} --run runs/NAME\n")
    return 0


COMMAND = Command(
    "look",
    "DATASET_OR_LABEL_FILE [--json]",
    "Say what is understood of a dataset folder; exit code 1 if it cannot be trained on.",
    (
        "python -m core look data/campus",
        "python -m core look data/campus/labels.xlsx --json",
    ),
    _add,
    _run,
)
