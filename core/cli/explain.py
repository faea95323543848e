"""`python -m core explain`."""

import argparse
import json
import sys
from pathlib import Path

from core.cli.command import Command, bar, check_out_file, imports, say
from core.errors import ConfigError


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="A photo")
    parser.add_argument(
        "--region", help="Region to explain, by id or name (default: the most probable one)"
    )
    parser.add_argument(
        "--against",
        metavar="REGION",
        help="Region to compare it with, by id or name (default: the most probable other one)",
    )
    parser.add_argument(
        "--parts", type=int, default=25, metavar="N",
        help="Parts that the photo is cut into and hidden one after another (default: 25)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="text: sentences; json: every part with its effect (default: text)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="File to write (default: the output stream)"
    )
    parser.add_argument(
        "--device", default="auto", help="Device: auto, cpu, cuda or mps (default: auto)"
    )


def _run(arguments: argparse.Namespace) -> int:
    # Wrong arguments fail before the seconds that the model takes to load.
    check_out_file(arguments.out)
    if arguments.parts < 4:
        raise ConfigError(f"--parts must be at least 4, got {arguments.parts}")
    with imports():
        from core.explain.hiding import contrast, is_training_photo, rests_on
        from core.explain.sentence import as_dict, as_text
        from core.files import write_text
        from core.inference.loading import load_predictor

    predictor = load_predictor(arguments.model, arguments.device)
    photo = predictor.decode(arguments.photo)
    with bar("Hiding parts", "answers") as progress:
        found = rests_on(predictor, photo, arguments.parts, progress=progress)
    asked = arguments.region is not None or arguments.against is not None
    compared = None
    if asked or len(found.answer.regions) > 1:
        compared = contrast(found, arguments.region, arguments.against)
    if found.answer.refused[0]:
        say("note: the photo does not look like this campus, so its answer is refused")
    if is_training_photo(found.answer):
        say("note: the model was trained on this very photo, so hiding a part changes little")
    if arguments.format == "json":
        text = json.dumps(as_dict(found, compared), indent=2, ensure_ascii=False) + "\n"
    else:
        text = as_text(found, compared)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_text(arguments.out, text)
        say(f"written to {arguments.out}")
    return 0


COMMAND = Command(
    "explain",
    "RUN_OR_CHECKPOINT PHOTO [--against REGION] [--format FORMAT] [--out FILE]",
    "Say which parts of a photo its answer rests on, by hiding them.",
    (
        "python -m core explain checkpoints/demo-campus photo.jpg",
        "python -m core explain runs/first photo.jpg --against 'Lake Garden'   # why not there",
        "python -m core explain runs/first photo.jpg --format json --out parts.json",
    ),
    _add,
    _run,
)
