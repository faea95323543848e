"""`evaluate`: judge a run or a checkpoint on photos with labels."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.cli.command import Command
from core.cli.flags import add_flags, given
from core.cli.mistakes import validated
from core.cli.progress import bar, say
from core.dataset.layout import find_label_files
from core.evaluation.schema import EvaluateConfig


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder, or checkpoint folder")
    parser.add_argument(
        "dataset", nargs="?", type=Path, metavar="DATASET",
        help="folder with labels and photos; absent: the one that the run was trained on",
    )  # fmt: skip
    add_flags(parser, EvaluateConfig, without=("run", "dataset"))


def _run(arguments: argparse.Namespace) -> int:
    values = given(arguments) | {"run": arguments.run, "dataset": arguments.dataset}
    config = validated(EvaluateConfig, values)
    # A wrong path is told before the seconds that torch takes to import.
    if config.dataset is not None:
        find_label_files(config.dataset)
    from core.evaluation.evaluate import evaluate

    with bar("Evaluating") as progress:
        found = evaluate(config, progress)
    for line in _lines(found.report):
        say(line)
    sys.stdout.write(f"{found.out}\n")
    return 0


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Headline figures; everything else is in the report."""
    yield f"{report['n']} photos, {report['split']['name']}"
    yield f"region    accuracy {report['region']['accuracy']:.1%}"
    for name in ("raw", "refined"):
        position, heading = report["position"][name], report["heading"][name]
        yield (
            f"{name:<9} median {position['median_m']:.1f} m, mean {position['mean_m']:.1f} m, "
            f"within 10 m {position['within_10m']:.1%}, heading MAAE {heading['maae_deg']:.1f}°"
        )
    # Remembered photos, missing ones, baselines that do better: not to be found out later.
    yield from (f"note: {note}" for note in report["notes"])


COMMAND = Command(
    "evaluate",
    "RUN [DATASET] [--split PART] [--out DIR]",
    "Judge a run or a checkpoint on labelled photos: report.json, predictions.csv and plots.",
    (
        "python -m core evaluate runs/first",
        "python -m core evaluate runs/first --split val --out reports/first-val",
        "python -m core evaluate checkpoints/demo-campus data/demo",
        "python -m core evaluate runs/first data/other --split all   # photos it never saw",
    ),
    _add,
    _run,
)
