"""`crossval`: train and evaluate every fold of a dataset, or resume a cross-validation."""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.command import Command, add_config, add_dataset, continued_by, imports, say
from core.cli.flags import add_flags, chosen, given
from core.cli.queueing import add_queue_flags, compute_target, put_conductor
from core.cli.train import SHORT as TRAIN_SHORT
from core.cli.train import of_preset
from core.crossval.folder import REPORT, check_free, read_config
from core.crossval.schema import CrossvalConfig
from core.dataset.layout import find_label_files
from core.errors import ConfigError
from core.evaluation import report_text
from core.evaluation.schema import Kind
from core.headline import Figure
from core.jobs.conductor import ComputeTarget
from core.jobs.job import LOCAL
from core.training.interrupt import INTERRUPTED, TrainingInterrupted

if TYPE_CHECKING:
    from core.crossval.report import CrossvalReport
    from core.training.run_folder import EpochReport

SHORT = {flag: path for flag, path in TRAIN_SHORT.items() if flag != "--fold"} | {"--out": "run"}
# Title, name in the report, factor, unit, and which interval belongs to it.
_SHOWN: tuple[tuple[str, str, float, str, Kind, Figure], ...] = (
    ("region accuracy", "region.accuracy", 100.0, " %", "refined", "region_accuracy"),
    ("median error", "position.raw.median_m", 1.0, " m", "raw", "median_m"),
    ("median error, refined", "position.refined.median_m", 1.0, " m", "refined", "median_m"),
    ("heading MAAE", "heading.raw.maae_deg", 1.0, "°", "raw", "maae_deg"),
    ("heading MAAE, refined", "heading.refined.maae_deg", 1.0, "°", "refined", "maae_deg"),
    ("within 10 m and 15°", "joint_10m_15deg", 100.0, " %", "refined", "joint_10m_15deg"),
)


def _add(parser: argparse.ArgumentParser) -> None:
    add_dataset(parser, "resume")
    parser.add_argument(
        "--resume", action="store_true",
        help="Resume the cross-validation in --out; finished folds are kept",
    )  # fmt: skip
    parser.add_argument(
        "--aggregate", action="store_true",
        help="Train nothing: check the finished folds in --out and write their report again",
    )  # fmt: skip
    parser.add_argument(
        "--parallel", action="store_true",
        help="Every fold as a job of its own: on all GPUs of this machine at once or, with --on, "
        "on the cluster's; wait for them here",
    )  # fmt: skip
    add_config(parser)
    add_flags(parser, CrossvalConfig, short=SHORT, without=("dataset", "command", "split.fold"))
    add_queue_flags(parser)


def _run(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    if arguments.on == LOCAL or arguments.parallel:
        find_label_files(config.dataset)
    if arguments.queue or (arguments.on != LOCAL and not arguments.parallel):
        return _queue(arguments, config)
    with imports():
        from core.crossval.run import aggregate_folder, cross_validate

    if arguments.aggregate:
        report = aggregate_folder(config)
    else:
        say(f"{'Resuming' if arguments.resume else 'Cross-validating'} {config.out}")
        try:
            with continued_by(f"python -m core crossval --out {config.out} --resume", config.out):
                report = cross_validate(config, arguments.resume, _show_epoch, _target(arguments))
        except TrainingInterrupted as error:
            say(str(error))
            return INTERRUPTED
    for line in _lines(report):
        say(line)
    sys.stdout.write(f"{config.out / REPORT}\n")
    return 0


def _target(arguments: argparse.Namespace) -> ComputeTarget:
    return compute_target(arguments, None) if arguments.parallel else ComputeTarget()


def _queue(arguments: argparse.Namespace, config: CrossvalConfig) -> int:
    if arguments.aggregate:
        raise ConfigError("--aggregate trains nothing: run it here, without --queue and --on")
    if not arguments.resume:
        check_free(config.out)
    again = ("crossval", "--out", str(config.out.resolve()), "--resume")
    parallel = bool(arguments.parallel)
    return put_conductor(
        arguments,
        "crossval",
        config.out,
        config,
        again=again,
        extra=("--parallel",) if parallel else (),
        device=config.device,
        slots=config.folds if parallel else 1,
        conducts_here=parallel or arguments.on == LOCAL,
    )


def _config(arguments: argparse.Namespace) -> CrossvalConfig:
    saved = None
    if arguments.resume or arguments.aggregate:
        out = given(arguments).get("run")
        if out is None:
            raise ConfigError("--resume and --aggregate need --out: the cross-validation's folder")
        saved = read_config(Path(out))
    begin = partial(of_preset, arguments.on)
    return chosen(arguments, CrossvalConfig, "crossval", SHORT, saved, begin)


def _show_epoch(fold: int, report: "EpochReport") -> None:
    metrics = report.validation
    say(
        f"fold {fold} epoch {report.epoch:>3}/{report.epochs} loss {report.train.total:.3f} | "
        f"validation: {metrics.in_words()}{'  best so far' if report.best else ''}"
    )


def _lines(report: "CrossvalReport") -> Iterator[str]:
    """Headline figures: mean and spread over folds, and all photos together."""
    pooled = report.pooled
    yield (
        f"{pooled.n:,} photos, {len(report.folds)} folds of {report.protocol}: mean ± sd over "
        "folds | pooled"
    )
    for title, name, factor, unit, kind, figure in _SHOWN:
        found, whole = report.summary.get(name), report.pooled_figure(name)
        if found is None or found.mean is None or found.sd is None or whole is None:
            continue
        ends = report_text.interval_of(pooled, kind, figure)
        interval = f" ({ends})" if ends else ""
        yield (
            f"{title:<22} {factor * found.mean:.1f} ± {factor * found.sd:.1f}{unit} | "
            f"{factor * whole:.1f}{unit}{interval}"
        )
    yield f"{'leak':<22} {report_text.leak_sentence(pooled)}"
    if suspect := report_text.flagged_sentence(pooled):
        yield f"{'labels':<22} {suspect}"
    if basis := report_text.intervals_basis(pooled):
        yield basis
    yield from (f"note: {note}" for note in report.notes)


COMMAND = Command(
    "crossval",
    "DATASET --out DIR [--folds K] [--split PROTOCOL] [options of train]\n"
    "       python -m core crossval --out DIR --resume",
    "Cross-validate: train and evaluate every fold; report mean, spread and pooled figures.",
    (
        "python -m core crossval data/demo --out runs/cv --folds 5 --split spot",
        "python -m core crossval data/demo --out runs/cv-walks --split visit --epochs 10",
        "python -m core crossval --out runs/cv --resume",
        "python -m core crossval --out runs/cv --aggregate   # the report of finished folds again",
        "python -m core crossval data/demo --out runs/tonight --queue",
        "python -m core crossval data/demo --out runs/cv --parallel   # all GPUs at once",
        "python -m core crossval data/demo --out runs/cv --on http://head:8265 --parallel",
    ),
    _add,
    _run,
)
