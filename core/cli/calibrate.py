"""`calibrate`: fit a model's confidence and its refusal of unknown photos."""

import argparse
import sys
from collections.abc import Iterator

from core.calibration.schema import CalibrateConfig
from core.cli.command import Command, add_run_and_dataset, run_and_dataset
from core.cli.output import bar, say
from core.confidence.schema import LEVELS, Calibration


def _add(parser: argparse.ArgumentParser) -> None:
    add_run_and_dataset(parser, CalibrateConfig)


def _run(arguments: argparse.Namespace) -> int:
    config = run_and_dataset(arguments, CalibrateConfig)
    from core.calibration.calibrate import calibrate
    from core.confidence.files import FILE

    with bar("Calibrating") as progress:
        found = calibrate(config, progress)
    for line in _lines(found.calibration):
        say(line)
    sys.stdout.write(f"{found.folder / FILE}\n")
    return 0


def _lines(found: Calibration) -> Iterator[str]:
    """What it was fitted on, and the result; `evaluate` measures coverage."""
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
    "RUN_OR_CHECKPOINT [DATASET] [--part PART]",
    "Fit the confidence of answers, and the refusal of unknown photos, on held-out photos.",
    (
        "python -m core calibrate runs/first",
        "python -m core calibrate checkpoints/demo-campus data/demo",
        "python -m core calibrate checkpoints/three data/demo   # an ensemble",
    ),
    _add,
    _run,
)
