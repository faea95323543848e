"""`python -m benchmarks.ablation DATASET --out DIR [--plan demo] [--seeds 0,1,2] [--table]`.

    python -m benchmarks.ablation data/demo2000 --out runs/ablation --weights W.safetensors \
        --only reference,base,full
    python -m benchmarks.ablation data/demo2000 --out runs/ablation --weights W.safetensors --table
    python -m benchmarks.ablation data/real --out runs/real --plan real --weights W.safetensors \
        --folds 5 --only reference,frozen-logistic,frozen-ridge,full

Runs what is not done yet, seed by seed; kill it at any time and begin it again. Every variant is an
ordinary run in DIR/runs; results also go to DIR/results.jsonl. A piece is one line in plans.py.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.ablation.conduct import RESULTS, conduct
from benchmarks.ablation.markdown import ratios, table
from benchmarks.ablation.plan import BASELINES, Variant, read_plan, variants
from benchmarks.ablation.tables import judged_variants
from benchmarks.ablation.tasks import Protocol, Task, tasks
from core.cli.command import say
from core.errors import BearingsError, ConfigError
from core.files import read_json_lines
from core.training.interrupt import INTERRUPTED, TrainingInterrupted


def main(words: Sequence[str] | None = None) -> int:
    """Run what is not done, or print the tables."""
    arguments = _parser().parse_args(words)
    try:
        chosen = _chosen(arguments)
        every = list(_tasks(arguments, chosen))
        if arguments.list:
            for task in every:
                sys.stdout.write(f"{'done' if task.is_done else 'open'}  {task.key}\n")
            return 0
        failed = 0 if arguments.table else conduct(every, arguments.out, say)
        _print(chosen, every, arguments.out)
    except TrainingInterrupted as error:
        say(str(error))
        return INTERRUPTED
    except BearingsError as error:
        say(f"Error: {error}")
        return 2
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("dataset", type=Path, help="folder with labels and photos")
    add("--out", type=Path, required=True, help="folder of all runs")
    add("--plan", default="demo", help="name of a plan, or a JSON file")
    add("--weights", default="pretrained", help="what {weights} in the plan stands for")
    add("--common", default="", help="further options of train for every variant, as one text")
    add("--seeds", default="0,1,2", help="seeds of the networks; the split's stays")
    add("--split", default="spot", help="protocol of the split")
    add("--split-seed", type=int, default=0)
    add("--folds", type=int, default=0, help="judge all folds and pool them; 0: one split")
    add("--only", default="", help="variants by name, with commas between; empty: all")
    add("--without", default="", help="variants to leave out")
    add("--threads", type=int, default=1)
    add("--table", action="store_true", help="print the tables of what is done; run nothing")
    add("--list", action="store_true", help="list the runs and whether they are done")
    return parser


def _chosen(arguments: argparse.Namespace) -> list[Variant]:
    plan = read_plan(arguments.plan)
    common = f"{plan.common} {arguments.common}".replace("{weights}", arguments.weights)
    every = variants(replace(plan, common=common))
    only, without = (_names(getattr(arguments, key), every) for key in ("only", "without"))
    return [every[name] for name in only or every if name not in without]


def _names(text: str, every: dict[str, Variant]) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in every]
    if unknown:
        raise ConfigError(f"no variant {', '.join(unknown)}: there are {', '.join(every)}")
    return names


def _tasks(arguments: argparse.Namespace, chosen: list[Variant]) -> list[Task]:
    protocol = Protocol(arguments.split, arguments.split_seed, arguments.folds)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    return list(tasks(chosen, seeds, protocol, arguments.dataset, arguments.out, arguments.threads))


def _print(chosen: list[Variant], every: list[Task], out: Path) -> None:
    judged = judged_variants(every)
    lines = list(table(chosen, judged, _spent(every, out)))
    for baseline in BASELINES:
        found = list(ratios(baseline, chosen, judged))
        lines += ["", *found] if len(found) > 1 else []
    sys.stdout.write("\n".join(lines) + "\n")


def _spent(every: list[Task], out: Path) -> dict[str, float]:
    """Mean processor seconds of each variant's undisturbed runs, all folds of a seed together."""
    keys = {task.key for task in every}
    by_variant: dict[str, list[float]] = {}
    for line in read_json_lines(out / RESULTS):
        if line["key"] in keys and not line["resumed"]:
            by_variant.setdefault(line["variant"], []).append(line["cpu_seconds"])
    folds = max(1, len({task.fold for task in every}))
    return {name: folds * sum(s) / len(s) for name, s in by_variant.items()}


if __name__ == "__main__":
    raise SystemExit(main())
