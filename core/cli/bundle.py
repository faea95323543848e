"""`export` and `import`: a model as one file."""

import argparse
import sys
from pathlib import Path

from core.cli.command import Command, imports, say
from core.errors import ConfigError


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="File to write; must not exist (default: NAME.zip, after the run)",
    )  # fmt: skip
    parser.add_argument(
        "--onnx", action="store_true",
        help="First write the network as ONNX into the checkpoint, compared with torch's answers: "
        "on CPUs predictions start and answer faster then. Without --out nothing else is written",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, metavar="DATASET",
        help="Data set whose held-out photos the ONNX answers are compared on (default: the run's)",
    )  # fmt: skip


def _export(arguments: argparse.Namespace) -> int:
    with imports():
        from core.bundle import default_bundle, export_model

    if arguments.data is not None and not arguments.onnx:
        raise ConfigError("--data is for --onnx: leave it out, or add --onnx")
    if arguments.onnx:
        _export_onnx(arguments.model, arguments.data)
        if arguments.out is None:
            return 0
    out = arguments.out or default_bundle(arguments.model)
    manifest = export_model(arguments.model, out)
    megabytes = sum(file.size for file in manifest.files) / 1e6
    say(f"{len(manifest.files):,} files, {megabytes:.1f} MB; they name the training photos")
    sys.stdout.write(f"{out}\n")
    return 0


def _export_onnx(model: Path, data: Path | None) -> None:
    """Export every network of a model, and print the graphs."""
    with imports():
        from core.inference.onnx_export import export_model_as_onnx

    for folder, exported in export_model_as_onnx(model, data):
        apart = ", ".join(f"{name} {value:.2g}" for name, value in exported.difference.items())
        say(f"largest differences from torch on {exported.checked_on}: {apart}")
        for graph in filter(None, (exported.network, exported.retrieval)):
            sys.stdout.write(f"{folder / graph.file}\n")


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
    "RUN_OR_CHECKPOINT [--out FILE] [--onnx]",
    "Write a model as one file, with the SHA-256 of each of its parts.",
    (
        "python -m core export runs/first --out first.zip",
        "python -m core export checkpoints/demo-campus",
        "python -m core export runs/first --onnx",
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
