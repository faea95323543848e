"""`python -m benchmarks [--quick] [--only NAME ...]`: every benchmark that this machine can make.

Each runs what it compares in turns, several rounds, and writes its own section of
docs/benchmarks.md: medians, spread, machine, versions and command. The last section names what was
not run, and why. `--quick` makes small ones and writes to the output stream alone.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.document import DOCUMENT, measured_on, write_section
from core.project import PROJECT
from core.runs import SHIPPED

CHECKPOINT = PROJECT / "checkpoints" / SHIPPED
_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "opencv-python-headless")


@dataclass
class Effort:
    """How much is measured, and on what.

    Attributes:
        quick: Whether everything is as small as it can be.
        rounds: Rounds of each pair.
        given: A rendered demo campus of seed 7, or None.
        opened: Removes what is made.
    """

    quick: bool
    rounds: int
    given: Path | None
    opened: ExitStack

    @cached_property
    def demo(self) -> Path:
        """The demo campus, rendered if none is given."""
        if self.given is not None:
            return self.given
        from core.demo.build import DemoConfig, build_demo

        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        return build_demo(DemoConfig(out=folder / "demo", photos=24 if self.quick else 128))


def _augmentation(effort: Effort) -> list[str]:
    from benchmarks.augmentation import augmentation

    return augmentation(effort.demo, effort.rounds, 4 if effort.quick else 64)


def _loading(effort: Effort) -> list[str]:
    from benchmarks.loading import loading

    return loading(effort.demo, effort.rounds, 16 if effort.quick else 1000)


def _neighbours(effort: Effort) -> list[str]:
    from benchmarks.neighbours import neighbours

    counts = (1_000,) if effort.quick else (7_000, 100_000)
    return neighbours(effort.rounds, counts, 10 if effort.quick else 300)


def _one_photo(effort: Effort) -> list[str]:
    from benchmarks.one_photo import one_photo

    photo = min((effort.demo / "images").iterdir())
    return one_photo(CHECKPOINT, photo, effort.rounds)


@dataclass(frozen=True)
class Benchmark:
    """One section of the document."""

    title: str
    measure: Callable[[Effort], list[str]]


BENCHMARKS = {
    "augmentation": Benchmark("Augmentation on one core", _augmentation),
    "loading": Benchmark("Loading by threads and processes", _loading),
    "neighbours": Benchmark("Nearest photos", _neighbours),
    "one-photo": Benchmark("One photo", _one_photo),
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
    (
        "position neighbours among 10 million, descriptors among 1 million",
        "has no command yet",
        "",
    ),
    ("Captum's integrated gradients beside attribution", "has no command yet", ""),
    ("maps of 100,000 predictions: bytes and frame times", "has no command yet", ""),
    ("memory with 65,000 photos and with 20 sessions", "has no command yet", ""),
)
NOT_RUN = "## Not run here"


def not_run() -> str:
    """The section that names what this command does not measure."""
    rows = [
        f"| {what} | {why} | {f'`{command}`' if command else ''} |"
        for what, why, command in ELSEWHERE
    ]
    table = ["| what | why | command |", "|---|---|---|", *rows]
    return "\n".join([NOT_RUN, "", *table])


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
