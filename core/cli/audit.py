"""`audit`: what looks wrong in a label file, with the evidence and what would mend it."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.audit.schema import AuditConfig
from core.cli.command import Command
from core.cli.flags import add_flags, given
from core.cli.mistakes import validated
from core.cli.progress import say
from core.cli.tables import aligned
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.audit.run import Audit


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET_OR_LABELS_CSV",
        help="a dataset folder, or one CSV file of labels, whose photos may be absent",
    )  # fmt: skip
    add_flags(parser, AuditConfig, without=("dataset",))


def _run(arguments: argparse.Namespace) -> int:
    config = validated(AuditConfig, {"dataset": arguments.dataset, **given(arguments)})
    if config.out is not None and config.out.is_dir():
        raise ConfigError(f"--out {config.out} is a folder: name a file in it")
    # scipy takes a second to import, and every command's module is imported for --help.
    from core.audit.run import audit

    result = audit(config)
    if config.out is not None:
        say(f"written to {config.out}")
    sys.stdout.write("\n".join(_summary(result)) + "\n")
    return 0


def _summary(result: "Audit") -> Iterator[str]:
    """Findings by kind with their number, how many have a proposal, and what they are."""
    from core.audit.registry import all_kinds

    meaning = all_kinds()
    table = [["finding", "found", "proposals", "surest", ""]]
    for kind, count in result.by_kind.items():
        own = [found for found in result.findings if found.finding == kind]
        proposals = sum(found.proposal != "" for found in own)
        surest = f"{max(found.score for found in own):.2f}"
        table.append([kind, str(count), str(proposals), surest, meaning.get(kind, "")])
    if len(table) > 1:
        yield from aligned(table)
    photos = {found.photo_id for found in result.findings if found.photo_id}
    yield (
        f"{len(result.findings)} findings about {len(photos)} photos in {result.rows} rows; "
        "nothing was changed"
    )
    yield from (f"skipped: {each.check}: {each.reason}" for each in result.skipped)


COMMAND = Command(
    "audit",
    "DATASET_OR_LABELS_CSV [--out FILE]",
    "Find what looks wrong in labels and photos, with the evidence and what would mend it.",
    (
        "python -m core audit data/campus --out findings.csv",
        "python -m core audit labels_train.csv --out findings.csv   # photos may be absent",
        "python -m core audit data/campus --min-score 0.5 --no-photos",
    ),
    _add,
    _run,
)
