"""`python -m benchmarks [--quick] [--only NAME ...]`: every benchmark that this machine can make.

Each runs what it compares in turns, several rounds, and writes its own section of
docs/benchmarks.md: medians, spread, machine, versions and command. The last section names what was
not run, and why. `--quick` makes small ones and writes to the output stream alone.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.document import DOCUMENT, LAST, measured_on, write_section
from benchmarks.effort import Effort

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "opencv-python-headless")


def _of(module: str) -> Callable[[Effort], list[str]]:
    """The `measure` of a module, which is imported when it is called."""

    def measure(effort: Effort) -> list[str]:
        lines: list[str] = importlib.import_module(f"benchmarks.{module}").measure(effort)
        return lines

    return measure


@dataclass(frozen=True)
class Benchmark:
    """One section of the document."""

    title: str
    measure: Callable[[Effort], list[str]]


BENCHMARKS = {
    "augmentation": Benchmark("Augmentation on one core", _of("augmentation")),
    "loading": Benchmark("Loading by threads and processes", _of("loading")),
    "neighbours": Benchmark("Nearest photos", _of("neighbours")),
    "one-photo": Benchmark("One photo", _of("one_photo")),
    "folder": Benchmark("Many photos", _of("folder")),
    "verification": Benchmark("Geometric verification", _of("verification")),
    "attribution": Benchmark("Attribution", _of("attribution")),
    "finish": Benchmark("Finish of a run", _of("finish")),
    "app-start": Benchmark("Start of the app", _of("app_start")),
    "map": Benchmark("Map of 100,000 predictions", _of("map_bytes")),
    "demo": Benchmark("Demo campus", _of("demo_time")),
    "memory": Benchmark("Memory", _of("memory")),
    "growth": Benchmark("Growth", _of("growth")),
}
# What takes another machine, or hours; each has a command of its own.
ELSEWHERE = (
    ("pages of the app in a browser", "owns the section Pages", "python -m benchmarks.pages"),
    (
        "GPU: training beside a bare step, batch sizes, ways of feeding, augmentation on the "
        "device, memory formats, compilation, the finish of a run",
        "needs a CUDA GPU",
        "python -m benchmarks.gpu --minutes 8",
    ),
    (
        "time to the reference recipe's accuracy, and a whole run beside its three trainings",
        "takes hours on 2 cores",
        "python -m benchmarks.reference_recipe",
    ),
    (
        "what each piece of the training adds",
        "takes hours on 2 cores",
        "python -m benchmarks.ablation",
    ),
    ("a second process", "needs two quiet cores", "python -m benchmarks.two_processes DATASET"),
    ("position neighbours among 10 million", "has no command yet", ""),
    ("frame times of a map of 100,000 predictions", "has no command yet", ""),
    ("memory with 20 sessions", "has no command yet", ""),
)


def not_run() -> str:
    """The section that names what this command does not measure."""
    rows = [
        f"| {what} | {why} | {f'`{command}`' if command else ''} |"
        for what, why, command in ELSEWHERE
    ]
    table = ["| what | why | command |", "|---|---|---|", *rows]
    return "\n".join([LAST, "", *table])


def main(words: Sequence[str] | None = None) -> int:
    """Make the benchmarks, and write their sections as they end."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=BENCHMARKS, metavar="NAME", default=list(BENCHMARKS),
        help=f"Make these alone: {', '.join(BENCHMARKS)}",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="One small round, not written")
    parser.add_argument("--rounds", type=int, default=7, help="Rounds of each pair (default: 7)")
    parser.add_argument("--demo", type=Path, help="A rendered demo campus of seed 7")
    parser.add_argument(
        "--out", type=Path, default=DOCUMENT, help="Document (default: docs/benchmarks.md)"
    )
    asked = parser.parse_args(words)
    command = "python -m benchmarks " + " ".join(sys.argv[1:] if words is None else words)
    with ExitStack() as opened:
        rounds = 1 if asked.quick else asked.rounds
        effort = Effort(asked.quick, rounds, asked.demo, opened)
        for name in asked.only:
            benchmark = BENCHMARKS[name]
            lines = benchmark.measure(effort)
            head = f"{measured_on(command, _PACKAGES)} Rounds: {rounds}, in turns."
            section = "\n".join([f"## {benchmark.title}", "", head, "", *lines])
            if asked.quick:
                sys.stdout.write(f"{section}\n\n")
                continue
            write_section(asked.out, section)
            sys.stderr.write(f"{name} is in {asked.out}\n")
    if asked.quick:
        sys.stdout.write(f"{not_run()}\n")
    else:
        write_section(asked.out, not_run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
