"""`evaluate`: measure a run or a checkpoint on labelled photos."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.cli.command import Command, add_run_and_dataset, run_and_dataset
from core.cli.output import bar, say
from core.evaluation import told
from core.evaluation.schema import EvaluateConfig
from core.evaluation.trained import trained_dataset


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--findings", type=Path, metavar="FILE",
        help="The findings.csv of an audit, to report figures without suspect labels too "
        "(default: run the audit's label checks)",
    )  # fmt: skip
    add_run_and_dataset(parser, EvaluateConfig)


def _run(arguments: argparse.Namespace) -> int:
    config = run_and_dataset(arguments, EvaluateConfig)
    from core.audit.review import doubts
    from core.evaluation.evaluate import evaluate

    # A file of findings that cannot be read fails before an evaluation of hours.
    doubted = doubts(config.dataset or trained_dataset(config.run), arguments.findings)
    with bar("Evaluating") as progress:
        found = evaluate(config, progress, doubted)
    for line in _lines(found.report):
        say(line)
    sys.stdout.write(f"{found.out}\n")
    return 0


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Headline figures with their caveats; everything else is in the report."""
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
    # Photos seen in training, missing ones, baselines that do better.
    yield from (f"note: {note}" for note in report["notes"])


def _promises(coverage: Mapping[str, Any]) -> Iterator[str]:
    """Measured against nominal coverage, and the share of genuine photos refused."""
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
    "RUN_OR_CHECKPOINT [DATASET] [--part PART] [--by spot|visit] [--out DIR]",
    "Evaluate a run or a checkpoint on labelled photos: report.json, predictions.csv and plots.",
    (
        "python -m core evaluate runs/first",
        "python -m core evaluate runs/first --part val --out reports/first-val",
        "python -m core evaluate checkpoints/demo-campus data/demo",
        "python -m core evaluate runs/first data/other --part all   # photos it has never seen",
    ),
    _add,
    _run,
)
