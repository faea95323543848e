"""`evaluate` and `calibrate`: measure a model on labelled photos, or fit its confidence on them."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.amounts import percent
from core.calibration.schema import CalibrateConfig
from core.cli.command import Command, add_run_and_dataset, bar, imports, run_and_dataset, say
from core.cli.train import RETRIEVAL
from core.confidence.schema import LEVELS, Calibration
from core.evaluation import report_text
from core.evaluation.schema import EvaluateConfig, Kind
from core.headline import Figure
from core.runs import trained_dataset

_SHOWN: dict[str, Figure] = {
    "median": "median_m",
    "mean": "mean_m",
    "within 10 m": "within_10m",
    "heading MAAE": "maae_deg",
}

if TYPE_CHECKING:
    from core.evaluation.report import Report
    from core.evaluation.report_coverage import CoverageOfPhotos, CoverageReport


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--findings", type=Path, metavar="FILE",
        help="The findings.csv of an audit, to report figures without suspect labels too "
        "(default: run the audit's label checks)",
    )  # fmt: skip
    add_run_and_dataset(parser, EvaluateConfig)


def _run(arguments: argparse.Namespace) -> int:
    config = run_and_dataset(arguments, EvaluateConfig)
    with imports():
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


def _lines(report: "Report") -> Iterator[str]:
    """Headline figures with their caveats; everything else is in the report."""
    basis = report_text.intervals_basis(report)
    yield f"{report.n:,} photos, {report.split.name}" + (f"; {basis}" if basis else "")
    if counts := report_text.labels_sentence(report):
        yield f"labels    {counts}"
    if report.region is not None:
        accuracy = report_text.with_interval(report, "refined", "region_accuracy")
        yield f"region    accuracy {accuracy}"
    kinds: tuple[Kind, ...] = ("raw", "refined")
    for kind in kinds:
        figures = [
            f"{title} {report_text.with_interval(report, kind, figure)}"
            for title, figure in _SHOWN.items()
            if report.figures(kind).of(figure) is not None
        ]
        if figures:
            yield f"{kind:<9} {', '.join(figures)}"
    untrained = report.baselines.get("zero_training")
    if untrained is not None:
        shown = ", ".join(
            f"{title} {report_text.shown(figure, value)}"
            for title, figure in {"region accuracy": "region_accuracy", **_SHOWN}.items()
            if (value := untrained.figures.of(figure)) is not None
        )
        yield f"untrained {shown} (the frozen backbone alone)"
    if report.position is not None:
        yield f"leak      {report_text.leak_sentence(report)}"
    if suspect := report_text.flagged_sentence(report):
        yield f"labels    {suspect}"
    if report.coverage is not None:
        yield from _coverage(report, report.coverage)
    # Photos seen in training, missing ones, baselines that do better.
    yield from (f"note: {note}" for note in report.notes)


def _coverage(report: "Report", coverage: "CoverageReport") -> Iterator[str]:
    """Measured against promised coverage, and the share of genuine photos refused."""
    yield from _sizes(report, coverage.overall)
    yield f"refused   {percent(coverage.refused.share, 1)} of these photos"
    unseen = coverage.unseen
    if unseen is None or unseen.radius_m is None:
        return
    error = "" if unseen.median_m is None else f", median error {unseen.median_m:.1f} m"
    yield (
        f"without the training photos within {unseen.radius_m:g} m ({unseen.n:,} photos{error}, "
        f"{percent(unseen.named, 1)} named as such, {percent(unseen.refused, 1)} refused):"
    )
    yield from _sizes(report, unseen)


def _sizes(report: "Report", coverage: "CoverageOfPhotos") -> Iterator[str]:
    """Measured against promised coverage of some photos, a line a size."""
    for name, entries in coverage.by_size.items():
        # The region here is the area of positions.
        if (report.heading if name == "wedge" else report.position) is None:
            continue
        shown = ", ".join(
            f"{percent(each.promised)} promised, "
            + ("unknown" if each.measured is None else f"{percent(each.measured, 1)} measured")
            for each in entries
        )
        yield f"{name:<9} {shown}"


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


def _add_calibrate(parser: argparse.ArgumentParser) -> None:
    add_run_and_dataset(parser, CalibrateConfig, RETRIEVAL)


def _calibrate(arguments: argparse.Namespace) -> int:
    config = run_and_dataset(arguments, CalibrateConfig)
    with imports():
        from core.calibration.calibrate import calibrate
        from core.confidence.files import FILE

    with bar("Calibrating") as progress:
        found = calibrate(config, progress)
    for line in _calibration_lines(found.calibration):
        say(line)
    sys.stdout.write(f"{found.folder / FILE}\n")
    return 0


def _calibration_lines(found: Calibration) -> Iterator[str]:
    """What it was fitted on, and the result; `evaluate` measures coverage."""
    yield (
        f"{found.photos:,} photos of {found.groups:,} groups, {found.part} part of the "
        f"{found.protocol} split"
    )
    region = found.region
    if region is not None and region.before:
        yield (
            f"region    temperature {region.temperature:.2f}, ECE {region.before['ece']:.3f} "
            f"before, {region.after['ece']:.3f} after"
        )
    for name, fit in (("position", found.position), ("heading", found.heading)):
        if fit is None:
            continue
        shown = ", ".join(
            f"{percent(level)} at "
            + ("unknown: too few photos" if value is None else f"{value:.2f}")
            for level, value in zip(LEVELS, fit.ratio, strict=True)
        )
        yield f"{name:<9} least multiple of the expected error: {shown}"
    if found.refusal is None:
        yield "refusal   none: too few photos to set a threshold"
    else:
        yield (
            f"refusal   above {found.refusal.threshold:.2f}, which accepts "
            f"{percent(found.refusal.accepted)} of photos like these"
        )
    yield from (f"note: {note}" for note in found.notes)


CALIBRATE = Command(
    "calibrate",
    "RUN_OR_CHECKPOINT [DATASET] [--part PART]",
    "Fit the confidence of answers, and the refusal of unknown photos, on held-out photos.",
    (
        "python -m core calibrate runs/first",
        "python -m core calibrate checkpoints/demo-campus data/demo",
        "python -m core calibrate checkpoints/three data/demo   # an ensemble",
    ),
    _add_calibrate,
    _calibrate,
)
