"""`compare`: whether one of several evaluated models is significantly better."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.command import Command, aligned, bar, check_out_file, imports, say
from core.cli.flags import add_flags, given, validated
from core.crossval.folder import is_crossval
from core.evaluation.schema import CompareConfig
from core.files import write_json
from core.runs import find_checkpoint

if TYPE_CHECKING:
    from core.comparison.compare import Comparison, Difference
    from core.evaluation.stored_reports import EvaluatedModel


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="RUN_OR_REPORT",
        help="Two or more runs, checkpoints, reports or cross-validations; the others are compared "
        "with the first; a run's newest report on test photos is used",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="Also write the comparison as JSON"
    )
    parser.add_argument(
        "--on", type=Path, metavar="DATASET",
        help="Compare on the photos of this dataset that are test photos of every model; models "
        "without a report on them are evaluated first",
    )  # fmt: skip
    add_flags(parser, CompareConfig)


def _run(arguments: argparse.Namespace) -> int:
    config = validated(CompareConfig, given(arguments))
    check_out_file(arguments.out)
    # Heavy to import, and every command's module is imported for --help.
    from core.comparison.compare import compare_all
    from core.comparison.text import as_json, basis
    from core.evaluation.stored_reports import named_apart

    if arguments.on is None:
        models = named_apart([_model(path) for path in arguments.models])
    else:
        models = _on_common_photos(arguments.models, arguments.on)
    found = compare_all(models, config)
    if arguments.out is not None:
        write_json(arguments.out, as_json(found))
        say(f"written to {arguments.out}")
    for pair in found.pairs:
        sys.stdout.write("\n".join(_lines(pair)) + "\n\n")
    if found.pairs:
        sys.stdout.write(f"{basis(found.pairs)}\n")
    for reason in found.unranked.values():
        sys.stdout.write(f"not ranked: {reason}\n")
    return 0


def _model(path: Path) -> "EvaluatedModel":
    from core.crossval.report import read_pooled
    from core.evaluation.stored_reports import find_report, read_evaluated_model

    return read_pooled(path) if is_crossval(path) else read_evaluated_model(find_report(path))


def _on_common_photos(paths: list[Path], root: Path) -> "list[EvaluatedModel]":
    with imports():
        from core.audit.review import doubts
        from core.comparison.common_photos import common_photos, models_on_common_photos
        from core.dataset.labels import read_dataset
        from core.evaluation.evaluate import evaluate
        from core.evaluation.schema import EvaluateConfig

    checkpoints = {str(path): find_checkpoint(path) for path in paths}
    dataset = read_dataset(root)
    common = common_photos(checkpoints, dataset)
    if common.refusal is None:
        for name in common.missing:
            part = common.held_out[name].part
            with bar(f"Evaluating {name}") as progress:
                evaluate(
                    EvaluateConfig(run=checkpoints[name], dataset=root, split=part),
                    progress,
                    doubts(root),
                )
        common = common_photos(checkpoints, dataset)
    return models_on_common_photos(common)


def _lines(found: "Comparison") -> Iterator[str]:
    """A comparison as text: verdict, measures, regions and cautions."""
    from core.comparison.text import cautions, interval, overall

    yield overall(found)
    yield ""
    measures = [["", found.reference, found.candidate, "difference", "interval", ""]]
    for each in found.differences:
        show, gap = each.measure.shown, each.measure.gap(each.difference)
        figures = [show(each.reference), show(each.candidate), gap, interval(each), each.verdict]
        measures.append([each.measure.title, *figures])
    yield from aligned(measures)
    yield ""
    if found.regions:
        yield from aligned(_regions(found))
    yield from (f"note: {caution}" for caution in cautions(found))


def _regions(found: "Comparison") -> list[list[str]]:
    titles = [each.measure.title for each in found.regions[0].differences]
    rows = [["region", "photos", f"{found.by}s", *titles]]
    for region in found.regions:
        cells = [_cell(each) for each in region.differences]
        rows.append([region.region, str(region.photos), str(region.clusters), *cells])
    return rows


def _cell(found: "Difference") -> str:
    gap = found.measure.gap(found.difference)
    return gap if found.verdict == "not distinguishable" else f"{gap} {found.verdict}"


COMMAND = Command(
    "compare",
    "RUN_OR_REPORT RUN_OR_REPORT [...] [--on DATASET] [--out FILE]",
    "Compare evaluated models on the same photos: better, worse, or not distinguishable.",
    (
        "python -m core compare runs/first runs/second",
        "python -m core compare checkpoints/demo-campus runs/first runs/second --out compare.json",
        "python -m core compare runs/first runs/second --by visit --kind raw",
        "python -m core compare runs/first checkpoints/demo-campus --on data/demo",
    ),
    _add,
    _run,
)
