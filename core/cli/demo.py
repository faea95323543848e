"""`demo`: render the demo campus."""

import argparse
import sys

from core.cli.command import Command, bar, continued_by
from core.cli.flags import add_flags, given, validated
from core.demo.build import DemoConfig


def _add(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, DemoConfig)


def _run(arguments: argparse.Namespace) -> int:
    from core.demo.build import build_demo

    config = validated(DemoConfig, given(arguments))
    with continued_by("the same command", config.out), bar("Rendering") as progress:
        folder = build_demo(config, progress)
    sys.stdout.write(f"{folder}\n")
    return 0


COMMAND = Command(
    "demo",
    "--out DIR [--photos N] [--seed S] [--faults RATE]",
    "Render the demo campus: labelled photos of an invented place.",
    (
        "python -m core demo --out data/demo --photos 6500 --seed 7",
        "python -m core demo --out data/elsewhere --photos 500 --seed 8   # another campus",
        "python -m core demo --out data/spoiled --photos 2000 --faults 0.1   # see faults.csv",
        "python -m core demo --out data/odd --photos 500 --fault-kinds swapped=0.02,region=0.02",
    ),
    _add,
    _run,
)
