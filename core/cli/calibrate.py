"""`calibrate`: learn how far a model's answers can be believed, and which photos to refuse."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from core.calibration.schema import CalibrateConfig
from core.cli.command import Command
from core.cli.flags import add_flags, given
from core.cli.mistakes import validated
from core.cli.progress import bar, say
from core.dataset.layout import find_label_files
from core.trust.schema import LEVELS, Calibration


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="run folder, checkpoint folder or ensemble folder",
    )  # fmt: skip
    parser.add_argument(
        "dataset", nargs="?", type=Path, metavar="DATASET",
        help="folder with labels and photos; absent: the one that the run was trained on",
    )  # fmt: skip
    add_flags(parser, CalibrateConfig, without=("run", "dataset"))


def _run(arguments: argparse.Namespace) -> int:
    values = given(arguments) | {"run": arguments.run, "dataset": arguments.dataset}
    config = validated(CalibrateConfig, values)
    # A wrong path is told before the seconds that torch takes to import.
    if config.dataset is not None:
        find_label_files(config.dataset)
    from core.calibration.calibrate import calibrate
    from core.trust.files import FILE

    with bar("Calibrating") as progress:
        found = calibrate(config, progress)
    for line in _lines(found.calibration):
        say(line)
    sys.stdout.write(f"{found.folder / FILE}\n")
    return 0


def _lines(found: Calibration) -> Iterator[str]:
    """What it was fitted on, and what it found; coverage is measured by `evaluate`."""
    yield (
        f"{found.photos} photos of {found.groups} groups, {found.part} part of the "
        f"{found.protocol} split"
    )
    region = found.region
    if region.before:
        yield (
            f"region    temperature {region.temperature:.2f}, ECE {region.before['ece']:.3f} "
            f"before, {region.after['ece']:.3f} after"
        )
    for name, ratio in (("position", found.position.ratio), ("heading", found.heading.ratio)):
        shown = ", ".join(
            f"{level:.0%} at " + ("unknown: too few photos" if value is None else f"{value:.2f}")
            for level, value in zip(LEVELS, ratio, strict=True)
        )
        yield f"{name:<9} times the expected error: {shown}"
    if found.refusal is None:
        yield "refusal   none: too few photos to set a threshold"
    else:
        yield (
            f"refusal   above {found.refusal.threshold:.2f}, which accepts "
            f"{found.refusal.accepted:.0%} of photos like these"
        )


COMMAND = Command(
    "calibrate",
    "RUN_OR_CHECKPOINT [DATASET] [--split PART]",
    "Learn how far answers can be believed, and which photos to refuse, from held-out photos.",
    (
        "python -m core calibrate runs/first",
        "python -m core calibrate checkpoints/demo-campus data/demo",
        "python -m core calibrate checkpoints/three data/demo   # an ensemble, as a whole",
    ),
    _add,
    _run,
)
