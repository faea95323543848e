"""`report`: an evaluated model on one page."""

import argparse
import sys
from pathlib import Path

from core.cli.command import Command, check_out_file, imports, say
from core.errors import ConfigError
from core.runs import trained_dataset


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="RUN_OR_REPORT",
        help="Run, checkpoint or ensemble folder that was evaluated, or a folder with report.json",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE",
        help="File to write (default: report.html)",
    )  # fmt: skip
    parser.add_argument(
        "--worst", type=int, default=12, metavar="N",
        help="How many photos to list, those with the largest errors first (default: 12)",
    )  # fmt: skip
    parser.add_argument(
        "--photos", action="store_true",
        help="Embed these photos, made small and without EXIF (default: none is in the file)",
    )  # fmt: skip
    parser.add_argument(
        "--dataset", type=Path, metavar="DATASET",
        help="With --photos: folder of the photos (default: the one that was evaluated)",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    check_out_file(arguments.out)
    if not 0 <= arguments.worst <= 1000:
        raise ConfigError(f"--worst must be from 0 to 1000, got {arguments.worst}")
    if arguments.dataset is not None and not arguments.photos:
        raise ConfigError("--dataset is where the photos are: add --photos to embed them")
    with imports():
        from dataclasses import replace

        from core.evaluation.html_report import page, read_content
        from core.files import write_text

    content = read_content(arguments.model)
    if arguments.photos:
        about = content.report.dataset
        folder = arguments.dataset or (
            Path(about.root) if about else trained_dataset(arguments.model)
        )
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}: name the photos' with --dataset")
        content = replace(content, photos=folder)
    text = page(content, arguments.worst)
    write_text(arguments.out, text)
    embedded = "with their photos" if arguments.photos else "without photos"
    say(f"{len(text) / 1e6:.1f} MB, {embedded}; opens without a server")
    sys.stdout.write(f"{arguments.out}\n")
    return 0


COMMAND = Command(
    "report",
    "RUN_OR_REPORT [--out FILE] [--worst N] [--photos]",
    "Write the evaluation of a model as one HTML page that opens anywhere.",
    (
        "python -m core report runs/first --out report.html",
        "python -m core report runs/first --photos --worst 20",
    ),
    _add,
    _run,
)
