"""`evaluate`: judge a run or a checkpoint on photos with labels."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.cli.command import Command
from core.cli.output import bar, say
from core.cli.run_and_dataset import add_run_and_dataset, read_options
from core.evaluation import told
from core.evaluation.schema import EvaluateConfig
from core.evaluation.trained import trained_dataset


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--findings", type=Path, metavar="FILE",
        help="findings.csv of an audit: figures also without the photos whose labels it doubts "
        "(default: the label checks of the audit are made anew)",
    )  # fmt: skip
    add_run_and_dataset(parser, EvaluateConfig)


def _run(arguments: argparse.Namespace) -> int:
    config = read_options(arguments, EvaluateConfig)
    from core.audit.flagged import doubts
    from core.evaluation.evaluate import evaluate

    # Before hours on a CPU: a file of findings that cannot be read is told at once.
    doubted = doubts(config.dataset or trained_dataset(config.run), arguments.findings)
    with bar("Evaluating") as progress:
        found = evaluate(config, progress, doubted)
    for line in _lines(found.report):
        say(line)
    sys.stdout.write(f"{found.out}\n")
    return 0


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Headline figures and what stands beside them; everything else is in the report."""
    yield f"{report['n']} photos, {report['split']['name']}; {told.intervals_rest_on(report)}"
    accuracy = report["region"]["accuracy"]
    yield f"region    accuracy {_figure(report, 'refined', 'region_accuracy', accuracy)}"
    for kind in ("raw", "refined"):
        position, heading = report["position"][kind], report["heading"][kind]
        yield (
            f"{kind:<9} median {_figure(report, kind, 'median_m', position['median_m'])}, "
            f"mean {_figure(report, kind, 'mean_m', position['mean_m'])}, "
            f"within 10 m {_figure(report, kind, 'within_10m', position['within_10m'])}, "
            f"heading MAAE {_figure(report, kind, 'maae_deg', heading['maae_deg'])}"
        )
    yield f"leak      {told.leak_sentence(report)}"
    if doubted := told.flagged_sentence(report):
        yield f"doubts    {doubted}"
    if "coverage" in report:
        yield from _promises(report["coverage"])
    # Remembered photos, missing ones, baselines that do better: not to be found out later.
    yield from (f"note: {note}" for note in report["notes"])


def _promises(coverage: Mapping[str, Any]) -> Iterator[str]:
    """Coverage against promise, and how many genuine photos were refused."""
    for name in ("radius", "region", "wedge"):
        shown = ", ".join(
            f"{entry['promised']:.0%} promised, "
            + ("unknown" if entry["measured"] is None else f"{entry['measured']:.1%} held")
            for entry in coverage["overall"][name]
        )
        yield f"{name:<9} {shown}"
    yield f"refused   {coverage['refused']['share']:.1%} of these photos"


_figure = told.with_interval


COMMAND = Command(
    "evaluate",
    "RUN_OR_CHECKPOINT [DATASET] [--split PART] [--by spot|visit] [--out DIR]",
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
