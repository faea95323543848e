"""`audit`: find suspect labels and photos, with evidence and proposed repairs."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.amounts import counted
from core.audit.schema import AuditConfig
from core.cli.command import Command, aligned, bar, check_out_file, say
from core.cli.flags import add_flags, given, validated

ACCEPT_SCORE = 0.9

if TYPE_CHECKING:
    from core.audit.run import Audit


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET_OR_LABELS_CSV",
        help="A dataset folder, or a CSV file of labels without photos",
    )  # fmt: skip
    add_flags(parser, AuditConfig, without=("dataset",))


def _run(arguments: argparse.Namespace) -> int:
    config = validated(AuditConfig, {"dataset": arguments.dataset, **given(arguments)})
    check_out_file(config.out)
    # scipy takes a second to import, and every command's module is imported for --help.
    from core.audit.run import audit
    from core.dataset.layout import dataset_folder

    folder = dataset_folder(config.dataset)
    if config.undo:
        _undo(folder, config)
    with bar("Reading photos") as reading:
        result = audit(config, photo_progress=reading)
    if config.out is not None:
        say(f"written to {config.out}")
    if config.accept:
        _accept(result, config)
    sys.stdout.write("\n".join([*_summary(result), *_decisions(result)]) + "\n")
    return 0


def _undo(folder: Path, config: AuditConfig) -> None:
    from core.audit.review import undo_by_rule

    gone = undo_by_rule(folder, config.undo)
    say(f"{len(gone)} decisions undone")


def _accept(result: "Audit", config: AuditConfig) -> None:
    from core.audit.review import accept_by_rule

    least = config.min_score if "min_score" in config.model_fields_set else ACCEPT_SCORE
    made = accept_by_rule(result.root, result.findings, config.accept, least)
    say(f"{len(made):,} repairs accepted by rule, for findings with a score of {least:g} or more")


def _decisions(result: "Audit") -> Iterator[str]:
    """The decisions so far, by rule and by people."""
    from core.dataset.repairs import REPAIRS_FILE, read_repairs, standing

    repairs = standing(read_repairs(result.root)).values()
    if repairs:
        accepted = sum(repair.decision == "accepted" for repair in repairs)
        rule = sum(repair.by == "rule" for repair in repairs)
        yield (
            f"{REPAIRS_FILE}: {accepted} accepted and {len(repairs) - accepted} rejected, {rule} "
            "of them by rule; they are applied whenever the dataset is read"
        )


def _summary(result: "Audit") -> Iterator[str]:
    """Findings by kind: number, number with a proposal, highest score, meaning."""
    from core.audit.run import all_kinds

    meaning = all_kinds()
    table = [["finding", "found", "proposals", "highest score", ""]]
    for kind, count in result.by_kind.items():
        own = [found for found in result.findings if found.finding == kind]
        proposals = sum(found.proposal != "" for found in own)
        highest = f"{max(found.score for found in own):.2f}"
        table.append([kind, str(count), str(proposals), highest, meaning.get(kind, "")])
    if len(table) > 1:
        yield from aligned(table)
    photos = {found.photo_id for found in result.findings if found.photo_id}
    findings = counted(len(result.findings), "finding")
    # A finding may be about an area, or about all rows together.
    about = f" about {counted(len(photos), 'photo')}" if photos else ""
    rows = counted(result.rows, "row")
    yield f"{findings}{about} in {rows}; the label files are unchanged"
    yield from (f"skipped: {each.check}: {each.reason}" for each in result.skipped)


COMMAND = Command(
    "audit",
    "DATASET_OR_LABELS_CSV [--out FILE] [--accept KINDS] [--undo KINDS]",
    "Find suspect labels and photos, with evidence and proposed repairs.",
    (
        "python -m core audit data/campus --out findings.csv",
        "python -m core audit labels_train.csv --out findings.csv   # photos may be absent",
        "python -m core audit data/campus --min-score 0.5 --no-photos",
        "python -m core audit data/campus --accept sexagesimal,swapped   # scores from 0.9",
        "python -m core audit data/campus --undo sexagesimal",
        "python -m core audit data/campus --crossval runs/cv   # labels that models find unlikely",
    ),
    _add,
    _run,
)
