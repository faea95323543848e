"""`export` and `import`: a model as one file."""

import argparse
import sys
from pathlib import Path

from core.cli.command import Command, imports, say


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="File to write; must not exist (default: NAME.zip, after the run)",
    )  # fmt: skip


def _export(arguments: argparse.Namespace) -> int:
    with imports():
        from core.bundle import default_bundle, export_model

    out = arguments.out or default_bundle(arguments.model)
    manifest = export_model(arguments.model, out)
    megabytes = sum(file.size for file in manifest.files) / 1e6
    say(f"{len(manifest.files)} files, {megabytes:.1f} MB; they name the training photos")
    sys.stdout.write(f"{out}\n")
    return 0


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="FILE", help="File that `export` wrote")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="Checkpoint folder to make; must not exist (default: checkpoints/NAME)",
    )  # fmt: skip


def _import(arguments: argparse.Namespace) -> int:
    with imports():
        from core.bundle import default_folder, import_model

    out = import_model(arguments.bundle, arguments.out or default_folder(arguments.bundle))
    say("every file is as the manifest says, and the model loads")
    sys.stdout.write(f"{out}\n")
    return 0


EXPORT = Command(
    "export",
    "RUN_OR_CHECKPOINT [--out FILE]",
    "Write a model as one file, with the SHA-256 of each of its parts.",
    (
        "python -m core export runs/first --out first.zip",
        "python -m core export checkpoints/demo-campus",
    ),
    _add_export,
    _export,
)
IMPORT = Command(
    "import",
    "FILE [--out FOLDER]",
    "Verify a model that `export` wrote, and unpack it as a checkpoint folder.",
    ("python -m core import first.zip", "python -m core import first.zip --out checkpoints/first"),
    _add_import,
    _import,
)
