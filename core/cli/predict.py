"""`predict`: estimate where photos were taken and which way the camera faced."""

import argparse
import sys
from pathlib import Path

from core.cli.command import Command, bar, check_out_file, imports, say

FORMATS = ("json", "csv", "csv-short", "geojson", "kml", "gpx", "submission")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )
    parser.add_argument(
        "photos", type=Path, metavar="PHOTO_OR_FOLDER",
        help="A photo, or a folder of photos, searched with its subfolders",
    )  # fmt: skip
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="json",
        help="Format of the answers (default: json); submission is the course's table, which also "
        "has answers for refused photos",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="File to write (default: the output stream)"
    )
    parser.add_argument(
        "--region", help="Known region of the photos; improves position and heading"
    )
    parser.add_argument(
        "--heading", type=float, metavar="DEGREES",
        help="Known heading, degrees clockwise from true north; improves the position",
    )  # fmt: skip
    parser.add_argument(
        "--keep-refused", "--no-refusal", action="store_true", dest="keep_refused",
        help="Also write answers for refused photos",
    )  # fmt: skip
    parser.add_argument(
        "--device", default="auto", help="Device: auto, cpu, cuda or mps (default: auto)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from core.inference.files import find_photos

    # Wrong arguments fail before the seconds that the model takes to load.
    check_out_file(arguments.out)
    paths = find_photos(arguments.photos)
    with imports():
        from core.confidence.overlap import UNSEEN_FROM, UNSEEN_NOTE
        from core.evaluation.place import other_place_note
        from core.files import write_text
        from core.inference.export_files import check_form, written
        from core.inference.loading import load_predictor

    predictor = load_predictor(arguments.model, arguments.device)
    check_form(arguments.format, predictor.card.labels, predictor.card.local_frame.frame)
    with bar("Predicting") as progress:
        found = predictor.predict_files(paths, progress, arguments.region, arguments.heading)
    elsewhere = other_place_note(predictor.card, predictor.gallery, arguments.photos, paths)
    for note in (*found.prediction.notes, *elsewhere):
        say(f"note: {note}")
    for failure in found.failures:
        say(f"error: {failure.reason}")
    keep = arguments.keep_refused
    confidence = found.prediction.confidence
    refused = int(found.prediction.refused.sum())
    if refused:
        hint = "" if keep else "; --keep-refused writes their answers too"
        say(f"note: {refused} of {len(found.prediction)} photos do not look like this campus{hint}")
    unseen = 0 if confidence is None else int((confidence.unseen >= UNSEEN_FROM).sum())
    if unseen:
        say(f"note: {unseen} of {len(found.prediction)} photos: {UNSEEN_NOTE}")
    text = written(found.prediction, predictor.gallery, arguments.format, keep_refused=keep)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_text(arguments.out, text)
        say(f"{len(found.prediction)} photos written to {arguments.out}")
    return 1 if found.failures else 0


COMMAND = Command(
    "predict",
    "RUN_OR_CHECKPOINT PHOTO_OR_FOLDER [--format FORMAT] [--out FILE]",
    "Estimate where photos were taken and which way the camera faced.",
    (
        "python -m core predict checkpoints/demo-campus photo.jpg",
        "python -m core predict runs/first data/demo/images --format csv --out places.csv",
        "python -m core predict runs/first photo.jpg --region 7   # the region is known",
        "python -m core predict runs/first others/ --keep-refused   # refused photos too",
        "python -m core predict runs/first walk/ --format geojson --out walk.geojson",
        "python -m core predict runs/first walk/ --format gpx --out walk.gpx   # also kml",
    ),
    _add,
    _run,
)
